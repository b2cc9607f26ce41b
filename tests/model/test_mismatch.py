"""An interface that is there and is not as the rig needs it: the fault, the markers of the take, and how it ends."""

from __future__ import annotations

from dataclasses import replace

from rigd.model.inputs import CaptureLost
from rigd.model.messages import Annotate, CapturePhase
from rigd.model.mismatch import HEARD_AGAIN, SILENT_FROM_HERE
from rigd.model.state import Transport
from tests.support.desk import LISTENING, Desk, frame

FEWER = replace(LISTENING, channels=2, mismatch="has 2 inputs, the rig needs 4", heard_from=frame(110.0))
OTHER_RATE = replace(
    LISTENING, phase=CapturePhase.FAILED, failure="it runs at 44100 Hz", mismatch="it runs at 44100 Hz"
)
OPENING = replace(LISTENING, phase=CapturePhase.OPENING)


def faults(desk: Desk) -> dict[str, str]:
    return {fault.key: fault.what for fault in desk.state.faults}


def rolling() -> Desk:
    desk = Desk()
    desk.ok("start")
    desk.now_s = 110.0
    desk.effects.clear()
    return desk


def test_fewer_inputs_are_a_fault_that_names_the_silent_channels_and_a_marker_where_it_begins_and_ends() -> (
    None
):
    desk = rolling()
    desk.hear(FEWER)
    assert desk.stands(Transport.ROLLING)
    assert 'Silent: channel 3 "Bass" (input 3); channel 4 "Room" (input 4)' in faults(desk)["mismatch"]
    desk.hear(FEWER)
    (begins,) = desk.take.markers
    assert begins.at_frame == frame(110.0)
    assert begins.name.startswith(SILENT_FROM_HERE) and '"Kick"' not in begins.name
    desk.hear(replace(LISTENING, heard_from=frame(120.0)))
    assert faults(desk) == {}
    _, ends = desk.take.markers
    assert (ends.at_frame, ends.name[: len(HEARD_AGAIN)]) == (frame(120.0), HEARD_AGAIN)
    assert [message.note for message in desk.told(Annotate)] == list(desk.take.markers)


def test_a_take_of_channels_that_are_all_there_has_no_marker_and_a_new_one_needs_the_missing_disarmed() -> (
    None
):
    desk = rolling()
    desk.ok("stop")
    desk.hear(FEWER)
    assert "too few for channel 3" in desk.no("start")
    desk.ok("disarm 3")
    desk.ok("disarm 4")
    desk.ok("start")
    desk.hear(FEWER)
    assert desk.take.markers == ()


def test_another_rate_is_a_mismatch_and_no_lost_interface_until_the_right_one_is_heard() -> None:
    desk = rolling()
    desk.hear(CaptureLost(reason="no frame came in"))
    assert set(faults(desk)) == {"interface"}
    desk.hear(OTHER_RATE)
    desk.hear(CaptureLost(reason="it runs at 44100 Hz"))
    assert faults(desk) == {"mismatch": "it runs at 44100 Hz"}
    desk.hear(OPENING)
    desk.hear(OTHER_RATE)
    assert set(faults(desk)) == {"mismatch"}
    assert desk.stands(Transport.ROLLING)
    assert "clears by itself" in desk.ok("clear-fault")
    desk.hear(replace(LISTENING, heard_from=frame(110.0)))
    assert faults(desk) == {}
    assert desk.take.markers == ()


def test_an_interface_that_did_not_match_and_is_gone_is_lost() -> None:
    desk = rolling()
    desk.hear(FEWER)
    desk.hear(CaptureLost(reason="no frame came in"))
    assert "interface" in faults(desk)
    gone = "no interface"
    desk.hear(replace(LISTENING, phase=CapturePhase.FAILED, failure=gone))
    assert set(faults(desk)) == {"interface"}
