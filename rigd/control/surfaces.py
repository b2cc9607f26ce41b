"""Makes the surfaces of the config and brings them together with binder and feedback. No thread of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigd.config.kinds import SURFACES, Kinds
from rigd.config.rig_config import SurfaceConfig
from rigd.control.binder import Binder
from rigd.control.feedback import Feedback
from rigd.control.parts import DaemonPart, RigPart
from rigd.hands.surface import Surface
from rigd.model.state import not_reported_yet
from rigd.wire.overheard import Overheard


def surfaces_of(
    configs: Sequence[SurfaceConfig], binder: Binder, feedback: Feedback
) -> tuple[tuple[RigPart, ...], Mapping[str, Overheard]]:
    """Each surface, to be started by itself: after the binder, which takes what they find. And of those that hold a
    line to which `rigd learn` may listen, what comes there, by their names. Raises ConfigError where a kind cannot be
    loaded."""
    kinds = Kinds(SURFACES)
    parts: list[RigPart] = []
    overheard: dict[str, Overheard] = {}
    for each in configs:
        section = f"[surface.{each.name}]"
        surface: Surface = kinds.make(section, each.kind, each.name, each.settings, each.bindings, binder)
        binder.introduce(surface)
        feedback.introduce(surface)
        feedback.report(not_reported_yet(each.name, each.kind))
        parts.append(DaemonPart(f'surface "{each.name}"', surface))
        if (port := getattr(surface, "overheard", None)) is not None:
            overheard[each.name] = port
    return tuple(parts), overheard
