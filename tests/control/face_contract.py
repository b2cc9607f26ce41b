"""What every kind of face is put through, on a real controller and by its real door. A kind says how its clients come
in and what they see (`FaceEnd`); `FaceContract` is then run over it by a class whose fixture `end` gives one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Protocol

from msgspec.structs import replace

from rigd.control.controller import Controller
from rigd.control.faces import FaceDoor
from rigd.control.levels_fan import LevelsFan
from rigd.hands.face import Door, Face
from rigd.model.commands import Lock, Unlock
from rigd.model.levels import Levels
from rigd.model.roles import Role
from rigd.model.state import SurfaceStatus
from rigd.model.units import Frame, Ns, Origin
from rigd.rules.permissions import RIG_ITSELF, Principal
from tests.support.desk import RATE_HZ, WRITER_IDLE
from tests.support.parts import ObedientParts, WoundTape, running_controller
from tests.support.patience import PATIENCE_S, wait_for

SILENCE = Levels(at_frame=Frame(1), peak_dbfs=(-60.0,), rms_dbfs=(-70.0,), clipped=(0,))
MANY = 3_000


class FaceClient(Protocol):
    """Somebody at the face. One that is asked nothing reads nothing."""

    def is_locked(self) -> bool | None:
        """Whether it sees the rig locked; None: nothing is seen yet."""

    def give(self, text: str) -> tuple[bool, str]:
        """A command in its text form: whether it was done, and what the rig said."""

    def happened(self) -> list[tuple[str, str]]:
        """What has happened since it came: each event's origin and text."""

    def clips(self) -> int:
        """Of the first channel, since they were asked for last."""

    def close(self) -> None: ...


class FaceEnd(Protocol):
    """The side of a face at which its clients are."""

    name: str
    """Of its section."""

    def make(self, door: Door) -> Face:
        """Not started."""

    def connect(self) -> FaceClient: ...

    def is_open(self) -> bool:
        """A client would be let in."""

    def take_place(self) -> None:
        """Where it is to serve, something else is in the way."""

    def free_place(self) -> None: ...


class Now(WoundTape):
    """The clock that clients stamp their commands by."""

    def clock_ns(self) -> Ns:
        return Ns(time.monotonic_ns())

    def extent(self) -> tuple[Frame, Frame] | None:
        now = round(self.clock_ns() * RATE_HZ / 1e9)
        return Frame(max(0, now - 60 * RATE_HZ)), Frame(now)


class Hall:
    """A rig with the door of one face."""

    def __init__(self, controller: Controller, end: FaceEnd, role: Role) -> None:
        self.controller = controller
        self.reports: list[SurfaceStatus] = []
        self.readings: list[Levels] = []
        self.levels = LevelsFan(self._look, lambda: Ns(time.monotonic_ns()))
        who = Principal(name=end.name, role=role)
        self.face = end.make(FaceDoor(who, controller, levels=self.levels, report=self.reports.append))

    def _look(self) -> Levels:
        return self.readings.pop(0) if self.readings else SILENCE

    @property
    def is_connected(self) -> bool:
        return bool(self.reports) and self.reports[-1].connected

    def lock(self, locked: bool) -> None:
        """By somebody else's hand."""
        kind = Lock if locked else Unlock
        command = kind(origin=Origin("pedal"), at_ns=Ns(time.monotonic_ns()))
        self.controller.submit(command, RIG_ITSELF).result(PATIENCE_S)


@contextmanager
def serving(end: FaceEnd, *, role: Role = Role.OWNER, opens: bool = True) -> Iterator[Hall]:
    """A started face; nothing of it is left behind."""
    with running_controller(Now(), ObedientParts()) as controller:
        before = set(threading.enumerate())
        hall = Hall(controller, end, role)
        hall.face.start()
        try:
            if opens:
                wait_for(lambda: hall.is_connected and end.is_open(), "the face is open")
            yield hall
        finally:
            hall.face.stop()
        assert {each for each in threading.enumerate() if each.is_alive()} <= before
        hall.lock(not controller.state.locked)  # who has closed is let go of at the next step
        assert not end.is_open(), "its place is free"
        assert not controller._listeners and not hall.levels._takers, "it holds on to nothing of the rig"


@contextmanager
def client_of(end: FaceEnd) -> Iterator[FaceClient]:
    client = end.connect()
    try:
        wait_for(lambda: client.is_locked() is not None, "the state as it is")
        yield client
    finally:
        client.close()


