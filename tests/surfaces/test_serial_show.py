"""What a box shows of the rig's state, and what it is told next."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from rigd.hands.bindings import Binding, binding_of
from rigd.hands.showing import LAMPS
from rigd.model.levels import Levels
from rigd.model.state import Fault, RigState, Transport
from rigd.model.take import Slate
from rigd.model.units import ChannelNumber, Frame, Ns
from rigd.surfaces.serial.feedback import MOST_TO_SAY, Feedback
from rigd.surfaces.serial.line_protocol import Greeting
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from rigd.surfaces.serial.show import picture_of
from tests.surfaces.serial_bench import rig, take

BOX = Greeting(
    version=1, name="b", firmware="1", faders=4, encoders=2, leds=8, columns=16, rows=2, values=True, meters=4
)
FAULT = Fault(key="disk", what="disk full: free some space", since_ns=Ns(0))


def shown(state: RigState, *, at_frame: int | None = None, rows: int = 2, columns: int = 16) -> list[str]:
    """The display's rows."""
    box = Greeting(version=1, name="b", firmware="1", columns=columns, rows=rows)
    frame = Frame(at_frame) if at_frame is not None else None
    picture = picture_of(state, box=box, lamps=(), values={}, at_frame=frame)
    return [line.removeprefix(f"text {row}").strip() for row, line in enumerate(picture.values(), start=1)]


def lit(state: RigState, lamp: str) -> str:
    return picture_of(state, box=BOX, lamps=[lamp], values={}, at_frame=None)["led 1"].split()[2]


def levels(*peaks: float, clipped: tuple[int, ...] | None = None, at_frame: int = 0) -> Levels:
    return Levels(
        at_frame=Frame(at_frame), peak_dbfs=peaks, rms_dbfs=peaks, clipped=clipped or (0,) * len(peaks)
    )


def told(feedback: Feedback, seconds: float = 0.0) -> list[str]:
    """Every line that is due at that time."""
    lines = []
    while (line := feedback.next_line(Ns(round(seconds * 1e9)))) is not None:
        lines.append(line)
    return lines


def feedback(bindings: Sequence[Binding] = (), **settings: object) -> Feedback:
    given = SerialSettings.model_validate({"port": "/dev/null", **settings})
    return Feedback(given, bindings, LineTiming())


def test_the_display_shows_the_state_the_take_and_its_time() -> None:
    rolling = rig(Transport.ROLLING)
    assert shown(rolling, at_frame=1_000_000 + 48_000 * 3725) == ["REC Take 003", "01:02:05"]
    assert shown(
        rig(Transport.POSTROLL, take=take(end_frame=Frame(1_000_000 + 96_000))), at_frame=9_999_999
    ) == [
        "POST Take 003",
        "00:00:02",
    ]
    assert shown(rig()) == ["READY", "Morning"]
    assert shown(rig(song="")) == ["READY", "Sunday"]
    assert shown(rig(Transport.OFFLINE, song="")) == ["OFFLINE", "Sunday"]
    assert shown(rig(Transport.HALTED, faults=(FAULT,))) == ["HALTED", "disk full: free"]


def test_a_take_that_has_ended_is_shown_as_being_saved_until_it_is_closed() -> None:
    ended = take(end_frame=Frame(1_000_000 + 96_000))
    closing = replace(rig(Transport.READY), takes=(ended,))
    assert shown(closing)[0] == "SAVING Take 003"
    assert (lit(closing, "recording"), lit(closing, "closing")) == ("blink", "on")
    closed = replace(closing, takes=(replace(ended, closed=True),))
    assert shown(closed)[0] == "READY"
    assert (lit(closed, "recording"), lit(closed, "closing")) == ("off", "off")
    rolling = replace(rig(Transport.ROLLING), takes=(ended,))
    assert (lit(rolling, "recording"), lit(rolling, "closing")) == ("on", "on")


def test_a_renamed_take_is_shown_by_its_name_and_small_displays_by_number() -> None:
    named = take(slate=Slate(session="s", song="m", number=3, name="Slow one"))
    assert shown(rig(Transport.ROLLING, take=named))[0] == "REC Slow one"
    assert shown(rig(Transport.ROLLING, take=named), rows=1) == ["REC 003 00:00:00"]
    assert shown(rig(Transport.ROLLING, faults=(FAULT,)), rows=4, columns=40)[2:] == ["Morning", FAULT.what]


def test_without_levels_the_time_is_what_is_written() -> None:
    assert shown(rig(Transport.ROLLING, take=take(written_frames=48_000 * 7)))[1] == "00:00:07"
    assert shown(rig(Transport.ROLLING), at_frame=5)[1] == "00:00:00"


def test_every_lamp_can_be_drawn_on_every_state() -> None:
    lamps = (*LAMPS, "armed 1", "phantom 1")
    box = replace(BOX, leds=len(lamps))
    for where in Transport:
        picture = picture_of(rig(where), box=box, lamps=lamps, values={}, at_frame=None)
        leds = [place for place in picture if place.startswith("led ")]
        assert leds == [f"led {number}" for number in range(1, len(lamps) + 1)]


