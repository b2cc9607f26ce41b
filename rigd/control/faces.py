"""Makes the faces of the config, each with a door of its own. No thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from rigd.config.kinds import FACES, Kinds
from rigd.config.rig_config import FaceConfig
from rigd.control.controller import Controller
from rigd.control.levels_fan import LevelsFan
from rigd.control.parts import DaemonPart, RigPart
from rigd.hands.face import Listening, Meter
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


def faces_of(
    configs: Sequence[FaceConfig],
    controller: Controller,
    *,
    levels: LevelsFan,
    report: Callable[[SurfaceStatus], None],
) -> Iterator[RigPart]:
    """Each face, to be started by itself. Raises ConfigError where one cannot be loaded or made."""
    kinds = Kinds(FACES)
    for each in configs:
        who = Principal(name=each.name, role=each.role, role_set_by=f"[{each.name}] role")
        door = FaceDoor(who, controller, levels=levels, report=report)
        face = kinds.make(f"[{each.name}]", each.name, each.settings, door)
        report(not_reported_yet(each.name, each.name))
        yield DaemonPart(f"[{each.name}]", face)
