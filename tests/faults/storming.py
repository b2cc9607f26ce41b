"""What the tests of storms share: a pedal, the rig's events as they come, and what the daemon costs meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rigd.control.client import ControlClient
from rigd.model.errors import LinkError
from rigd.model.events import Event, Happening
from tests.support.rig import PATIENCE_S, RigRun

PEDAL_PRESS = bytes((0xB0, 80, 127))
PEDAL_RELEASE = bytes((0xB0, 80, 0))


def pedal_section(port: str, **binding: str | int) -> str:
    """A config's section for a pedal on that port; what its cc 80 does."""
    words = "\n".join(
        f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"'
        for key, value in binding.items()
    )
    return (
        f'\n[surface.pedal]\nkind = "midi"\nport = "{port}"\n'
        f'[[surface.pedal.binding]]\ncontrol = "cc 80"\n{words}\n'
    )


class Events:
    """Every event of the rig, with the time it came to this process, from `with` to its end."""

    def __init__(self, rig: RigRun) -> None:
        self._client = ControlClient(rig.runtime / "rigd.sock", origin="events")
        self._came: list[tuple[float, Event]] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._thread.join(PATIENCE_S)

    def _listen(self) -> None:
        with contextlib.suppress(LinkError, OSError, ValueError):
            for news in self._client.events():
                if isinstance(news, Event):
                    with self._more:
                        self._came.append((time.monotonic(), news))
                        self._more.notify_all()

    def of(self, *kinds: Happening, origin: str = "") -> list[tuple[float, Event]]:
        """Those of these kinds so far; of this origin only, if it is given."""
        with self._more:
            came = list(self._came)
        return [each for each in came if each[1].what in kinds and origin in ("", each[1].origin)]

    def await_count(self, count: int, *kinds: Happening, origin: str = "") -> list[tuple[float, Event]]:
        """Once there are so many of them."""
        deadline = time.monotonic() + PATIENCE_S
        while len(found := self.of(*kinds, origin=origin)) < count:
            with self._more:
                self._more.wait(0.05)
            assert time.monotonic() < deadline, f"{len(found)} of {count} events {kinds} came"
        return found

    def settle(self, *kinds: Happening, quiet_s: float = 0.5) -> int:
        """How many there are once none has come for so long."""
        while True:
            before = len(self.of(*kinds))
            with self._more:
                self._more.wait_for(lambda: False, quiet_s)
            if len(self.of(*kinds)) == before:
                return before


def rss_bytes(pid: int) -> int:
    """Resident memory of the process that is its own; the tape is shared memory and not in it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no RssAnon")


def cpu_seconds(pid: int) -> float:
    """What the process has used of the processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], part: float) -> float:
    """The value that so much of them do not pass; 0.99 for p99."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
