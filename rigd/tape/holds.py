"""Holds: what a writer has not made durable yet, and capture therefore may not overwrite.

A hold lives on the tape, not in the process, so a writer that is killed keeps it: the writer that is
started after it adopts it by its key and goes on where the durable frames end. Any thread of one process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rigd.model.errors import TapeError
from rigd.model.units import Frame, TakeId
from rigd.tape._core import ffi, lib
from rigd.tape.mapping import TapeMap

MOST_HOLDS: int = lib.RIGD_HOLDS
"""How many holds a tape has, for all writers together."""


class NoFreeHoldError(TapeError):
    """Every hold of the tape is in use. It passes: each take that is closed gives one back."""


def hold_key(take_id: TakeId) -> int:
    """The key of a take's hold: the first 64 bits of its id, never 0."""
    return int(take_id[:16], 16) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRecord:
    """A hold as it stands on the tape."""

    key: int
    pid: int
    position: int
    owner_alive: bool


class Hold:
    """Nothing at or after `position` is overwritten until it is advanced or released.

    Leaving a `with` block releases it; a process that dies does not.
    """

    def __init__(self, tape_map: TapeMap, slot: int, key: int) -> None:
        self._map = tape_map
        self._slot: int | None = slot
        self.key = key

    @property
    def position(self) -> int:
        """The lowest position that is kept. May be later than was asked for: see `Tape.take_hold`."""
        hold = ffi.new("rigd_hold *")
        lib.rigd_hold_read(self._map.pointer, self._held_slot(), hold)
        return int(hold.position)

    def advance(self, position: int) -> None:
        """What lies before `position` may be overwritten now. A hold never goes back."""
        lib.rigd_hold_advance(self._map.writable_pointer, self._held_slot(), position)

    def release(self) -> None:
        """Holds nothing any more. May be called again."""
        if self._slot is not None:
            lib.rigd_hold_release(self._map.writable_pointer, self._slot)
            self._slot = None

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _held_slot(self) -> int:
        if self._slot is None:
            raise TapeError(f"hold {self.key:016x}: it was released already")
        return self._slot


def take_hold(tape_map: TapeMap, frame: Frame, key: int) -> Hold:
    if not 0 < key < 2**64:
        raise TapeError(f"hold {key}: a key is a number from 1 to 2^64 - 1")
    tape = tape_map.writable_pointer
    held = ffi.new("uint64_t *")
    pid, started = os.getpid(), _started(os.getpid())

    def try_it() -> int:
        position = lib.rigd_position_of(tape, frame)
        return int(lib.rigd_hold_take(tape, key, pid, started, position, held))

    slot = try_it()
    if slot == lib.RIGD_NO_FREE_HOLD and reclaim_dead_holds(tape_map) > 0:
        slot = try_it()
    if slot == lib.RIGD_KEY_IN_USE:
        raise TapeError(f"tape {tape_map.path}: hold {key:016x} is taken already; adopt it")
    if slot == lib.RIGD_NO_FREE_HOLD:
        raise NoFreeHoldError(
            f"tape {tape_map.path}: all {lib.RIGD_HOLDS} holds are in use by running writers."
            " Wait until one of the takes that are being written is closed"
        )
    return Hold(tape_map, slot, key)


def adopt_hold(tape_map: TapeMap, key: int) -> Hold:
    tape = tape_map.writable_pointer
    pid = os.getpid()
    for slot, record in _records(tape_map):
        if record.key != key:
            continue
        if record.pid != pid and record.owner_alive:
            raise TapeError(
                f"tape {tape_map.path}: hold {key:016x} belongs to process {record.pid}, which runs"
            )
        if lib.rigd_hold_adopt(tape, slot, record.pid, pid, _started(pid)) == 0:
            return Hold(tape_map, slot, key)
    raise TapeError(f"tape {tape_map.path}: nobody holds {key:016x}")


def list_holds(tape_map: TapeMap) -> tuple[HoldRecord, ...]:
    return tuple(record for _, record in _records(tape_map) if record.key != 0)


def reclaim_dead_holds(tape_map: TapeMap) -> int:
    tape = tape_map.writable_pointer
    dead = [slot for slot, record in _records(tape_map) if not record.owner_alive]
    for slot in dead:
        lib.rigd_hold_release(tape, slot)
    return len(dead)


def _records(tape_map: TapeMap) -> list[tuple[int, HoldRecord]]:
    found = []
    hold = ffi.new("rigd_hold *")
    for slot in range(lib.RIGD_HOLDS):
        lib.rigd_hold_read(tape_map.pointer, slot, hold)
        if hold.owner != 0:
            # The owner's start is 0 for the instant in which a hold is being taken.
            started = _started(hold.owner)
            alive = started != 0 and hold.owner_started in (0, started)
            record = HoldRecord(key=hold.key, pid=hold.owner, position=hold.position, owner_alive=alive)
            found.append((slot, record))
    return found


def _started(pid: int) -> int:
    """When a process started, in the kernel's ticks (proc(5), stat field 22); 0 if it does not run.

    With the number alone, a process that got a dead writer's number would keep its hold alive.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])
