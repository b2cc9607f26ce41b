#!/usr/bin/env bash
# Debian packages: installs what is missing where root or sudo is there, otherwise names it.
#   packages.sh require PACKAGE...           ends with an error where one cannot be had
#   packages.sh want PACKAGE:PROOF...        PROOF is a program, a library or a path with wildcards; what cannot be had
#                                            is named, and its tests skip; in CI they fail
set -u
mode=$1; shift
missing=()
for item in "$@"; do
  package=${item%%:*} proof=${item#*:}
  if [ "$mode" = want ]; then
    command -v "$proof" >/dev/null 2>&1 && continue
    compgen -G "$proof" >/dev/null && continue
    ldconfig -p 2>/dev/null | grep -q "$proof" && continue
    [ -x /sbin/ldconfig ] && /sbin/ldconfig -p | grep -q "$proof" && continue
  fi
  missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo="sudo"
  else
    echo "Missing Debian packages: ${missing[*]}"
    echo "Install them with: sudo apt-get install ${missing[*]}"
    [ "$mode" = require ] && exit 1
    exit 0
  fi
fi
echo "Installing: ${missing[*]}"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
install=(${sudo} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1; then
  ${sudo} apt-get update -qq >"$log" 2>&1
  if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1; then
    tail -5 "$log"
    echo "Could not install: ${missing[*]}"
    rm -f "$log"
    [ "$mode" = require ] && exit 1
    exit 0
  fi
fi
rm -f "$log"
