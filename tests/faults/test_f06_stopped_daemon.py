"""F6: a daemon that stands still (SIGSTOP) is started again by the service manager's watchdog, and no frame is lost.

The service manager here is tests/support/supervisor.py, which speaks systemd's protocol; test_f06_on_systemd.py has
the same on systemd itself. Capture and writer are units too; one of them that stands still is started again.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
import soundfile

from hardware_sim.disks import LoopDisk
from rigd.model.state import Take, Transport
from tests.proof.figures import Figures, count
from tests.support.patience import wait_for
from tests.support.rig import RigRun, check_take
from tests.support.supervised_rig import SupervisedRig
from tests.support.supervisor import start_unit, stop_unit
from tests.support.tools import need_mounts

CHANNELS = 16
LOAD = f"{CHANNELS} ch/48 kHz/24 bit"
FROZEN_S = count(ci=10.0, full=25.0)
"""Twice the watchdog's time, and more."""
CONFIG = f"""
[audio]
driver = "simulated"
channels = {CHANNELS}
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 30
keep_seconds = 10
"""


@pytest.fixture
def rig() -> Iterator[SupervisedRig]:
    with SupervisedRig(CONFIG) as rig:
        rig.say("start")
        rig.await_transport(Transport.ROLLING)
        rig.roll(1)
        yield rig


def close_and_check(rig: SupervisedRig) -> Take:
    rig.roll(1)
    rig.say("stop")
    (take,) = rig.await_closed(1)
    check_take(take)
    return take


@pytest.mark.timeout(240)
def test_a_daemon_that_stands_still_is_started_again_and_the_take_goes_on_without_a_lost_frame(
    rig: SupervisedRig, figures: Figures
) -> None:
    before = rig.state().take
    assert before is not None
    daemon = rig.units["rigd"]
    others = {name: rig.units[name].pid for name in ("capture", "writer")}
    rig._hang_up()
    stopped_at = time.monotonic()
    os.kill(daemon.pid, signal.SIGSTOP)
    daemon.await_ready(starts=2, within_s=60)
    print(f"F6: the daemon was back {time.monotonic() - stopped_at:.1f} s after it stopped (watchdog 4 s)")
    assert daemon.killed == ["SIGABRT", "SIGKILL"], "a stopped process only dies of SIGKILL"
    rig.await_transport(Transport.ROLLING)
    assert {name: rig.units[name].pid for name in others} == others, "capture and writer noticed nothing"
    take = close_and_check(rig)
    assert take.take_id == before.take_id
    lost = sum(gap.length_frames for gap in take.gaps)
    figures.record(
        "F6", "frames lost", bound="0 frames", measured=lost, unit="frames", count="1 stop", load=LOAD
    )


@pytest.mark.timeout(240)
def test_a_writer_that_stands_still_is_started_again_while_the_tape_has_everything(
    rig: SupervisedRig,
) -> None:
    writer = rig.units["writer"]
    os.kill(writer.pid, signal.SIGSTOP)
    writer.await_ready(starts=2, within_s=60)
    assert writer.killed == ["SIGABRT", "SIGKILL"]
    ready = len(writer.statuses)
    # It is said when the watchdog is fed, each two seconds here.
    wait_for(lambda: "writes a take" in writer.statuses[ready:], "the next one says that it writes")
    close_and_check(rig)


@pytest.mark.timeout(240)
def test_a_writer_that_waits_for_a_frozen_disk_is_left_alone_by_its_watchdog() -> None:
    need_mounts()
    with (
        LoopDisk(256 << 20) as disk,
        SupervisedRig(CONFIG, overrides=[f"rig.library={json.dumps(str(disk.path / 'takes'))}"]) as rig,
    ):
        rig.say("start")
        rig.await_transport(Transport.ROLLING)
        rig.roll(1)
        writer = rig.units["writer"]
        starts = writer.starts
        disk.freeze()
        try:
            wait_for(
                lambda: any("waits for the disk" in status for status in writer.statuses),
                "it says that it waits",
            )
            rig.hear(FROZEN_S)
        finally:
            disk.thaw()
        assert (writer.starts, writer.killed) == (starts, [])
        close_and_check(rig)


