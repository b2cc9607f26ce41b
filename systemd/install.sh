#!/usr/bin/env bash
# The rig as a service. What `sudo make install` and `sudo make uninstall` do; docs/service.md says the same by hand.
#   install.sh install|uninstall
# Again without harm: what is right stays, the config and the takes always do. An upgrade lays the new build beside the
# one that runs, switches /opt/rigd over in one step, and restarts the daemon alone while a take rolls: capture and
# writer go on in the build they were started from, which stays until the next upgrade.
# Variables: CONFIG (a config to begin with), WHEEL (in place of building this checkout), PREFIX (/opt/rigd), TAKES
# (/srv/takes), PYTHON (python3), DESTDIR (a folder in place of /: nothing is started and no user made).
set -euo pipefail
umask 022

house=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${DESTDIR:=}" "${PREFIX:=/opt/rigd}" "${TAKES:=/srv/takes}" "${PYTHON:=python3}" "${CONFIG:=}" "${WHEEL:=}"
builds=$DESTDIR$PREFIX-builds
now=$DESTDIR$PREFIX
units=$DESTDIR/etc/systemd/system
services=(rigd.service rigd-capture.service rigd-writer@.service rigd-close.service)

say() { printf '%s\n' "$*"; }
fail() { printf 'make: %s\n' "$*" >&2; exit 1; }
is_live() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

allowed() {
  [ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ] || fail "$1 needs root; nothing was done. Run: sudo make $1"
  case $PREFIX$TAKES in *[!A-Za-z0-9/._-]*) fail "PREFIX and TAKES are paths of letters, digits, / . _ and -" ;; esac
}

packages() {
  [ -z "$DESTDIR" ] && [ -z "$WHEEL" ] || return 0
  bash "$house/tests/packages.sh" require_missing python3-venv:/usr/lib/python3*/ensurepip \
    "python3-dev:/usr/include/python3*/Python.h" gcc:gcc "libc6-dev:/usr/include/stdlib.h" libportaudio2:libportaudio.so.2
}

# A build of its own for each install. Its scripts name it by its own path, so that a process of it never loads a
# module of another one.
build() {
  local new from=$WHEEL
  new=$builds/$(date -u +%Y%m%dT%H%M%S)-$$
  mkdir -p "$builds"
  if [ -z "$from" ]; then  # in a copy: root leaves nothing in a checkout, and nothing that lies there gets in
    from=$(mktemp -d)
    (cd "$house" && cp -r LICENSE README.md CHANGELOG.md MANIFEST.in pyproject.toml rigd hardware_sim configs systemd docs "$from")
    find "$from" -name '*.so' -delete
  fi
  "$PYTHON" -m venv "$new" >&2 || fail "no venv could be made with $PYTHON; nothing was changed"
  "$new/bin/pip" install --quiet --disable-pip-version-check "$from" >&2 \
    || { rm -rf "$new"; fail "rigd could not be built; nothing was changed"; }
  [ -n "$WHEEL" ] || rm -rf "$from"
  "$new/bin/rigd" --version >/dev/null || { rm -rf "$new"; fail "what was built does not run; nothing was changed"; }
  printf '%s' "$new"
}

# In one step: whoever starts something from /opt/rigd meanwhile has the one or the other.
switch_to() {
  if [ -e "$now" ] && [ ! -L "$now" ]; then  # of an install by hand
    mv "$now" "$builds/by-hand"
  fi
  ln -s "$(basename "$builds")/$(basename "$1")" "$now.new"
  mv -T "$now.new" "$now"
}

# Those that nothing runs from any more; the newest two stay whatever runs.
sweep() {
  local each kept=0
  for each in $(ls -1t "$builds"); do
    kept=$((kept + 1))
    if [ $kept -gt 2 ] && ! grep -qsF "$PREFIX-builds/$each/" /proc/[0-9]*/cmdline; then rm -rf "${builds:?}/$each"; fi
  done
}

lay_down() {
  local unit
  install -d "$units" "$DESTDIR/usr/local/bin"
  for unit in "${services[@]}" rigd.target; do
    sed "s#/opt/rigd/#$PREFIX/#g; s#/srv/takes#$TAKES#g" "$house/systemd/$unit" >"$units/$unit.new"
    chmod 644 "$units/$unit.new"
    mv "$units/$unit.new" "$units/$unit"
  done
  install -D -m 644 "$house/systemd/sysusers.conf" "$DESTDIR/etc/sysusers.d/rigd.conf"
  install -D -m 644 "$house/systemd/tmpfiles.conf" "$DESTDIR/etc/tmpfiles.d/rigd.conf"
  install -D -m 644 "$house/systemd/50-rigd.rules" "$DESTDIR/etc/polkit-1/rules.d/50-rigd.rules"
  ln -sfn "$PREFIX/bin/rigd" "$DESTDIR/usr/local/bin/rigd"
}

