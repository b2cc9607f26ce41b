"""What the tests of lost interfaces share: when it was told, when it was heard again, and by which process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rigd.model.messages import CapturePhase
from rigd.model.state import RigState, Take, Transport
from rigd.model.take import Gap, GapCause
from rigd.tape.blocks import Block, BlockFlag
from rigd.tape.tape import Tape
from tests.proof.load import PERIOD_FRAMES, RATE_HZ
from tests.support.counter import MODULUS, ROW_STEP
from tests.support.patience import wait_for
from tests.support.rig import RigRun, take_codes


def is_heard(state: RigState) -> bool:
    """The interface brings sound."""
    return state.interface is not None and state.interface.phase is CapturePhase.LISTENING


def seconds_until_lost(rig: RigRun, do: Callable[[], object]) -> float:
    """`do` takes the interface away; after so long the state says so, and the take rolls on."""
    at = time.monotonic()
    do()
    state = rig.await_state(lambda state: not is_heard(state), "the device is told to be lost")
    took_s = time.monotonic() - at
    assert state.transport is Transport.ROLLING
    return took_s


def seconds_until_heard(rig: RigRun, do: Callable[[], object] = lambda: None) -> float:
    """`do` brings it back; after so long it is heard."""
    at = time.monotonic()
    do()
    rig.await_state(is_heard, "the device is heard again")
    return time.monotonic() - at


def seconds_until_another(rig: RigRun, before: int, since: float) -> float:
    """From `since` (monotonic) until a capture process that is not `before` runs."""
    wait_for(lambda: rig.pid_of("capture") not in (0, before), "another capture process")
    return time.monotonic() - since


def resumed_blocks(rig: RigRun) -> list[tuple[Block, Block]]:
    """Each first block of a capture process that went on, and the block before it."""
    with Tape.attach(rig.runtime / "tape", writable=False) as tape:
        blocks = list(tape.blocks())
    return [(blocks[i - 1], each) for i, each in enumerate(blocks) if i and BlockFlag.RESUMED in each.flags]


def worst_gap_error_s(rig: RigRun) -> float:
    """How far a gap is from the time that really passed, by the stamps of the blocks around it."""
    errors = [
        abs((after.monotonic_ns - before.monotonic_ns) / 1e9 - (after.frames + after.lost_before) / RATE_HZ)
        for before, after in resumed_blocks(rig)
    ]
    return max(errors, default=0.0)


def absences(take: Take) -> list[Gap]:
    """The gaps in which the interface was away. A JACK server on a busy machine loses a cycle now and then by itself,
    and says so: those are gaps, too."""
    return [gap for gap in take.gaps if gap.cause in (GapCause.INTERFACE_LOST, GapCause.CAPTURE_RESTARTED)]


def check_pieces(take: Take) -> None:
    """Between gaps every sample of every channel is a counter's, which may begin anew after each; gaps are silence.

    For a JACK server: its frame time begins anew when it does, and on a busy machine it skips a cycle now and then,
    for all of its clients. That is seen as whole periods, in all channels at the same frame, and is not rigd's loss.
    """
    codes, at = take_codes(take), 0
    for gap in [*take.gaps, None]:
        begin = codes.shape[1] if gap is None else gap.at_frame - take.first_frame
        _check_piece(codes[:, at:begin], what=f"from frame {at}")
        if gap is not None:
            at = begin + gap.length_frames
            assert not codes[:, begin:at].any(), f"the gap at {begin} is not silent"


def _check_piece(codes: npt.NDArray[np.int64], *, what: str) -> None:
    channels, frames = codes.shape
    ahead = (codes - ROW_STEP * np.arange(channels)[:, None] - np.arange(frames)) % MODULUS
    assert (ahead == ahead[0]).all(), f"{what}: channels are not aligned"
    skipped = np.diff(ahead[0]) % MODULUS
    wrong = np.flatnonzero(skipped % PERIOD_FRAMES)
    assert not len(wrong), f"{what}: frame {wrong[0] + 1} does not follow the one before"


def open_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def zombies_of(pid: int) -> int:
    """Children that have ended and that nobody has asked after."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found += fields[0] == "Z" and int(fields[1]) == pid
    return found
