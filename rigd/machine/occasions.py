"""When a hook is run, and what it is given: events in, facts out. Pure.

A fact is said twice: as a variable of its own, for a shell script, and in one JSON object on standard input.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from rigd.model.events import Event, Happening
from rigd.model.plain_text import plain_line
from rigd.model.state import RigState, Take
from rigd.model.takes import other_takes
from rigd.model.units import TakeId

TAKE_CLOSED, DISK_LOW, FAULT, FAULT_OVER = "take_closed", "disk_low", "fault", "fault_over"
OCCASIONS = {
    Happening.TAKE_CLOSED: TAKE_CLOSED,
    Happening.TAKE_RECOVERED: TAKE_CLOSED,
    Happening.TAKE_FAILED: TAKE_CLOSED,
    Happening.DISK_SPACE: DISK_LOW,
    Happening.FAULT_RAISED: FAULT,
    Happening.FAULT_CLEARED: FAULT_OVER,
}
"""By the option of [hooks]. A take that failed is closed, too: what was kept of it is whole."""
LONGEST_VALUE = 4000
"""Of a variable: all of them together, with the command line, have a limit of the kernel's."""


class Occasion(Struct, frozen=True, kw_only=True):
    """Something happened for which a hook may be run."""

    name: str
    """The option of [hooks]."""
    facts: dict[str, Any]

    @property
    def folder(self) -> str:
        """The take's, where it is about one."""
        return str(self.facts.get("folder", ""))

    def variables(self) -> dict[str, str]:
        """RIGD_TEXT, RIGD_FOLDER, ...: one line each. Lists are in the JSON only."""
        plain = {key: value for key, value in self.facts.items() if not isinstance(value, list)}
        return {f"RIGD_{key.upper()}": _as_variable(value) for key, value in plain.items()}

    def json(self) -> bytes:
        """The same, as one JSON object and a newline."""
        return json.dumps(self.facts, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def occasion_of(event: Event, state: RigState, *, runtime_dir: str = "") -> Occasion | None:
    """None where no hook is about it. `state` is of that event or a little later."""
    name = OCCASIONS.get(event.what)
    if name is None:
        return None
    facts: dict[str, Any] = {
        "event": name,
        "text": event.text,
        "time": event.at_time,
        "state": state.transport.value,
    }
    facts["runtime_dir"] = runtime_dir
    if name == TAKE_CLOSED:
        take = other_takes(state).find(TakeId(event.subject))
        if take is None:
            return None  # nothing was kept of it, or it is thrown away already
        facts |= _facts_of(take, state)
    elif name == DISK_LOW:
        left_s = state.disk.seconds_left if state.disk is not None else None
        facts |= {"volume": event.subject, "seconds_left": left_s}
    else:
        facts["fault"] = event.subject
    return Occasion(name=name, facts=facts)


def _facts_of(take: Take, state: RigState) -> dict[str, Any]:
    slate = take.slate
    return {
        "take_id": take.take_id,
        "folder": take.folder,
        "files": [file.name for file in take.files],
        "session": slate.session,
        "song": slate.song,
        "take": slate.number,
        "name": slate.name,
        "started_at": take.started_at,
        "duration_s": round(take.written_frames / state.sample_rate_hz, 3),
        "gaps": len(take.gaps),
        "recovered": take.recovered,
        "failed": take.failure,
        "false_take": slate.false_take,
        "simulated": take.simulated,
    }


def _as_variable(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None:
        return ""
    return plain_line(str(value))[:LONGEST_VALUE]