user_and_folders() {
  if [ -n "$DESTDIR" ]; then
    install -d -m 2750 "$DESTDIR$TAKES"
    return
  fi
  systemd-sysusers rigd.conf
  systemd-tmpfiles --create rigd.conf
  install -d -o rigd -g rigd -m 2750 "$TAKES"
}

config() {
  local there=$DESTDIR/etc/rigd/rig.toml
  if [ -e "$there" ]; then
    [ -z "$CONFIG" ] || say "the config in $there stays as it is; $CONFIG was not taken"
  elif [ -n "$CONFIG" ]; then
    "$now/bin/rigd" check --system "$CONFIG" \
      || fail "$CONFIG was not taken: see above. The rest is installed; mend it and run this again," \
        "or take CONFIG= away and be asked for one"
    install -D -m 644 "$CONFIG" "$there"
  else
    install -d "$DESTDIR/etc/rigd"
    sed "s#/srv/takes#$TAKES#" "$house/configs/service.toml" >"$there"
    chmod 644 "$there"
    if [ -t 0 ] && [ -t 1 ] && "$now/bin/rigd" init all --system --config "$there"; then return; fi
    say "a config to begin with is in $there. To be asked for what you have: sudo rigd init all --system; then:" \
      "sudo rigd units && sudo systemctl restart rigd rigd-capture"
  fi
}

start() {
  is_live || return 0
  "$now/bin/rigd" units >/dev/null
  systemctl daemon-reload
  if ! systemctl is-active --quiet rigd.target; then
    systemctl enable --quiet --now rigd.target
    systemctl start rigd
    return
  fi
  systemctl enable --quiet rigd.target
  systemctl restart rigd
  local state=0
  "$now/bin/rigd" status --exit-code --runtime-dir /run/rigd >/dev/null 2>&1 || state=$?
  case $state in
    10 | 11 | 12 | 13) # nothing rolls
      "$now/bin/rigd" take wait --within 60 --runtime-dir /run/rigd >/dev/null 2>&1 || true
      systemctl restart rigd-capture 'rigd-writer@*' rigd-close
      ;;
    *) say "a take may be rolling, so capture and writer go on in the build they were started from. Once it is closed:"
       say "    sudo systemctl restart rigd-capture 'rigd-writer@*'" ;;
  esac
}

uninstall() {
  local unit
  if is_live; then
    systemctl disable --quiet --now rigd.target rigd-close rigd 'rigd-capture' 'rigd-writer@writer' \
      rigd-writer@mirror rigd-writer@blackbox 2>/dev/null || true
    systemctl stop 'rigd-writer@*' 2>/dev/null || true
    systemctl disable --quiet --now run-rigd.mount 2>/dev/null || true
  fi
  for unit in "${services[@]}" rigd.target run-rigd.mount 'rigd-writer@writer.service' 'rigd-writer@mirror.service' \
    'rigd-writer@blackbox.service'; do
    rm -f "$units/$unit"
    rm -rf "${units:?}/$unit.d"
  done
  rm -f "$DESTDIR/etc/sysusers.d/rigd.conf" "$DESTDIR/etc/tmpfiles.d/rigd.conf" \
    "$DESTDIR/etc/polkit-1/rules.d/50-rigd.rules"
  if [ -L "$DESTDIR/usr/local/bin/rigd" ]; then rm -f "$DESTDIR/usr/local/bin/rigd"; fi
  rm -rf "${builds:?}" "${now:?}" "$DESTDIR/run/rigd"
  if is_live; then systemctl daemon-reload; fi
  say "rigd is gone, and the memory of its tape is free. What stays is yours:"
  if [ -d "$DESTDIR$TAKES" ]; then say "  the takes, in $DESTDIR$TAKES"; fi
  if [ -d "$DESTDIR/etc/rigd" ]; then say "  the config, in $DESTDIR/etc/rigd"; fi
  if [ -z "$DESTDIR" ] && getent passwd rigd >/dev/null; then say "  the user and group rigd, whose the takes are"; fi
}

case ${1:-} in
  install)
    allowed install
    packages
    built=$(build)
    switch_to "$built"
    sweep
    lay_down
    user_and_folders
    config
    start
    say "installed: $("$now/bin/rigd" --version) in $PREFIX. See: rigd health, rigd doctor"
    ;;
  uninstall)
    allowed uninstall
    uninstall
    ;;
  *) fail "install.sh install|uninstall" ;;
esac
