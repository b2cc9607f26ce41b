"""What preamps said lately, on the tape's own tmpfs: it outlives the daemon, as the tape does, and no longer.

So a take that is kept right after a restart of the daemon has the turns from before it. `keep` is called on the
controller's thread: it adds a line to a file in memory and waits for nobody. What cannot be written costs no more
than that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import LinkError, TapeError
from rigd.model.read_back import change_as_typed
from rigd.model.settings_history import SettingsHistory
from rigd.model.state import Channel
from rigd.model.take import GainChange
from rigd.wire.codec import Codec, encode
from rigd.wire.own_folder import append_own, read_own, replace_own

NAME = "rigd.preamps"
log = logging.getLogger(__name__)


class Remembered(Struct, frozen=True, kw_only=True):
    """First line: whose frames and channels these are."""

    tape_id: str
    channels: tuple[tuple[int, str, int], ...]
    """Number, preamp and socket of each that has one."""


class PreampMemory:
    """One file. `tape_id` raises TapeError while there is no tape."""

    def __init__(self, folder: Path, channels: Iterable[Channel], *, tape_id: Callable[[], str]) -> None:
        self._path = folder / NAME
        self._channels = _plugged_in(channels)
        self._tape_id = tape_id
        self._codec = Codec((Remembered, GainChange), across_builds=True)
        self._kept = SettingsHistory()
        self._header: Remembered | None = None
        self._is_broken = False

    def read(self) -> SettingsHistory | None:
        """What an earlier daemon left of this tape and these channels; None where there is nothing."""
        try:
            header, *rows = [self._codec.decode(line) for line in read_own(self._path).splitlines()]
            fits = header == self._now()
        except (OSError, ValueError, LinkError):
            return None
        if not fits or not all(isinstance(row, GainChange) for row in rows):
            return None
        return SettingsHistory().with_earlier(
            change_as_typed(row) for row in rows if isinstance(row, GainChange)
        )

    def use(self, channels: Iterable[Channel]) -> None:
        """From now on these channels have these preamps. The controller's thread."""
        self._channels = _plugged_in(channels)

    def keep(self, history: SettingsHistory | None) -> None:
        """The file says the same. Nothing before there is a tape: frames mean nothing then."""
        if history is None or history is self._kept or self._is_broken:
            return
        header = self._now()
        if header is None:
            return
        before, now = self._kept.rows, history.rows
        goes_on = header == self._header and len(before) <= len(now) and now[: len(before)] == before
        try:
            if goes_on:
                append_own(self._path, b"".join(map(encode, now[len(before) :])))
            else:
                replace_own(self._path, b"".join(map(encode, (header, *now))))
        except OSError as error:
            self._is_broken = True
            log.warning("%s: %s; a restart of rigd forgets what preamps said before it", self._path, error)
            return
        self._kept, self._header = history, header

    def _now(self) -> Remembered | None:
        try:
            return Remembered(tape_id=self._tape_id(), channels=self._channels)
        except TapeError:
            return None


def _plugged_in(channels: Iterable[Channel]) -> tuple[tuple[int, str, int], ...]:
    return tuple((each.number, each.preamp, each.socket) for each in channels if each.preamp)
