"""The surfaces of the config, brought together with binder and feedback. No thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rigd.config.kinds import SURFACES, Kinds
from rigd.config.rig_config import SurfaceConfig
from rigd.control.binder import Binder
from rigd.control.feedback import Feedback
from rigd.control.parts import NamedParts
from rigd.hands.surface import Surface
from rigd.model.state import not_reported_yet
from rigd.wire.overheard import Overheard


class Surfaces:
    """A part: started behind the binder, which takes what they find."""

    name = "surfaces"

    def __init__(self, configs: Sequence[SurfaceConfig], binder: Binder, feedback: Feedback) -> None:
        """Raises ConfigError where a kind cannot be loaded, or one cannot be made."""
        self._binder, self._feedback = binder, feedback
        self._overheard: dict[str, Overheard] = {}
        self.overheard: Mapping[str, Overheard] = MappingProxyType(self._overheard)
        """Of those that hold a line to which `rigd learn` may listen, what comes there, by their names."""
        made = self._made(configs)
        self._introduce(configs, made)
        self._parts = NamedParts(self.name, made, called='surface "{}"')

    def start(self) -> None:
        self._parts.start()

    def stop(self, *, leave_running: bool) -> None:
        self._parts.stop(leave_running=leave_running)

    def exchange(self, before: Sequence[SurfaceConfig], after: Sequence[SurfaceConfig]) -> SurfaceExchange:
        """What differs is made anew. One whose kind, settings and bindings are the same goes on, with its port and
        what is held on it, whatever it may do from now on. Raises ConfigError."""
        were = {each.name: each for each in before}
        new = [each for each in after if not _is_same_device(were.get(each.name), each)]
        gone = were.keys() - {each.name for each in after} | {each.name for each in new if each.name in were}
        return SurfaceExchange(self, after=after, new=new, made=self._made(new), gone=sorted(gone))

    def end(self, names: Iterable[str]) -> None:
        """These have ended, and nothing of theirs is on its way any more."""
        self._feedback.leave(names)
        self._parts.end(names)
        for name in names:
            self._overheard.pop(name, None)
            self._binder.gone(name)

    def rebind(self, after: Sequence[SurfaceConfig], anew: Iterable[str]) -> None:
        """Controls do what this config says of them."""
        self._binder.rebind(
            bindings={each.name: each.bindings for each in after},
            principals={each.name: each.principal for each in after},
            anew=anew,
        )

    def forget_reports(self, names: Iterable[str]) -> None:
        self._feedback.forget_reports(names)

    def begin(self, configs: Sequence[SurfaceConfig], made: Mapping[str, Surface]) -> list[str]:
        self._introduce(configs, made)
        return self._parts.begin(made)

    def _made(self, configs: Sequence[SurfaceConfig]) -> dict[str, Surface]:
        kinds = Kinds(SURFACES)
        return {
            each.name: kinds.make(
                f"[surface.{each.name}]", each.kind, each.name, each.settings, each.bindings, self._binder
            )
            for each in configs
        }

    def _introduce(self, configs: Sequence[SurfaceConfig], made: Mapping[str, Surface]) -> None:
        for each in configs:
            surface = made[each.name]
            self._binder.introduce(surface)
            self._feedback.introduce(surface)
            self._feedback.report(not_reported_yet(each.name, each.kind))
            if (port := getattr(surface, "overheard", None)) is not None:
                self._overheard[each.name] = port


class SurfaceExchange:
    """See rigd.control.parts.Exchange."""

    def __init__(
        self,
        surfaces: Surfaces,
        *,
        after: Sequence[SurfaceConfig],
        new: Sequence[SurfaceConfig],
        made: Mapping[str, Surface],
        gone: Sequence[str],
    ) -> None:
        self._surfaces, self._after, self._new, self._made = surfaces, after, new, made
        self._gone = gone

    def end_old(self) -> None:
        self._surfaces.end(self._gone)
        self._surfaces.rebind(self._after, self._made)
        self._surfaces.forget_reports(self._gone)

    def take_up(self) -> None:
        """The binder has it already: what a control does is asked of it alone."""

    def begin_new(self) -> list[str]:
        return self._surfaces.begin(self._new, self._made)


def _is_same_device(before: SurfaceConfig | None, after: SurfaceConfig) -> bool:
    return before is not None and (before.kind, before.settings, before.bindings) == (
        after.kind,
        after.settings,
        after.bindings,
    )
