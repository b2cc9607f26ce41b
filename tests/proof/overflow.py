"""What a tape had to drop while a disk stood still, reckoned without asking what was dropped.

The tape keeps what comes from its hold on, as much as it is long, and can keep again once the hold moves. From where
the hold stood and the frame at which it moved follows what no tape of that length could have kept. Whole blocks are
stored or dropped, so capture may do worse by less than one of them, and never better.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rigd.model.take import Gap
from rigd.tape.blocks import Block, BlockFlag
from rigd.tape.tape import Tape

LOOK_EVERY_S = 0.0003


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The oldest hold was moved (a position), while the frame that came next was one of `earliest` to `latest`."""

    before: int
    after: int
    earliest: int
    latest: int


class HoldMoves:
    """Every move of the only firm hold from `with` to its end; looked at on a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hold-moves", daemon=True)
        self.moves: list[Move] = []
        self.known: int | None = None
        """Where the hold was seen last."""
        self.known_at = 0
        """The frame that came next then."""

    def __enter__(self) -> HoldMoves:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        with Tape.attach(self._path, writable=False) as tape:
            self.known_at = tape.next_frame
            while not self._ended.wait(LOOK_EVERY_S):
                # The frame before is read before the hold is, the frame after it behind it: the move lies between.
                now = tape.next_frame
                held = min((hold.position for hold in tape.holds() if not hold.spare), default=None)
                if held is None:
                    continue
                if self.known is not None and held != self.known:
                    move = Move(before=self.known, after=held, earliest=self.known_at, latest=tape.next_frame)
                    self.moves.append(move)
                self.known, self.known_at = held, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One time that the tape was full: from the first block that was dropped to the next that was stored."""

    at_frame: int
    lost_frames: int
    unused_frames: int
    """Of what the tape could have held, by where its hold stood."""
    least_excess: int
    most_excess: int
    """What no tape of that length could have held. They differ where a block came as the hold was moved."""

    @property
    def beyond_frames(self) -> int:
        """By how much more was lost than that: the worst that is possible."""
        return max(self.lost_frames - self.least_excess, self.most_excess - self.lost_frames)

    @property
    def surely_beyond_frames(self) -> int:
        """The least that is possible."""
        return max(0, self.lost_frames - self.most_excess, self.least_excess - self.lost_frames)


def episodes_of(tape: Tape, moves: list[Move]) -> list[Episode]:
    """Each of them that the tape's own log tells; `moves` are those from the first one's end on, at least."""
    full = (block for block in tape.blocks() if block.flags & BlockFlag.TAPE_FULL and block.lost_before)
    return [_episode(block, moves, tape.geometry.capacity_frames) for block in full]


def _episode(stored: Block, moves: list[Move], capacity: int) -> Episode:
    at_frame = stored.first_frame - stored.lost_before
    during = [move for move in moves if move.latest > at_frame]
    assert during, "the hold was not seen to move"
    needed = stored.position + stored.frames - capacity
    freed = next(move for move in during if move.after >= needed)
    # At this frame the tape is full to the last one.
    limit = at_frame + during[0].before + capacity - stored.position
    return Episode(
        at_frame=at_frame,
        lost_frames=stored.lost_before,
        unused_frames=limit - at_frame,
        least_excess=freed.earliest - limit,
        most_excess=freed.latest - limit,
    )


def places(gaps: tuple[Gap, ...]) -> list[tuple[int, int]]:
    """Frame and length of each."""
    return [(gap.at_frame, gap.length_frames) for gap in gaps]
