"""What `make vm` tries of the installation itself, last: upgraded in a take, what the journal knows, and removed."""

from __future__ import annotations

from tests.vm.checks import check
from tests.vm.rig import OFFLINE, TAKES, VmRig, hear

MAKE = f"cd /usr/src/rigd && {OFFLINE}; make"


@check("upgraded while a take rolls", "`make install` again: another build, and not a frame is missing")
def upgraded(rig: VmRig) -> str:
    rig.play()  # nothing plays since the power was cut
    before = rig.machine.do("readlink /opt/rigd").strip()
    rig.start_take()
    rig.machine.wait_until(
        "systemd-inhibit --list --no-pager | grep rigd", "suspend is held off", within_s=60.0
    )
    rig.machine.do(f"{MAKE} install CONFIG=my.toml 2>&1", timeout=1800.0)
    rig.machine.do("sleep 2")
    rig.stop_take()
    heard = hear(rig.fetch_last())
    assert heard.gaps == (), heard.gaps
    after = rig.machine.do("readlink /opt/rigd").strip()
    assert after != before
    return f"from {before} to {after}, a take of {heard.frames / 48_000:.0f} s, exact; suspend was held off"


@check("in the journal", "a take from its start until it is safe, each line once, with its fields")
def journal(rig: VmRig) -> str:
    rig.take()
    lines = {
        event: rig.machine.do(
            f"journalctl -q -b -o cat -u rigd RIGD_EVENT='{event}' --output-fields=MESSAGE | tail -1"
        ).strip()
        for event in ("take started", "take stopped", "take closed")
    }
    assert all(lines.values()), lines
    health = rig.rigd("health").strip()
    assert health.startswith("could record"), health
    return "; ".join([*lines.values(), health])


@check("uninstalled", "all of it is gone but the takes and the config")
def uninstalled(rig: VmRig) -> str:
    rig.start_take()
    rig.machine.do("sleep 2")
    said = rig.machine.do(f"{MAKE} uninstall 2>&1", timeout=300.0)
    left = rig.machine.run(
        "ls -d /opt/rigd* /run/rigd /usr/local/bin/rigd /etc/systemd/system/*rigd* /etc/*/rigd.conf 2>/dev/null;"
        " pgrep -fl rigd-"
    ).text
    assert not left.strip(), left
    takes = rig.machine.do(f"ls -d {TAKES}/*/*/Take*/take.json | wc -l; ls /etc/rigd/rig.toml").split()
    heard = hear(rig.fetch_last())
    assert heard.gaps == (), heard.gaps
    return f"{said.splitlines()[0]} {takes[0]} takes are there; the one that rolled is closed and exact"