@pytest.mark.timeout(240)
def test_a_stopped_capture_is_killed_by_the_daemon_and_started_again_by_the_service_manager(
    rig: SupervisedRig,
) -> None:
    capture = rig.units["capture"]
    os.kill(capture.pid, signal.SIGSTOP)
    wait_for(lambda: capture.starts == 2, "another capture")
    assert capture.killed == [], "the daemon saw it before the watchdog did"
    rig.await_transport(Transport.ROLLING)
    rig.roll(1)
    rig.say("stop")
    (take,) = rig.await_closed(1)
    assert len(take.gaps) == 1
    print(f"F3 under a service manager: a gap of {take.gaps[0].length_frames / 48_000:.2f} s")


@pytest.mark.timeout(240)
def test_restarting_the_daemon_by_hand_leaves_the_take_rolling(rig: SupervisedRig) -> None:
    daemon = rig.units["rigd"]
    others = {name: rig.units[name].pid for name in ("capture", "writer")}
    stop_unit(daemon)
    rig._hang_up()
    start_unit(daemon)
    daemon.await_ready(starts=2)
    rig.await_transport(Transport.ROLLING)
    assert {name: rig.units[name].pid for name in others} == others
    close_and_check(rig)
    assert daemon.killed == []
    assert "records" in " ".join(daemon.statuses), daemon.statuses


@pytest.mark.timeout(240)
def test_stopping_a_writer_alone_ends_no_take_and_begins_none(rig: SupervisedRig) -> None:
    before = rig.state().take
    for number in range(2, 4):
        stop_unit(rig.units["writer"])
        rig.await_state(lambda state: state.disk is None, "the writer's absence is seen")
        rig.hear(1)
        start_unit(rig.units["writer"])
        rig.units["writer"].await_ready(starts=number)
        rig.roll(1)
    take = close_and_check(rig)
    assert before is not None and take.take_id == before.take_id and not take.gaps


@pytest.mark.timeout(240)
def test_a_signal_of_a_person_to_a_writer_ends_no_take_and_begins_none() -> None:
    with RigRun(CONFIG) as rig:
        rig.say("start")
        rig.roll(1)
        before = rig.pid_of("writer")
        os.kill(before, signal.SIGTERM)
        wait_for(lambda: rig.pid_of("writer") not in (0, before), "another writer")
        rig.roll(1)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        assert not take.gaps
        check_take(take)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("order", [("capture", "writer", "rigd"), ("writer", "rigd", "capture")])
def test_the_three_may_be_started_in_any_order(order: tuple[str, ...]) -> None:
    with SupervisedRig(CONFIG, order=order) as rig:
        rig.say("start")
        rig.await_transport(Transport.ROLLING)
        close_and_check(rig)


@pytest.mark.timeout(240)
def test_shutting_the_rig_down_closes_the_take_and_leaves_the_units_to_the_service_manager() -> None:
    with SupervisedRig(CONFIG) as rig:
        others = {name: rig.units[name].pid for name in ("capture", "writer")}
        rig.say("start")
        rig.await_transport(Transport.ROLLING)
        rig.roll(1)
        rig.units["rigd"].wanted = False
        rig.say("shut-down")
        wait_for(lambda: rig.units["rigd"].pid == 0, "rigd to end")
        assert rig.daemon.returncode == 0
        rig._hang_up()
        assert {name: rig.units[name].pid for name in others} == others
        start_unit(rig.units["rigd"])
        rig.units["rigd"].await_ready(starts=2)
        (folder,) = (path.parent for path in rig.library.rglob("take.journal"))
        assert len({soundfile.info(str(path)).frames for path in folder.glob("*.wav")}) == 1
