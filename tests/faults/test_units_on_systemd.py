"""What the units may reach, on the real systemd: the network, the lines and the shared memory of their config.

One boot, with a network of its own where a desk is; the tests come in the order in which they stand.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.proof.figures import Figures
from tests.support import may_open, may_send
from tests.support.patience import wait_for
from tests.support.systemd_run import HOUSE, SystemdRun

DESK, OTHER = "203.0.113.7", "203.0.113.8"
"""TEST-NET-3 (RFC 5737): nobody's."""
LINE = "/dev/rigd-test-ttyS63"
UART, ANOTHER_UART, CONSOLE, USB = "4:127", "4:64", "4:1", "188:0"
CONFIG = f"""
[audio]
driver = "simulated"
channels = 2
[[channel]]
name = "Kick"
preamp = "desk:1"
[preamp.desk]
kind = "x32"
host = "{DESK}"
[surface.box]
kind = "serial"
port = "{LINE}"
"""


@pytest.fixture(scope="module")
def line() -> Iterator[None]:
    """A UART that no machine has; /dev is the machine's own."""
    node = Path(LINE)
    node.unlink(missing_ok=True)
    os.mknod(node, stat.S_IFCHR, os.makedev(4, 127))
    node.chmod(0o666)
    yield
    node.unlink()


@pytest.fixture(scope="module")
def systemd(line: None) -> Iterator[SystemdRun]:
    with ExitStack() as running:
        systemd = running.enter_context(SystemdRun(CONFIG, addresses=(f"{DESK}/32", f"{OTHER}/32")))
        desk = subprocess.Popen(
            systemd.beside(sys.executable, "-m", "hardware_sim.x32", "--host", DESK),
            cwd=HOUSE,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        running.enter_context(desk)
        running.callback(desk.kill)
        yield systemd


def may(systemd: SystemdRun, probe: str, unit: str, *what: str) -> set[str]:
    """Those of them that the unit's filters let through."""
    done = systemd.run(sys.executable, probe, unit, *what)
    assert done.returncode == 0, done.stderr
    answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(answers) == set(what)
    return {each for each, answer in answers.items() if answer.startswith("allowed")}


def may_reach(systemd: SystemdRun, unit: str = "rigd.service") -> set[str]:
    networks = may(systemd, str(may_send.__file__), unit, "127.0.0.1", DESK, OTHER)
    lines = may(systemd, str(may_open.__file__), unit, UART, ANOTHER_UART, CONSOLE, USB)
    return networks | lines


def told(systemd: SystemdRun) -> str:
    state = systemd.state()
    return " ".join(each.detail for each in (*state.surfaces, *state.preamps))


@pytest.mark.timeout(300)
def test_units_without_a_drop_in_reach_no_desk_and_no_console_and_that_is_told(
    systemd: SystemdRun, figures: Figures
) -> None:
    reached = may_reach(systemd)
    figures.record(
        "units",
        "what a daemon reaches that no config names: addresses, consoles, UARTs",
        bound="0",
        measured=len(reached - {"127.0.0.1", USB}),
        unit="",
        count="rigd.service without a drop-in",
        load="",
    )
    assert reached == {"127.0.0.1", USB}
    for unit in ("rigd-capture.service", "rigd-writer@writer.service"):
        assert may_reach(systemd, unit) == set(), unit
    wait_for(lambda: f"what is sent to {DESK} is refused" in told(systemd), "the desk's trouble", within_s=30)
    wait_for(
        lambda: f"DeviceAllow={LINE} rw" in told(systemd),
        "the line's trouble",
        within_s=30,
        instead=lambda: told(systemd),
    )
    assert told(systemd).count("sudo rigd units") == 2
    for log in (systemd.logs(), systemd.run("/opt/rigd/bin/rigd", "check", "/etc/rigd/rig.toml").stdout):
        assert f"not let reach what the config names: {DESK}, {LINE}" in log


@pytest.mark.timeout(300)
def test_rigd_units_opens_exactly_what_the_config_names(systemd: SystemdRun, figures: Figures) -> None:
    done = systemd.run("/opt/rigd/bin/rigd", "units")
    assert done.returncode == 0, done.stderr
    systemd.control("daemon-reload")
    systemd.control("restart", "rigd.service", "rigd-capture.service")
    systemd.await_active("rigd.service")
    reached = may_reach(systemd)
    figures.record(
        "units",
        "addresses and lines that a daemon reaches and that its config does not name, and the other way round",
        bound="0",
        measured=len(reached ^ {"127.0.0.1", DESK, UART}),
        unit="",
        count="rigd.service with what rigd units wrote",
        load="",
    )
    assert reached == {"127.0.0.1", DESK, UART}
    wait_for(lambda: all(each.answering for each in systemd.state().preamps), "the desk answers", within_s=60)
    check = systemd.run("/opt/rigd/bin/rigd", "check", "/etc/rigd/rig.toml")
    assert "let reach" not in check.stdout
    again = systemd.run("/opt/rigd/bin/rigd", "units")
    assert "nothing was written" in again.stdout


@pytest.mark.timeout(300)
def test_no_unit_sees_the_shared_memory_of_the_machine_that_needs_none(systemd: SystemdRun) -> None:
    for unit in ("rigd.service", "rigd-capture.service", "rigd-writer@writer.service"):
        its_root = systemd.inside(f"/proc/{systemd.shown(unit, 'MainPID')}") / "root"
        seen = (its_root / "dev" / "shm").stat()
        assert stat.S_IMODE(seen.st_mode) == 0, unit


@pytest.mark.timeout(300)
def test_drop_ins_for_another_config_are_told(systemd: SystemdRun) -> None:
    config = systemd.inside("/etc/rigd/rig.toml")
    config.write_text(config.read_text("utf-8").replace(DESK, OTHER), "utf-8")
    check = systemd.run("/opt/rigd/bin/rigd", "check", "/etc/rigd/rig.toml").stdout
    assert "is let reach what another config named; this one needs" in check and OTHER in check
