#!/usr/bin/env bash
# Debian packages: installs what is missing where root or sudo is there, otherwise names it.
#   packages.sh require PACKAGE...           ends with an error where one cannot be had
#   packages.sh require_missing PACKAGE:PROOF...   the same for those whose proof is not there
#   packages.sh want PACKAGE:PROOF...        what cannot be had is named, and its tests skip; in CI they fail
# PROOF is what the package brings, and its form says of which kind it is:
#   /usr/lib/*/libx.a    a path, with wildcards
#   libx.so.2            a shared library, by its whole soname (libx-y.so.2 is another one)
#   x                    a program
set -u
mode=$1; shift

is_there() {
  local PATH=$PATH:/usr/sbin:/sbin  # where those who are not root do not look
  case $1 in
    */*) compgen -G "$1" >/dev/null ;;
    *.so | *.so.*) ldconfig -p 2>/dev/null | awk -v soname="$1" '$1 == soname { found = 1 } END { exit !found }' ;;
    *) type -P "$1" >/dev/null ;;
  esac
}

missing=()
for item in "$@"; do
  package=${item%%:*} proof=${item#*:}
  [ "$mode" != require ] && is_there "$proof" && continue
  missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo="sudo"
  else
    echo "Missing Debian packages: ${missing[*]}"
    echo "Install them with: sudo apt-get install ${missing[*]}"
    [ "$mode" != want ] && exit 1
    exit 0
  fi
fi
echo "Installing: ${missing[*]}"
log=$(mktemp)
install=(${sudo} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1; then
  ${sudo} apt-get update -qq >"$log" 2>&1
  if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1; then
    tail -5 "$log"
    echo "Could not install: ${missing[*]}"
    rm -f "$log"
    [ "$mode" != want ] && exit 1
    exit 0
  fi
fi
rm -f "$log"
