"""Holds: what a writer has not made durable yet, and capture therefore may not overwrite.

A hold lives on the tape, not in the process, so a writer that is killed keeps it: the writer that is
started after it adopts it by its key and goes on where the durable frames end. Any thread of one process.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from rigd.model.errors import TapeError
from rigd.model.units import Frame, TakeId
from rigd.tape._core import ffi, lib
from rigd.tape.mapping import TapeMap

MOST_FIRM_HOLDS: int = lib.RIGD_FIRM_HOLDS
"""How many firm holds a tape has: a block that one is in the way of is dropped."""
MOST_SPARE_HOLDS: int = lib.RIGD_HOLDS - lib.RIGD_FIRM_HOLDS
"""How many spare ones: capture lets go of one that is in the way."""
PRIMARY_WRITER = "writer"
"""Name of the writer of the take volume."""
_KEY_BITS = 56
_KEPT_BITS = 0x69_6764_0001_0000
"""No take's key is like that, as of those that wait."""
LET_GO = 2**64 - 1
"""Position of a spare hold that capture has let go of."""


class NoFreeHoldError(TapeError):
    """Every hold of that kind is in use. It passes: each take that is closed gives one back."""


class HoldLetGoError(TapeError):
    """A spare hold was in capture's way and protects nothing any more. Its owner still has it, to renew it."""


def _mark_of(writer: str) -> int:
    """Eight bits by which holds of one writer are told from those of the others."""
    return zlib.crc32(writer.encode()) >> 24


def hold_key(take_id: TakeId, writer: str) -> int:
    """The key of a take's hold by the writer of that name: no other writer has it, nor another take. Never 0."""
    return _mark_of(writer) << _KEY_BITS | (int(take_id[:16], 16) & (1 << _KEY_BITS) - 1) or 1


def is_of(key: int, writer: str) -> bool:
    """True for the keys of that writer's holds."""
    return key >> _KEY_BITS == _mark_of(writer)


def waiting_keys(writer: str) -> tuple[int, int]:
    """Two keys of that writer for what waits. No take's key is like that: its 13th digit is the 4 of RFC 4122."""
    first = _mark_of(writer) << _KEY_BITS | 0x69_6764_0000_0001
    return first, first + 1


def kept_key(writer: str, number: int) -> int:
    """A key of that writer for the sound of a take that failed; `number` tells them apart, up to 4,096."""
    return _mark_of(writer) << _KEY_BITS | _KEPT_BITS | number & 0xFFF


def is_kept(key: int) -> bool:
    """True for the keys of sound of takes that failed, whichever writer keeps it."""
    return key & (1 << _KEY_BITS) - 1 & ~0xFFF == _KEPT_BITS


class HoldRecord(Struct, frozen=True, kw_only=True):
    """A hold as it stands on the tape."""

    key: int
    pid: int
    owner_started: int
    """When that process started, as `_started` says; 0 for the instant in which a hold is being taken."""
    position: int
    spare: bool = False
    let_go: bool = False
    """It is spare and was in capture's way; `position` says nothing then."""

    @property
    def owner_alive(self) -> bool:
        """It runs now. Asks the kernel."""
        started = _started(self.pid)
        return started != 0 and self.owner_started in (0, started)


class Hold:
    """Nothing at or after `position` is overwritten until it is advanced or released; of a spare one, until it
    would cost capture a block.

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

    @property
    def spare(self) -> bool:
        return self._held_slot() >= MOST_FIRM_HOLDS

    @property
    def let_go(self) -> bool:
        """It is spare and was in capture's way. It stays so until `renew` or `make_firm`."""
        return self.position == LET_GO

    def advance(self, position: int) -> None:
        """What lies before `position` may be overwritten now. A hold never goes back. HoldLetGoError where
        capture has let go of it: what lies behind may be gone already."""
        if lib.rigd_hold_advance(self._map.writable_pointer, self._held_slot(), position) != 0:
            raise HoldLetGoError(
                f"tape {self._map.path}: hold {self.key:016x} was let go of, because a block would have been lost"
            )

    def renew(self, frame: Frame) -> None:
        """One that was let go of holds again, from `frame` on or from the oldest that is still there."""
        if self.let_go:
            position = lib.rigd_position_of(self._map.pointer, frame)
            lib.rigd_hold_renew(self._map.writable_pointer, self._held_slot(), position)

    def make_firm(self, frame: Frame) -> None:
        """It is a firm one from now on, as if taken at `frame`; without an instant in which nothing is held.
        NoFreeHoldError where there is none, and it is as it was."""
        if self.spare:
            spare = self._held_slot()
            self._slot = _take(self._map, frame, self.key, spare=False, replaces=spare)
            lib.rigd_hold_release(self._map.writable_pointer, spare)

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


def take_hold(tape_map: TapeMap, frame: Frame, key: int, *, spare: bool) -> Hold:
    if not 0 < key < 2**64:
        raise TapeError(f"hold {key}: a key is a number from 1 to 2^64 - 1")
    return Hold(tape_map, _take(tape_map, frame, key, spare=spare), key)


def _take(tape_map: TapeMap, frame: Frame, key: int, *, spare: bool, replaces: int = -1) -> int:
    """The slot of a new hold."""
    tape = tape_map.writable_pointer
    held = ffi.new("uint64_t *")
    pid, started = os.getpid(), _started(os.getpid())

    def try_it() -> int:
        position = lib.rigd_position_of(tape, frame)
        return int(lib.rigd_hold_take(tape, int(spare), key, pid, started, position, replaces, held))

    slot = try_it()
    if slot == lib.RIGD_NO_FREE_HOLD and _reclaim(tape_map, mark=key >> _KEY_BITS) > 0:
        slot = try_it()
    if slot == lib.RIGD_KEY_IN_USE:
        raise TapeError(f"tape {tape_map.path}: hold {key:016x} is taken already; adopt it")
    if slot == lib.RIGD_NO_FREE_HOLD:
        kind, most = ("spare", MOST_SPARE_HOLDS) if spare else ("firm", MOST_FIRM_HOLDS)
        raise NoFreeHoldError(
            f"tape {tape_map.path}: all {most} {kind} holds are in use by running writers."
            " Wait until one of the takes that are being written is closed"
        )
    return slot


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


def reclaim_dead_holds(tape_map: TapeMap, writer: str | None) -> int:
    return _reclaim(tape_map, mark=None if writer is None else _mark_of(writer))


def _reclaim(tape_map: TapeMap, *, mark: int | None) -> int:
    """Another writer's dead holds are not touched: the next one of its name will adopt them. One without a key
    was being taken when its owner died, and nobody can adopt it."""
    tape = tape_map.writable_pointer
    dead = [
        slot
        for slot, record in _records(tape_map)
        if not record.owner_alive and (mark is None or record.key == 0 or record.key >> _KEY_BITS == mark)
    ]
    for slot in dead:
        lib.rigd_hold_release(tape, slot)
    return len(dead)


def _records(tape_map: TapeMap) -> list[tuple[int, HoldRecord]]:
    holds, slots = ffi.new("rigd_hold[]", lib.RIGD_HOLDS), ffi.new("uint32_t[]", lib.RIGD_HOLDS)
    count = lib.rigd_holds(tape_map.pointer, holds, slots)
    return [
        (
            slots[number],
            HoldRecord(
                key=hold.key,
                pid=hold.owner,
                owner_started=hold.owner_started,
                position=hold.position,
                spare=slots[number] >= MOST_FIRM_HOLDS,
                let_go=hold.position == LET_GO and hold.key != 0,
            ),
        )
        for number, hold in ((number, holds[number]) for number in range(count))
    ]


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
