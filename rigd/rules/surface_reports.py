"""What surfaces report of themselves. Pure."""

from __future__ import annotations

from rigd.model.events import Happening
from rigd.model.state import SurfaceStatus
from rigd.rules.step_work import Work


def surface_status(work: Work, fact: SurfaceStatus) -> None:
    known = next((status for status in work.state.surfaces if status.name == fact.name), None)
    if known == fact:
        return
    others = [status for status in work.state.surfaces if status.name != fact.name]
    work.change(surfaces=tuple(sorted((*others, fact), key=lambda status: status.name)))
    word = "is connected" if fact.connected else "is not connected"
    if known is None or known.connected is not fact.connected:
        detail = f": {fact.detail}" if fact.detail else ""
        work.say(Happening.SURFACE_CHANGED, fact.name, f'surface "{fact.name}" {word}{detail}')
