"""F2: SIGKILL of the daemon inside a take of 64 channels. Capture and writer notice nothing, and the next daemon
shows the take as it rolls, with the right time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.model.state import Transport
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import PERIOD_FRAMES, start_take, stop_take
from tests.proof.oracle import check_a, check_b, check_rolling
from tests.support.rig import RigRun

KILLS = count(ci=3, full=30)


@pytest.mark.timeout(count(ci=120, full=600))
def test_the_daemon_is_killed_and_the_take_rolls_on_with_the_right_time(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of()
    before = start_take(rig)
    processes = rig.pid_of("capture"), rig.pid_of("writer")
    moments = random.Random(2)
    back_s: list[float] = []
    wrong_frames: list[int] = []
    for _ in range(KILLS):
        rig.roll(moments.uniform(0.1, 0.6))
        at = time.monotonic()
        rig.kill_daemon()
        rig.start()
        take = rig.await_transport(Transport.ROLLING).take
        back_s.append(time.monotonic() - at)
        assert take is not None
        assert (take.take_id, take.first_frame, take.slate) == (
            before.take_id,
            before.first_frame,
            before.slate,
        )
        wrong_frames.append(elapsed_error(rig))
        check_rolling(take.folder)
    assert processes == (rig.pid_of("capture"), rig.pid_of("writer")), "they ran on"
    rig.roll(0.5)
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert heard.gaps == ()
    assert max(wrong_frames) <= PERIOD_FRAMES
    of = f"{KILLS} kills"
    figures.record("F2", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record(
        "F2",
        "kill until another daemon answers and shows the take",
        bound="<= 3 s",
        measured=max(back_s),
        unit="s",
        count=of,
    )
    figures.record(
        "F2",
        "elapsed time shown is wrong by",
        bound="<= 1 period",
        measured=max(wrong_frames),
        unit="frames",
        count=of,
        limit=PERIOD_FRAMES,
    )


def elapsed_error(rig: RigRun) -> int:
    """By how many frames the end of the take that the daemon shows is not where the tape's end was meanwhile."""
    with Tape.attach(Path(rig.runtime / "tape"), writable=False) as tape:
        early = tape.next_frame
        levels = rig.client().status(levels=True).levels
        late = tape.next_frame
    assert levels is not None
    return max(0, early - levels.at_frame, levels.at_frame - late)
