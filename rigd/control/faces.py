"""Makes the faces of the config, each with a door of its own. No thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from rigd.config.kinds import FACES, Kinds
from rigd.config.rig_config import FaceConfig
from rigd.control.controller import Controller
from rigd.control.parts import Part, Thread
from rigd.hands.face import Listening, Meter
from rigd.model.commands import Command, GivenBy, Reply
from rigd.model.state import RigState, SurfaceStatus
from rigd.model.units import Origin


class FaceDoor:
    """See rigd.hands.face.Door."""

    def __init__(
        self,
        name: str,
        controller: Controller,
        *,
        make_meter: Callable[[], Meter],
        report: Callable[[SurfaceStatus], None],
    ) -> None:
        self.name = name
        self._controller = controller
        self._make_meter, self._report = make_meter, report

    @property
    def state(self) -> RigState:
        return self._controller.state

    def do(self, command: Command, answered: Callable[[Reply], None]) -> None:
        own = replace(command, origin=Origin(self.name), given_by=GivenBy.CLIENT)
        self._controller.submit_then(own, answered)

    def listen(self, *, on_ready: Callable[[], None] | None = None, follows: bool = False) -> Listening:
        return self._controller.listen(on_ready=on_ready, follows=follows)

    def meter(self) -> Meter:
        return self._make_meter()

    def report(self, status: SurfaceStatus) -> None:
        self._report(replace(status, name=self.name, kind=self.name))


def faces_of(
    configs: Sequence[FaceConfig],
    controller: Controller,
    *,
    make_meter: Callable[[], Meter],
    report: Callable[[SurfaceStatus], None],
) -> Iterator[Part]:
    """Each face, to be started by itself. Raises ConfigError where one cannot be loaded or made."""
    kinds = Kinds(FACES)
    for each in configs:
        door = FaceDoor(each.name, controller, make_meter=make_meter, report=report)
        face = kinds.make(f"[{each.name}]", each.name, each.settings, door)
        report(
            SurfaceStatus(
                name=each.name, kind=each.name, connected=False, detail="it has not reported anything yet"
            )
        )
        yield Thread(f"[{each.name}]", face)
