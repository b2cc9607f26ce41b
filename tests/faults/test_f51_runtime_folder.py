"""F51: the runtime folder, or a file in it, vanishes inside a take: a log-out took it, or a hand. Nothing is lost, it
is told, the rig is reachable again, and a process that is killed after that finds its tape."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable

import pytest

from rigd.model.state import Transport
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.patience import wait_for
from tests.support.rig import RigRun

CHANNELS = count(ci=8, full=64)
TIMES = count(ci=1, full=10)
LOAD = f"{CHANNELS} ch/48 kHz/24 bit"
OWN_FILES = ("rigd.sock", "rigd.lock", "capture.sock", "capture.lock", "writer.sock", "writer.lock")
SETTINGS = ("capture.json", "writer.json", "writer.open", "interface.known")


def whole_again(rig: RigRun) -> None:
    for name in (*OWN_FILES, *SETTINGS, "tape"):
        wait_for((rig.runtime / name).exists, f"{name} is there again")


@pytest.mark.timeout(count(ci=120, full=600))
def test_a_runtime_folder_that_vanishes_costs_nothing_and_the_rig_is_found_again(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of(channels=CHANNELS, stall_s=10.0)
    start_take(rig, seconds=0.5)
    told_s: list[float] = []
    for _ in range(TIMES):
        client = rig.client()  # one that is connected stays so
        shutil.rmtree(rig.runtime)
        at = time.monotonic()
        wait_for(
            lambda here=client: any("vanished" in fault.what for fault in here.status().state.faults),
            "it is told",
        )
        told_s.append(time.monotonic() - at)
        whole_again(rig)
        rig._hang_up()
        rig.say("clear-fault")  # a new client finds it
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            assert len(tape.holds()) == 1, "the tape that is found is the one that is recorded from"
        rig.kill("writer")
        rig.roll(0.3)
        rig.kill_daemon()
        rig.start()
        rig.await_transport(Transport.ROLLING)
        rig.kill("writer")
        rig.roll(0.3)
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert heard.gaps == ()
    of = f"{TIMES} times"
    figures.record(
        "F51", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of, load=LOAD
    )
    figures.record(
        "F51",
        "vanished until it is told",
        bound="<= 2 s",
        measured=max(told_s),
        unit="s",
        count=of,
        load=LOAD,
    )


@pytest.mark.timeout(120)
def test_any_file_of_it_that_vanishes_is_there_again_and_a_capture_that_is_killed_finds_its_tape(
    rig_of: Callable[..., RigRun],
) -> None:
    rig = rig_of(channels=4, stall_s=5.0)
    start_take(rig, seconds=0.3)
    before = rig.pid_of("capture"), rig.pid_of("writer")
    for name in (*OWN_FILES, *SETTINGS, "tape"):
        (rig.runtime / name).unlink()
    whole_again(rig)
    rig.await_state(lambda state: any("tape" in fault.what for fault in state.faults), "it is told")
    assert (rig.pid_of("capture"), rig.pid_of("writer")) == before
    rig.kill("capture")
    rig.roll(0.5)
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    assert len(heard.gaps) == 1, "the take went on, on the same tape"


@pytest.mark.timeout(120)
def test_a_folder_that_cannot_be_made_again_is_told_and_found_when_it_can(
    rig_of: Callable[..., RigRun],
) -> None:
    """As /run/user/UID after the log-out: its place is not the user's to make anything in."""
    rig = rig_of(channels=4, stall_s=5.0)
    start_take(rig, seconds=0.3)
    client = rig.client()
    shutil.rmtree(rig.runtime)
    rig.runtime.touch()
    wait_for(
        lambda: any("cannot be made again" in fault.what for fault in client.status().state.faults),
        "it is told",
    )
    rig.roll(0.5)
    rig.runtime.unlink()
    whole_again(rig)
    rig._hang_up()
    closed = stop_take(rig)
    assert check_a(closed.folder).gaps == ()


@pytest.mark.timeout(120)
def test_a_daemon_that_is_started_where_the_folder_is_gone_starts_no_second_capture_and_no_second_writer(
    rig_of: Callable[..., RigRun],
) -> None:
    rig = rig_of(channels=4, stall_s=5.0)
    start_take(rig, seconds=0.5)
    before = rig.pid_of("capture"), rig.pid_of("writer")
    os.kill(rig.daemon.pid, 9)
    shutil.rmtree(rig.runtime)
    rig.kill_daemon()
    rig._hang_up()
    rig.start()
    rig.await_transport(Transport.ROLLING)
    assert (rig.pid_of("capture"), rig.pid_of("writer")) == before
    rig.roll(0.3)
    closed = stop_take(rig)
    assert check_a(closed.folder).gaps == ()
