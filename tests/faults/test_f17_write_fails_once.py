"""F17 in a whole rig: one write of a take's files fails. Alone, the recording goes on without a gap in a fresh
folder; with a second volume, as the same take there. It is told once, and nothing is tried again."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.events import Happening
from rigd.model.state import CopyState, MirrorPhase, RigState, Take, Transport
from tests.proof.figures import Figures, count
from tests.proof.load import full_load
from tests.proof.oracle import check_a, check_b
from tests.support.disks import await_phase, mirrored, what_differs
from tests.support.events import EventLog
from tests.support.rig import RigRun

CHANNELS = count(ci=4, full=64)
ERRORS = count(ci=2, full=20)
CONFIG = full_load(channels=CHANNELS, preroll_s=0, keep_s=2, stall_s=10)
LOAD = f"{CHANNELS} ch/48 kHz/24 bit"
TELLS = (Happening.TAKE_FAILED, Happening.FAULT_RAISED)


def begin(rig: RigRun, shim: DiskShim) -> Take:
    """A take rolls, and the next write of its files fails."""
    rig.say("start")
    rig.roll(1)
    take = rig.state().take
    assert take is not None
    shim.fail(Call.WRITE, errno.EIO, nth=shim.seen(Call.WRITE) + 1)
    return take


def records(rig: RigRun) -> int:
    """Errors that the library's writer wrote down."""
    return (rig.runtime / "writer.log").read_text("utf-8").count("ERROR")


def check_told_once(rig: RigRun, shim: DiskShim, number: int) -> None:
    assert shim.failed(Call.WRITE) == number, "it was tried again, and failed again"
    assert records(rig) == number


@pytest.mark.timeout(count(ci=120, full=900))
def test_a_write_that_fails_is_told_once_and_the_rest_is_the_next_take(
    tmp_path: Path, figures: Figures
) -> None:
    lost, most_told = 0, 0
    library = tmp_path / "takes"
    with (
        DiskShim(library, ending=".wav") as shim,
        RigRun(CONFIG, overrides=[f'rig.library="{library}"'], environment=shim.environment) as rig,
        EventLog(rig.runtime / "rigd.sock") as log,
    ):
        for number in range(1, ERRORS + 1):
            before = {kind: len(log.of(kind)) for kind in TELLS}
            first = begin(rig, shim)

            def goes_on(state: RigState, first: Take = first) -> bool:
                return state.take is not None and state.take.take_id != first.take_id

            state = rig.await_state(goes_on, "the recording goes on as another take")
            assert state.transport is Transport.ROLLING
            rig.roll(1)
            rig.say("stop")
            *_, failed, rest = rig.await_closed(2 * number)
            assert failed.take_id == first.take_id and "Input/output error" in failed.failure
            assert rest.first_frame == failed.first_frame + failed.durable_frames
            one = check_a(failed.folder, frames=failed.durable_frames)
            two = check_a(rest.folder, first=one.follows)
            check_b(failed.folder), check_b(rest.folder)
            lost += one.gap_frames + two.gap_frames
            check_told_once(rig, shim, number)
            log.settle(*TELLS)
            told = [len(log.of(kind)) - before[kind] for kind in TELLS]
            most_told = max(most_told, *told)
            assert told == [1, 1], [event.text for _, event in log.of(*TELLS)]
            rig.say("clear-fault")
    assert lost == 0
    record(figures, "alone", lost, most_told)


@pytest.mark.timeout(count(ci=180, full=900))
def test_a_write_that_fails_beside_a_mirror_is_told_once_and_the_take_goes_on_there(
    tmp_path: Path, figures: Figures
) -> None:
    lost, most_told = 0, 0
    library, mirror = tmp_path / "takes", tmp_path / "mirror"
    with (
        DiskShim(library, ending=".wav") as shim,
        RigRun(CONFIG, overrides=mirrored(library, mirror), environment=shim.environment) as rig,
        EventLog(rig.runtime / "rigd.sock") as log,
    ):
        for number in range(1, ERRORS + 1):
            await_phase(rig, MirrorPhase.IN_STEP)
            before = len(log.of(*TELLS))
            first = begin(rig, shim)
            state = await_phase(rig, MirrorPhase.IN_CHARGE)
            assert state.take is not None and state.take.take_id == first.take_id
            assert state.transport is Transport.ROLLING
            shim.heal()
            rig.roll(1)
            rig.say("stop")
            await_phase(rig, MirrorPhase.IN_STEP)
            last = rig.await_closed(number)[-1]
            assert last.take_id == first.take_id
            assert last.copy is not None and last.copy.state is CopyState.SAME
            assert not what_differs(last.folder, last.copy.folder)
            lost += check_a(last.folder).gap_frames
            check_b(last.folder)
            check_told_once(rig, shim, number)
            log.settle(*TELLS)
            told = log.of(*TELLS)[before:]
            most_told = max(most_told, len(told))
            assert [event.subject for _, event in told] == ["mirror"], [event.text for _, event in told]
    assert lost == 0
    record(figures, "beside a mirror", lost, most_told)


def record(figures: Figures, where: str, lost: int, most_told: int) -> None:
    of = f"{ERRORS} errors"
    figures.record(
        "F17",
        f"a write fails in a whole rig, {where}: frames lost",
        bound="0 frames",
        measured=lost,
        unit="frames",
        count=of,
        load=LOAD,
    )
    figures.record(
        "F17",
        f"a write fails in a whole rig, {where}: error records for each",
        bound="<= 1",
        measured=most_told,
        unit="records",
        count=of,
        load=LOAD,
    )
