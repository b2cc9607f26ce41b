"""The door that a face is given: its commands come from it, and it sees and is seen."""

from __future__ import annotations

import queue

import pytest
from msgspec.structs import replace

from rigd.control.controller import Controller
from rigd.control.faces import FaceDoor
from rigd.control.levels_fan import LevelsFan
from rigd.hands.face import Door
from rigd.model.commands import Accepted, AddMarker, Command, Lock, Rejected, Reply
from rigd.model.events import Event, Happening, Snapshot
from rigd.model.levels import Levels
from rigd.model.roles import Role
from rigd.model.state import SurfaceStatus
from rigd.model.units import Frame, Ns, Origin
from rigd.rules.permissions import Principal
from tests.support.parts import ObedientParts, WoundTape, running_controller

SILENCE = Levels(at_frame=Frame(1), peak_dbfs=(), rms_dbfs=(), clipped=())


def door_of(controller: Controller, reports: list[SurfaceStatus], *, role: Role = Role.OWNER) -> FaceDoor:
    """The page's, with one look at silence."""
    looks = iter([None, None, SILENCE])
    levels = LevelsFan(lambda: next(looks, None), iter(range(0, 10**12, 10**9)).__next__)  # type: ignore[arg-type]
    return FaceDoor(Principal(name="page", role=role), controller, levels=levels, report=reports.append)


def test_a_face_commands_by_its_own_name_and_hears_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tape, reports = WoundTape(), list[SurfaceStatus]()
    with running_controller(tape, ObedientParts()) as controller:
        door: Door = door_of(controller, reports)
        listening = door.listen()
        first = listening.next(5.0)
        assert isinstance(first, Snapshot) and not first.state.locked
        replies: queue.Queue[Reply] = queue.Queue()
        forged = Lock(origin=Origin("pedal"), at_ns=Ns(0), control="cc 80", bound=True)
        given = list[Command]()
        submit_then = controller.submit_then
        monkeypatch.setattr(
            controller, "submit_then", lambda what, *to: (given.append(what), submit_then(what, *to))
        )
        door.do(forged, replies.put)
        assert isinstance(replies.get(timeout=20), Accepted)
        news = listening.next(20.0)
        assert isinstance(news, Event) and news.what is Happening.LOCK_CHANGED and news.origin == "page"
        assert given == [replace(forged, origin=Origin("page"), bound=False)], "no face has bindings"
        assert door.state.locked and listening.state.locked
        listening.close()


def test_each_of_its_clients_comes_in_by_a_door_of_his_own_and_no_higher_than_the_face() -> None:
    reports: list[SurfaceStatus] = []
    with running_controller(WoundTape(), ObedientParts()) as controller:
        face = door_of(controller, reports, role=Role.ENGINEER)
        for role, may in ((Role.WATCHER, False), (Role.OWNER, True)):
            client = face.opened_for("anna\n", role)
            assert client.name == "page/anna\\n"
            replies: queue.Queue[Reply] = queue.Queue()
            client.do(AddMarker(origin=Origin("x"), at_ns=Ns(0)), replies.put)
            reply = replies.get(timeout=20)
            assert isinstance(reply, Rejected) and ("is here as watcher" in reply.reason) is not may
            client.do(Lock(origin=Origin("x"), at_ns=Ns(0)), replies.put)
            reply = replies.get(timeout=20)
            assert isinstance(reply, Rejected), "the face itself is no owner"


def test_each_meter_is_a_face_s_own_and_what_it_reports_bears_its_name() -> None:
    reports: list[SurfaceStatus] = []
    with running_controller(WoundTape(), ObedientParts()) as controller:
        door = door_of(controller, reports)
        one, other = door.meter(), door.meter()
        assert one.take() is SILENCE and other.take() is SILENCE and one.take() is None
        one.close()
        status = SurfaceStatus(name="pedal", kind="midi", connected=True, detail="serves", port=":8000")
        door.report(status)
        assert reports == [replace(status, name="page", kind="page")]
