"""Another build of rigd still has the tape: what is shown, what is refused, and how its take is stopped."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from rigd.model.effects import SendToWriter
from rigd.model.inputs import Circumstances, OtherBuildFound, OtherBuildGone
from rigd.model.messages import EndTake, StopWriter
from rigd.model.state import Transport
from tests.support.desk import LISTENING, Desk


class DeskWithoutTape(Desk):
    """Nobody can tell the frame of a press."""

    def circumstances(self, at_ns: int, what: Any = None) -> Circumstances:
        return replace(super().circumstances(at_ns, what), at_frame=None, tape_from=None, tape_to=None)


FOUND = OtherBuildFound(reason="it has layout 2, this rigd reads layout 3")


def test_with_nothing_open_the_rig_is_offline_until_its_own_capture_listens() -> None:
    desk = Desk()
    desk.hear(FOUND)
    assert desk.stands(Transport.OFFLINE)
    assert "another build" in desk.no("start")
    desk.hear(OtherBuildGone())
    desk.hear(LISTENING)
    assert desk.stands(Transport.READY)
    assert desk.state.faults == ()


def test_its_take_is_shown_and_is_ended_by_its_own_writer_which_knows_the_frame_of_now() -> None:
    desk = Desk()
    desk.ok("start")
    desk.hear(FOUND)
    desk.hear(LISTENING)
    assert desk.stands(Transport.ROLLING)
    assert [fault.key for fault in desk.state.faults] == ["version"]
    blind = DeskWithoutTape(ready=False)
    blind.state = desk.state
    desk = blind
    desk.ok("stop")
    assert not desk.told(EndTake)
    assert SendToWriter(message=StopWriter()) in desk.effects


def test_the_alarm_clears_by_itself_and_only_so() -> None:
    desk = Desk()
    desk.hear(FOUND)
    assert "clears by itself" in desk.ok("clear-fault")
    desk.hear(OtherBuildGone())
    assert desk.state.faults == ()
