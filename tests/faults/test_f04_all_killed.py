"""F4: SIGKILL of all of rigd at once. Every file opens as it lies there; started again, rigd goes on with the take by
itself, and what it lost is what the interface brought while nobody listened, and declared."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.model.state import Transport
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b, check_b_rolling, take_folders
from tests.support.patience import wait_for
from tests.support.rig import RigRun

KILLS = count(ci=2, full=20)


@pytest.mark.alone
@pytest.mark.timeout(count(ci=120, full=600))
def test_all_is_killed_and_the_take_is_taken_up_again_with_all_that_was_heard(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    take = start_take(rig)
    moments = random.Random(4)
    back_s: list[float] = []
    ends: list[int] = []
    for _ in range(KILLS):
        rig.roll(moments.uniform(0.3, 1.2))
        rig.kill_everything()
        check_b_rolling(take.folder)
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            ends.append(tape.next_frame)
        at = time.monotonic()
        rig.start()
        state = rig.await_state(
            lambda state: state.transport is Transport.ROLLING and state.take is not None,
            "the take rolls again",
        )
        back_s.append(time.monotonic() - at)
        assert state.take is not None and state.take.take_id == take.take_id
    rig.roll(1)
    heard = check_a(stop_take(rig).folder)
    check_b(take.folder)
    assert len(heard.gaps) == KILLS
    # Each gap begins where the tape ended when it was killed: of what was heard, nothing is lost.
    lost = [abs(gap.at_frame - end) for gap, end in zip(heard.gaps, ends, strict=True)]
    of = f"{KILLS} times"
    figures.record(
        "F4",
        "of what was heard before: lost",
        bound="<= 500 ms",
        measured=1000 * max(lost) / RATE_HZ,
        unit="ms",
        count=of,
    )
    figures.record(
        "F4",
        "start until the take rolls again, by itself",
        bound="<= 5 s",
        measured=max(back_s),
        unit="s",
        count=of,
    )


@pytest.mark.timeout(count(ci=120, full=900))
def test_all_is_killed_and_the_tape_is_gone_the_take_is_closed_by_itself(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    """As after a reboot: what is on the disk is all there is."""
    times = count(ci=2, full=20)
    moments = random.Random(44)
    rig = rig_of(preroll_s=0.2)
    back_s: list[float] = []
    lost_ms: list[float] = []
    for number in range(1, times + 1):
        take = start_take(rig, seconds=moments.uniform(0.3, 1.2))
        rig.hear(moments.uniform(0.0, 1.0))
        rig.kill_everything()
        check_b_rolling(take.folder)
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            end = tape.next_frame
        for left in rig.runtime.iterdir():
            left.unlink()
        at = time.monotonic()
        rig.start()
        wait_for(
            lambda take=take: read_journal(Path(take.folder) / JOURNAL_NAME).closed,  # type: ignore[misc]
            "the take is closed",
        )
        back_s.append(time.monotonic() - at)
        rig.await_ready()
        heard = check_a(take.folder)
        check_b(take.folder)
        assert heard.gaps == ()
        lost_ms.append(1000 * (end - take.first_frame - heard.frames) / RATE_HZ)
        assert len(take_folders(rig.library)) == number
        rig.await_closed(number)
    of = f"{times} times"
    figures.record(
        "F4",
        "the tape is gone, too: lost at the end",
        bound="<= 500 ms",
        measured=max(lost_ms),
        unit="ms",
        count=of,
    )
    figures.record(
        "F4",
        "the tape is gone, too: start until the take is closed",
        bound="<= 5 s",
        measured=max(back_s),
        unit="s",
        count=of,
    )
