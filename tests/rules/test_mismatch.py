"""An interface that is there and is not as the rig needs it: the fault, the markers of the take, and how it ends."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.inputs import CaptureLost
from rigd.model.messages import Annotate, CapturePhase, XrunNoted
from rigd.model.state import Transport
from rigd.model.take import Xrun
from rigd.rules.mismatch import FALSE_FROM_HERE, HEARD_AGAIN, SILENT_FROM_HERE
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


OTHER_CLOCK = replace(
    LISTENING,
    phase=CapturePhase.FAILED,
    failure="it runs at 44,100 Hz (measured)",
    mismatch="it runs at 44,100 Hz (measured)",
    measuring=True,
    measured_rate_hz=44_100.4,
    false_from=frame(108.0),
)


def test_a_rate_that_is_measured_to_be_wrong_is_the_same_fault_and_the_take_says_from_where_on() -> None:
    desk = rolling()
    desk.hear(XrunNoted(take_id=desk.take.take_id, xrun=Xrun(at_frame=frame(108.5), suspect=True)))
    assert f"suspect {desk.take.take_id}" in faults(desk)
    desk.hear(OTHER_CLOCK)
    assert desk.stands(Transport.ROLLING)
    # What came late was the rate: nothing was lost, and a larger period is no cure.
    assert faults(desk) == {"mismatch": "it runs at 44,100 Hz (measured)"}
    desk.hear(XrunNoted(take_id=desk.take.take_id, xrun=Xrun(at_frame=frame(109.0), suspect=True)))
    desk.hear(replace(OTHER_CLOCK, mismatch="it runs at 44,099 Hz (measured)"))
    assert faults(desk) == {"mismatch": "it runs at 44,099 Hz (measured)"}
    (marker,) = desk.take.markers
    assert marker.at_frame == frame(108.0)
    assert marker.name == f"{FALSE_FROM_HERE}44,100 Hz, not 48,000 Hz"
    desk.hear(replace(LISTENING, heard_from=frame(120.0)))
    assert faults(desk) == {}
    assert desk.take.markers == (marker,)


def test_a_suspect_loss_from_before_the_rate_went_wrong_stands() -> None:
    desk = rolling()
    desk.hear(XrunNoted(take_id=desk.take.take_id, xrun=Xrun(at_frame=frame(101.0), suspect=True)))
    desk.now_s = 125.0
    desk.hear(replace(OTHER_CLOCK, false_from=frame(122.0)))
    assert set(faults(desk)) == {"mismatch", f"suspect {desk.take.take_id}"}
