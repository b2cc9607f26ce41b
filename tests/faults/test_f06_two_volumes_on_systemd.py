"""A second volume and a black box on the real systemd, switched on as the README says: units, user, sandbox and all.

One boot for all of them; the tests come in the order in which they stand.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rigd.model.state import CopyState, MirrorPhase, Transport
from rigd.takefile.journal import read_journal
from tests.support.disks import phase_of, what_differs
from tests.support.patience import wait_for
from tests.support.systemd_run import SystemdRun

CONFIG = """
[mirror]
library = "/media/disk/takes"
[blackbox]
minutes = 2
[audio]
driver = "simulated"
channels = 4
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 10
keep_seconds = 5
"""
WRITERS = ("writer", "mirror", "blackbox")
WRITABLE = "[Service]\nReadWritePaths=-/media/disk\n"


@pytest.fixture(scope="module")
def systemd() -> Iterator[SystemdRun]:
    with SystemdRun(CONFIG) as systemd:
        wait_for(
            lambda: systemd.state().transport is Transport.READY and systemd.state().session_folder != "",
            "a rig that is ready",
        )
        yield systemd


def await_phase(systemd: SystemdRun, phase: MirrorPhase) -> None:
    wait_for(lambda: phase_of(systemd.state()) is phase, f"mirror {phase}", within_s=60)


@pytest.mark.timeout(300)
def test_without_a_right_to_its_folder_the_mirror_stays_away_and_says_so(systemd: SystemdRun) -> None:
    systemd.control("enable", "--now", "rigd-writer@mirror.service")
    wait_for(
        lambda: "read-only" in "".join(fault.what for fault in systemd.state().faults).lower(),
        "the sandbox is told as what it is",
        within_s=60,
    )
    assert phase_of(systemd.state()) is MirrorPhase.AWAY


@pytest.mark.timeout(300)
def test_as_the_readme_says_the_mirror_is_in_step_and_the_black_box_runs(systemd: SystemdRun) -> None:
    for unit in ("rigd.service", "rigd-writer@mirror.service"):
        systemd.edit(unit, WRITABLE)
    systemd.control("enable", "--now", "rigd-writer@mirror.service", "rigd-writer@blackbox.service")
    systemd.control("restart", "rigd.service", "rigd-writer@mirror.service")
    for name in WRITERS:
        systemd.await_active(f"rigd-writer@{name}.service")
        pid = systemd.shown(f"rigd-writer@{name}.service", "MainPID")
        status = systemd.inside(f"/proc/{pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status and "Uid:\t0\t" not in status
    await_phase(systemd, MirrorPhase.IN_STEP)


@pytest.mark.timeout(300)
def test_a_take_is_on_both_disks_the_same_and_the_black_box_has_sound(systemd: SystemdRun) -> None:
    systemd.say("start")
    wait_for(
        lambda: (take := systemd.state().take) is not None and take.durable_frames > 3 * 48_000,
        "three seconds on disk",
        within_s=60,
    )
    systemd.say("stop")
    wait_for(
        lambda: (
            (takes := systemd.state().takes) != ()
            and takes[-1].copy is not None
            and takes[-1].copy.state is CopyState.SAME
        ),
        "both copies were compared",
        within_s=60,
    )
    take = systemd.state().takes[-1]
    assert take.copy is not None and take.copy.folder.startswith("/media/disk/takes/")
    assert not take.gaps and not what_differs(systemd.inside(take.folder), systemd.inside(take.copy.folder))
    segments = list(systemd.inside("/srv/takes/.rigd/blackbox").rglob("*.wav"))
    assert segments and all(segment.stat().st_size > 0 for segment in segments)


@pytest.mark.timeout(300)
def test_each_writer_that_is_killed_is_back(systemd: SystemdRun) -> None:
    for name in WRITERS[1:]:
        unit = f"rigd-writer@{name}.service"
        restarts = int(systemd.shown(unit, "NRestarts"))
        systemd.control("kill", "--signal=KILL", unit)
        systemd.await_active(unit, restarts=restarts + 1)
    await_phase(systemd, MirrorPhase.IN_STEP)


@pytest.mark.timeout(300)
def test_stopping_the_target_ends_every_writer(
    systemd: SystemdRun,
) -> None:
    systemd.say("start")
    wait_for(
        lambda: (take := systemd.state().take) is not None and take.durable_frames > 48_000,
        "a second on disk",
        within_s=60,
    )
    take = systemd.state().take
    assert take is not None and take.copy is not None
    systemd.control(
        "stop", "rigd.target"
    )  # and from here on nothing is waited for: either disk may be pulled
    for unit in ("rigd.service", *(f"rigd-writer@{name}.service" for name in WRITERS)):
        assert systemd.shown(unit, "ActiveState") == "inactive", unit
    for folder in (take.folder, take.copy.folder):
        assert read_journal(systemd.inside(folder) / "take.journal").closed, folder
