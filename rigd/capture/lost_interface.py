"""An interface that is not there: since when, why, and when it is worth another try. Any thread.

A try costs half a second of a processor, so after a minute they become fewer. What a try depends on is looked at far
more often and costs nothing: the kernel's list of cards, who records from them, and the doors of sound servers. Where
one of these changes, the next try is made at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from rigd.wire.own_folder import read_own, replace_own

LOST_NAME = "interface.lost"
"""Is there while the interface could not be opened; what the gap in the take is then called."""
EAGER_S = 60.0
"""For so long it is tried again at once."""
LONGEST_PAUSE_S = 15.0
PAUSE_SHARE = 0.25
"""Of the time that it has been away beyond the first minute."""

ASOUND = Path("/proc/asound")
SERVERS = ("jack", "pipewire", "pulse")
Found = tuple[str, ...]


class LostInterface:
    """The note of it in the runtime folder: the next process reads it, too."""

    def __init__(self, runtime: Path, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = runtime / LOST_NAME
        self._clock_ns = clock_ns

    @property
    def is_noted(self) -> bool:
        """It could not be opened the last time."""
        return self._path.exists()

    def note(self, why: str) -> bool:
        """It cannot be opened now. True where that is news: it was there before, or there is another reason."""
        since_ns, before = self._read()
        with contextlib.suppress(OSError):  # what is to be told is told
            note = {"since_ns": self._clock_ns() if since_ns is None else since_ns, "why": why}
            replace_own(self._path, json.dumps(note).encode())
        return why != before

    def pause_s(self) -> float:
        """How long the next try may wait."""
        since_ns, _ = self._read()
        away_s = 0.0 if since_ns is None else (self._clock_ns() - since_ns) / 1e9
        return min(LONGEST_PAUSE_S, max(0.0, PAUSE_SHARE * (away_s - EAGER_S)))

    def _read(self) -> tuple[int | None, str]:
        try:
            note = json.loads(read_own(self._path))
            return int(note["since_ns"]), str(note["why"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, ""


def what_there_is(asound: Path = ASOUND, doors: tuple[Path, ...] | None = None) -> Found:
    """Cards, whether anybody records from them, and sound servers: another tuple once one of them is another."""
    found = []
    with contextlib.suppress(OSError):
        found.append((asound / "cards").read_text("utf-8", "replace"))
    for status in sorted(asound.glob("card*/pcm*c/sub*/status")):
        with contextlib.suppress(OSError):
            found.append(
                f"{status.parent.parent}: {status.read_text('utf-8', 'replace').split(chr(10), 1)[0]}"
            )
    for folder in _doors() if doors is None else doors:
        with contextlib.suppress(OSError):
            found += sorted(f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(SERVERS))
    return tuple(found)


def _doors() -> tuple[Path, ...]:
    return Path("/dev/shm"), Path(os.environ.get("XDG_RUNTIME_DIR", "") or f"/run/user/{os.getuid()}")