def test_a_refusal_is_lit_for_a_moment() -> None:
    box = feedback(leds=("refused",))
    box.show(rig(), None)
    box.meet(BOX)
    assert "led 1 off" in told(box, 1.0)
    box.answer("button 1", accepted=False, text="no channel is armed")
    assert told(box, 1.0) == ["no button 1 no channel is armed", "led 1 on"]
    assert told(box, 1.3) == []
    assert told(box, 1.5) == ["led 1 off"]


def test_only_what_the_box_declared_is_sent() -> None:
    bare = Greeting(version=1, name="b", firmware="1", faders=1)
    values = {"fader 1": ChannelNumber(1), "fader 2": ChannelNumber(2), "encoder 1": ChannelNumber(1)}
    assert picture_of(rig(), box=bare, lamps=tuple(LAMPS), values=values, at_frame=None) == {}
    one = Greeting(version=1, name="b", firmware="1", faders=1, values=True)
    assert picture_of(rig(), box=one, lamps=tuple(LAMPS), values=values, at_frame=None) == {
        "value fader 1": "value fader 1 +30.0"
    }


def test_everything_is_told_once_and_then_only_what_changed() -> None:
    box = feedback(values={"fader 1": 1})
    box.show(rig(), None)
    assert told(box) == []
    box.meet(BOX)
    assert told(box) == [
        "led 1 off",
        "led 2 on",
        "led 3 off",
        "led 4 off",
        "text 1 READY",
        "text 2 Morning",
        "value fader 1 +30.0",
    ]
    box.show(rig(), None)
    assert told(box) == []
    box.show(rig(Transport.ROLLING), None)
    assert told(box) == ["led 1 on", "text 1 REC Take 003", "text 2 00:00:00"]
    box.forget()
    assert len(told(box)) == 7


def test_a_control_that_turns_a_gain_shows_it() -> None:
    box = feedback(
        [
            Binding(control="fader 1", gain=ChannelNumber(1)),
            Binding(control="encoder 2", nudge=ChannelNumber(2)),
            binding_of(control="button 1", tap="toggle"),
            Binding(control="fader 4", gain=ChannelNumber(4)),
        ],
        values={"fader 3": 2},
    )
    box.show(rig(), None)
    box.meet(BOX)
    assert [line for line in told(box) if line.startswith("value")] == [
        "value fader 1 +30.0",
        "value encoder 2 +30.0",
        "value fader 4 --",
        "value fader 3 +30.0",
    ]


def test_only_the_newest_is_told_when_the_line_is_slow() -> None:
    box = feedback(leds=())
    box.meet(BOX)
    for second in range(100):
        box.show(rig(Transport.ROLLING), levels(-20.0, at_frame=1_000_000 + 48_000 * second))
    assert told(box, 1.0) == ["text 1 REC Take 003", "text 2 00:01:39", "meters A000"]


def test_meters_hold_the_peak_between_two_lines_and_come_ten_times_a_second_at_most() -> None:
    box = feedback(leds=())
    box.meet(BOX)
    box.show(rig(), levels(-20.0, -60.0, -60.0, -60.0))
    assert told(box, 1.0)[-1] == "meters A000"
    box.show(rig(), levels(-4.0, -60.0, -60.0, -60.0, clipped=(0, 1, 0, 0)))
    box.show(rig(), levels(-40.0, -30.0, -60.0, -60.0))
    assert told(box, 1.05) == []
    assert told(box, 1.11) == ["meters EF00"]
    box.show(rig(), levels(-40.0, -30.0, -60.0, -60.0))
    assert told(box, 1.3) == ["meters 5700"]


def test_meters_follow_the_channels_input_and_its_row() -> None:
    box = feedback(leds=(), meters=(2, 99, 1))
    box.meet(BOX)
    box.show(rig(), levels(-20.0, -8.0))
    assert told(box, 1.0)[-1] == "meters D0A"


def test_answers_are_bounded_and_obeyed_faders_get_none() -> None:
    box = feedback()
    box.answer("button 1", accepted=True, text="nobody is there")
    box.meet(BOX)
    box.answer("fader 1", accepted=True, text="")
    box.answer("fader 1", accepted=False, text="locked")
    box.answer("button 1", accepted=True, text="Take 003")
    box.answer("", accepted=False, text="nothing on the tape")
    assert told(box) == ["no fader 1 locked", "ok button 1 Take 003", "no do nothing on the tape"]
    for number in range(1000):
        box.answer(f"button {number}", accepted=True, text="x" * 100)
    assert len(told(box)) == MOST_TO_SAY


def test_at_the_end_the_box_goes_dark() -> None:
    box = feedback(values={"fader 1": 1})
    box.show(rig(Transport.ROLLING), levels(-20.0, -8.0))
    box.meet(BOX)
    box.show(rig(Transport.ROLLING), levels(-20.0, -8.0))
    told(box, 1.0)
    assert box.settled()
    box.darken()
    assert not box.settled()
    assert told(box) == [
        "led 1 off",
        "led 2 off",
        "text 1 rigd stopped",
        "text 2",
        "value fader 1",
        "meters 0000",
    ]
    box.show(rig(Transport.ROLLING), levels(0.0))
    assert told(box) == []