class FaceContract:
    """Every kind of face. Its tests are a subclass with a fixture `end`."""

    def test_one_that_is_never_started_leaves_nothing_behind(self, end: FaceEnd) -> None:
        before = set(threading.enumerate())
        with running_controller(Now(), ObedientParts()) as controller:
            running = set(threading.enumerate())
            hall = Hall(controller, end, Role.OWNER)
            assert set(threading.enumerate()) == running and not end.is_open()
            hall.face.stop()
        assert set(threading.enumerate()) <= before

    def test_it_reports_how_it_stands_by_the_name_of_its_section_and_only_news(self, end: FaceEnd) -> None:
        with serving(end) as hall:
            pass
        assert {(status.name, status.kind) for status in hall.reports} == {(end.name, end.name)}
        assert all(one != other for one, other in zip(hall.reports, hall.reports[1:], strict=False))

    def test_a_place_that_is_taken_is_reported_and_tried_again(self, end: FaceEnd) -> None:
        end.take_place()
        with serving(end, opens=False) as hall:
            wait_for(lambda: bool(hall.reports), "a report")
            assert not hall.is_connected and hall.reports[-1].detail
            end.free_place()
            wait_for(lambda: hall.is_connected and end.is_open(), "the face is open")
            with client_of(end) as client:
                assert client.is_locked() is False

    def test_a_place_that_stays_taken_keeps_nobody_from_ending(self, end: FaceEnd) -> None:
        end.take_place()
        with serving(end, opens=False) as hall:
            wait_for(lambda: bool(hall.reports), "a report")
        end.free_place()

    def test_each_client_sees_the_state_as_it_is_and_as_it_becomes(self, end: FaceEnd) -> None:
        with serving(end) as hall, client_of(end) as one:
            for locked in (True, False, True):
                hall.lock(locked)
                wait_for(lambda locked=locked: one.is_locked() is locked, f"locked: {locked}")  # type: ignore[misc]
            with client_of(end) as late:
                assert late.is_locked() is True
            assert ("pedal", "unlocked") in one.happened()

    def test_a_command_is_done_in_the_face_s_name_and_answered(self, end: FaceEnd) -> None:
        with serving(end) as hall, client_of(end) as client:
            assert client.give("lock") == (True, "locked: a take only stops by a held control")
            assert hall.controller.state.locked
            wait_for(lambda: any(text.startswith("locked") for _, text in client.happened()), "the event")
            (origin,) = {origin for origin, text in client.happened() if text.startswith("locked")}
            assert origin.partition("/")[0] == end.name

    def test_what_cannot_be_done_is_answered_with_the_reason(self, end: FaceEnd) -> None:
        with serving(end) as hall, client_of(end) as client:
            done, why = client.give("stop")
            assert not done and "no take rolls" in why
            done, why = client.give("strat")
            assert not done and '"strat" is not a command' in why
            assert not hall.controller.state.locked

    def test_its_role_is_no_client_s_to_choose(self, end: FaceEnd) -> None:
        with serving(end, role=Role.WATCHER) as hall, client_of(end) as client:
            done, why = client.give("lock")
            assert not done and "is here as watcher" in why and not hall.controller.state.locked

    def test_one_that_looks_at_the_levels_seldom_sees_each_clip_and_so_does_the_other(
        self, end: FaceEnd
    ) -> None:
        with serving(end) as hall, client_of(end) as one, client_of(end) as other:
            for client in (one, other):
                client.clips()
            hall.readings = [replace(SILENCE, at_frame=Frame(n), clipped=(n % 2,)) for n in range(2, 12)]
            seen = {one: 0}

            def all_were_seen() -> bool:
                seen[one] += one.clips()
                return not hall.readings

            wait_for(all_were_seen, "the looks are over")
            assert seen[one] + one.clips() == 5 and other.clips() == 5

    def test_one_that_does_not_read_holds_up_nobody(self, end: FaceEnd) -> None:
        with serving(end) as hall, closing(end.connect()), client_of(end) as client:
            for number in range(MANY):
                hall.controller.post(replace(WRITER_IDLE, free_bytes=10**12 + number))
                if number % 100 == 0:
                    hall.lock(number % 200 == 0)
            hall.lock(True)
            wait_for(lambda: client.is_locked() is True, "the other one sees the end of it")
            assert client.give("unlock")[0]

    def test_a_client_that_goes_is_let_go_of(self, end: FaceEnd) -> None:
        with serving(end) as hall:
            clients = [end.connect() for _ in range(5)]
            for client in clients:
                wait_for(lambda client=client: client.is_locked() is False, "the state")  # type: ignore[misc]
            there = len(hall.controller._listeners)
            assert there >= 1
            for client in clients:
                client.close()

            def is_let_go() -> bool:
                hall.lock(
                    not hall.controller.state.locked
                )  # who is gone is found out when it is told something
                return len(hall.controller._listeners) <= max(0, there - len(clients))

            wait_for(is_let_go, "nothing is kept for them")
