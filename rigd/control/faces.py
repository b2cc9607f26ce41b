"""The faces of the config, each with a door of its own. No thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from rigd.config.kinds import FACES, Kinds
from rigd.config.rig_config import FaceConfig
from rigd.control.controller import Controller
from rigd.control.feedback import Feedback
from rigd.control.levels_fan import LevelsFan
from rigd.control.parts import NamedParts
from rigd.hands.face import Face, Listening, Meter
from rigd.model.commands import Command, Reply
from rigd.model.plain_text import plain_line
from rigd.model.roles import Role, lesser
from rigd.model.state import RigState, SurfaceStatus, not_reported_yet
from rigd.model.units import Origin
from rigd.rules.permissions import Principal


class FaceDoor:
    """See rigd.hands.face.Door."""

    def __init__(
        self,
        who: Principal,
        controller: Controller,
        *,
        levels: LevelsFan,
        report: Callable[[SurfaceStatus], None],
    ) -> None:
        self.name = who.name
        self._who = who
        self._controller = controller
        self._levels, self._report = levels, report

    @property
    def state(self) -> RigState:
        return self._controller.state

    def do(self, command: Command, answered: Callable[[Reply], None]) -> None:
        own = replace(command, origin=Origin(self.name), bound=False)
        self._controller.submit_then(own, self._who, answered)

    def opened_for(self, who: str, role: Role) -> FaceDoor:
        client = replace(self._who, name=f"{self.name}/{plain_line(who)}", role=lesser(role, self._who.role))
        return FaceDoor(client, self._controller, levels=self._levels, report=self._report)

    def listen(self, *, on_ready: Callable[[], None] | None = None, follows: bool = False) -> Listening:
        return self._controller.listen(on_ready=on_ready, follows=follows)

    def meter(self) -> Meter:
        return self._levels.taker()

    def report(self, status: SurfaceStatus) -> None:
        self._report(replace(status, name=self.name, kind=self.name))


class Faces:
    """A part."""

    name = "faces"

    def __init__(
        self,
        configs: Sequence[FaceConfig],
        controller: Controller,
        *,
        levels: LevelsFan,
        feedback: Feedback,
    ) -> None:
        """Raises ConfigError where one cannot be loaded or made."""
        self._controller, self._levels, self._feedback = controller, levels, feedback
        made = self._made(configs)
        self._introduce(made)
        self._parts = NamedParts(self.name, made, called="[{}]")

    def start(self) -> None:
        self._parts.start()

    def stop(self, *, leave_running: bool) -> None:
        self._parts.stop(leave_running=leave_running)

    def exchange(self, before: Sequence[FaceConfig], after: Sequence[FaceConfig]) -> FaceExchange:
        """What differs is made anew; the others go on. Raises ConfigError."""
        were, are = {each.name: each for each in before}, {each.name: each for each in after}
        made = self._made([each for each in after if were.get(each.name) != each])
        return FaceExchange(self, gone=[name for name in were if were[name] != are.get(name)], made=made)

    def end(self, names: Sequence[str]) -> None:
        self._parts.end(names)
        self._feedback.forget_reports(names)

    def begin(self, made: Mapping[str, Face]) -> list[str]:
        self._introduce(made)
        return self._parts.begin(made)

    def _made(self, configs: Sequence[FaceConfig]) -> dict[str, Face]:
        kinds = Kinds(FACES)
        found = {}
        for each in configs:
            who = Principal(name=each.name, role=each.role, role_set_by=f"[{each.name}] role")
            door = FaceDoor(who, self._controller, levels=self._levels, report=self._feedback.report)
            found[each.name] = kinds.make(f"[{each.name}]", each.name, each.settings, door)
        return found

    def _introduce(self, names: Mapping[str, Face]) -> None:
        for name in names:
            self._feedback.report(not_reported_yet(name, name))


class FaceExchange:
    """See rigd.control.parts.Exchange."""

    def __init__(self, faces: Faces, *, gone: Sequence[str], made: Mapping[str, Face]) -> None:
        self._faces, self._gone, self._made = faces, gone, made

    def end_old(self) -> None:
        self._faces.end(self._gone)

    def take_up(self) -> None:
        """A face comes in by its own door, which is of the new config already."""

    def begin_new(self) -> list[str]:
        return self._faces.begin(self._made)
