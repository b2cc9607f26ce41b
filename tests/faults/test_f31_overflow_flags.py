"""F31: the driver says that it lost sound, at random. With a jump of its clock that is a gap of just that length; a
word alone is only counted; a jump without a word is a suspect mark and an alarm, and nothing is inserted."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hardware_sim.faults import FaultClient
from rigd.model.state import RigState
from rigd.model.take import GapCause
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from tests.proof.figures import Figures, count
from tests.proof.load import PERIOD_FRAMES, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import MODULUS
from tests.support.patience import wait_for
from tests.support.rig import RigRun, take_codes

TIMES = count(ci=12, full=200)
JUMPS = count(ci=3, full=20)
LONGEST_FRAMES = 16_000
"""A third of a second: an interface that brings nothing for longer is opened anew."""


@pytest.mark.timeout(count(ci=120, full=900))
def test_flags_with_a_jump_are_gaps_of_that_length_and_flags_without_one_are_counted(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    faults = FaultClient(rig.runtime)
    start_take(rig)
    dice = random.Random(31)
    lost: list[int] = []
    flags = 0
    for _ in range(TIMES):
        if dice.random() < 0.5:
            lost.append(dice.randint(PERIOD_FRAMES, LONGEST_FRAMES))
            faults.overflow(lost[-1])
        else:
            flags += 1
            faults.flag()
        rig.hear(dice.uniform(0.05, 0.4))
    rig.roll(1)
    take = stop_take(rig)
    heard = check_a(take.folder, gap_slack_frames=PERIOD_FRAMES)
    check_b(take.folder)
    assert len(heard.gaps) == len(lost)
    assert {gap.cause for gap in heard.gaps} == {GapCause.OVERFLOW}
    assert take.xruns == flags
    error = max(abs(gap.length_frames - frames) for gap, frames in zip(heard.gaps, lost, strict=True))
    assert error <= PERIOD_FRAMES
    assert not [xrun for xrun in read_journal(Path(take.folder) / JOURNAL_NAME).xruns if xrun.suspect]
    of = f"{len(lost)} overflows and {flags} flags at random"
    figures.record(
        "F31",
        "overflow: gap is wrong by",
        bound="<= 1 block",
        measured=error,
        unit="frames",
        count=of,
        limit=PERIOD_FRAMES,
    )
    figures.record(
        "F31",
        "frames inserted for a flag alone",
        bound="0",
        measured=heard.gap_frames - sum(lost),
        unit="frames",
        count=of,
    )


@pytest.mark.timeout(count(ci=120, full=300))
def test_jumps_without_a_word_are_suspect_marks_at_their_frames_and_an_alarm(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of(channels=8)
    faults = FaultClient(rig.runtime)
    start_take(rig, seconds=2)
    dice = random.Random(13)
    jumps = [dice.randint(2 * PERIOD_FRAMES, LONGEST_FRAMES) for _ in range(JUMPS)]
    for number, frames in enumerate(jumps, start=1):
        faults.jump(frames)
        wait_for(lambda number=number: rig.state().take.xruns == number, f"suspect mark {number}")  # type: ignore[misc, union-attr]
        assert suspects(rig.state())
        rig.say("clear-fault")
        rig.hear(1.5)
    rig.roll(1)
    take = stop_take(rig)
    check_b(take.folder)
    assert not take.gaps
    marks = [xrun for xrun in read_journal(Path(take.folder) / JOURNAL_NAME).xruns if xrun.suspect]
    codes = take_codes(take)
    worst = 0
    for row in codes:
        (jumped,) = np.nonzero(np.diff(row) % MODULUS != 1)
        assert [mark.at_frame - take.first_frame for mark in marks] == [int(place) + 1 for place in jumped]
    for mark, frames in zip(marks, jumps, strict=True):
        worst = max(worst, abs(mark.about_frames - frames))
    assert worst <= PERIOD_FRAMES
    figures.record(
        "F31",
        "loss without a word: place and length in the suspect mark are wrong by",
        bound="<= 1 block",
        measured=worst,
        unit="frames",
        load="8 ch/48 kHz/24 bit",
        count=f"{JUMPS} jumps",
        limit=PERIOD_FRAMES,
    )


def suspects(state: RigState) -> list[str]:
    return [fault.what for fault in state.faults if fault.key.startswith("suspect ")]
