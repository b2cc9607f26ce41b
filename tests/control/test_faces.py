"""The door that a face is given: its commands come from it, and it sees and is seen."""

from __future__ import annotations

import queue

from msgspec.structs import replace

from rigd.control.faces import FaceDoor
from rigd.hands.face import Door
from rigd.model.commands import Accepted, GivenBy, Lock, Reply
from rigd.model.events import Event, Happening, Snapshot
from rigd.model.levels import Levels
from rigd.model.state import SurfaceStatus
from rigd.model.units import Frame, Ns, Origin
from tests.support.parts import ObedientParts, WoundTape, running_controller

SILENCE = Levels(at_frame=Frame(1), peak_dbfs=(), rms_dbfs=(), clipped=())


def test_a_face_commands_by_its_own_name_and_hears_what_came_of_it() -> None:
    tape, reports = WoundTape(), list[SurfaceStatus]()
    with running_controller(tape, ObedientParts()) as controller:
        door: Door = FaceDoor("page", controller, make_meter=lambda: lambda: SILENCE, report=reports.append)
        listening = door.listen()
        first = listening.next(5.0)
        assert isinstance(first, Snapshot) and not first.state.locked
        replies: queue.Queue[Reply] = queue.Queue()
        forged = Lock(origin=Origin("pedal"), at_ns=Ns(0), given_by=GivenBy.CONTROL)
        door.do(forged, replies.put)
        assert isinstance(replies.get(timeout=20), Accepted)
        news = listening.next(20.0)
        assert isinstance(news, Event) and news.what is Happening.LOCK_CHANGED and news.origin == "page"
        assert door.state.locked and listening.state.locked
        listening.close()


def test_each_meter_is_a_face_s_own_and_what_it_reports_bears_its_name() -> None:
    made: list[int] = []

    def make_meter() -> object:
        made.append(1)
        return lambda: SILENCE

    reports: list[SurfaceStatus] = []
    with running_controller(WoundTape(), ObedientParts()) as controller:
        door = FaceDoor("page", controller, make_meter=make_meter, report=reports.append)  # type: ignore[arg-type]
        assert door.meter()() is SILENCE and door.meter() and len(made) == 2
        status = SurfaceStatus(name="pedal", kind="midi", connected=True, detail="serves", port=":8000")
        door.report(status)
        assert reports == [replace(status, name="page", kind="page")]
