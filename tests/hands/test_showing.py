"""What lamps, times, gains and levels show: every lamp word in every state, and the rest at its borders."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.hands.showing import (
    CHANNEL_LAMPS,
    HALF_BLINK_NS,
    LAMPS,
    Knowledge,
    Light,
    exact_time_text,
    gain_shown,
    is_lit,
    lamp_fault,
    level_shown,
    light_of,
    louder_of,
    next_turn_ns,
    saving_take,
    seconds_left,
    take_frames,
    time_left_text,
    time_text,
)
from rigd.model.clips import ChannelClips
from rigd.model.levels import Levels
from rigd.model.state import Disk, Fault, Mirror, MirrorPhase, RigState, Setting, Transport
from rigd.model.take import Gap, GapCause, Slate
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns
from tests.support.desk import Desk
from tests.surfaces.serial_bench import channel, rig, take

GAP = Gap(at_frame=Frame(1_000_500), length_frames=64, cause=GapCause.OVERFLOW, exact=True)
FAULT = Fault(key="disk", what="disk full: free some space", since_ns=Ns(0))
GOOD = Slate(session="s", song="m", number=3, circled=True)
ENDED = take(2, end_frame=Frame(1_000_000 + 96_000), gaps=(GAP,), slate=replace(GOOD, number=2))
SAFE = take(1, end_frame=Frame(900_000), closed=True)
PHANTOM = replace(
    channel(1, gain=Setting(value=0.0, confirmed=True)), phantom=Setting(value=1.0, confirmed=True)
)

CALM = {where: rig(where, channels=(channel(1, armed=False), channel(2, armed=False))) for where in Transport}
"""Nothing but the state itself: nothing armed, nothing wrong, nothing before."""
BUSY = {
    where: replace(
        rig(where, channels=(PHANTOM, channel(2))),
        faults=(FAULT,),
        locked=True,
        takes=(SAFE, ENDED),
        clips=(ChannelClips(channel=ChannelNumber(1), samples=3, last_frame=Frame(9), last_at="21:14:03"),),
        **(
            {"take": take(gaps=(GAP,), slate=GOOD)}
            if where in (Transport.ROLLING, Transport.POSTROLL)
            else {}
        ),
    )
    for where in Transport
}
"""All that a lamp can show is so: the last take has a gap, is circled, and is not yet safe."""

OFF, ON, BLINK = "off", "on", "blink"
IN_EVERY_STATE = {
    # word: calm and busy; offline, ready, rolling, post-roll, halted
    "recording": ((OFF, OFF, ON, BLINK, OFF), (BLINK, BLINK, ON, BLINK, BLINK)),
    "ready": ((OFF, ON, OFF, OFF, OFF), (OFF, ON, OFF, OFF, OFF)),
    "armed": ((OFF,) * 5, (ON,) * 5),
    "fault": ((OFF, OFF, OFF, OFF, BLINK), (ON, ON, ON, ON, BLINK)),
    "locked": ((OFF,) * 5, (ON,) * 5),
    "gap": ((OFF,) * 5, (ON,) * 5),
    "clipped": ((OFF,) * 5, (ON,) * 5),
    "circled": ((OFF,) * 5, (ON,) * 5),
    "closing": ((OFF,) * 5, (ON,) * 5),
    "refused": ((OFF,) * 5, (OFF,) * 5),
    "armed 1": ((OFF,) * 5, (ON,) * 5),
    "phantom 1": ((OFF,) * 5, (ON,) * 5),
}


def lights(lamp: str, states: dict[Transport, RigState]) -> tuple[str, ...]:
    return tuple(light_of(lamp, state).value for state in states.values())


def test_every_lamp_word_in_every_state() -> None:
    assert {word for word in IN_EVERY_STATE if " " not in word} == set(LAMPS)
    assert {word.split()[0] for word in IN_EVERY_STATE if " " in word} == set(CHANNEL_LAMPS)
    for lamp, (calm, busy) in IN_EVERY_STATE.items():
        assert (lamp, lights(lamp, CALM)) == (lamp, calm)
        assert (lamp, lights(lamp, BUSY)) == (lamp, busy)


def test_while_a_take_is_recorded_recording_is_never_dark_and_ready_never_lit() -> None:
    for states in (CALM, BUSY):
        for state in states.values():
            if state.take is not None:
                assert light_of("recording", state) is not Light.OFF
                assert light_of("ready", state) is Light.OFF


def test_a_take_that_rolls_decides_before_the_one_before_it() -> None:
    rolling = replace(BUSY[Transport.ROLLING], take=take())
    assert (light_of("gap", rolling), light_of("circled", rolling)) == (Light.OFF, Light.OFF)


def test_a_switch_of_48_v_blinks_until_it_is_confirmed() -> None:
    asked = replace(PHANTOM, phantom=Setting(value=0.0, asked=1.0))
    assert light_of("phantom 1", rig(channels=(asked,))) is Light.BLINK
    assert light_of("phantom 9", rig(channels=(asked,))) is Light.OFF


def test_a_refusal_lights_its_own_lamp_only() -> None:
    assert light_of("refused", CALM[Transport.READY], refused=True) is Light.ON
    assert light_of("closing", CALM[Transport.READY], refused=True) is Light.OFF


@pytest.mark.parametrize(
    "lamp",
    [
        "",
        "smiling",
        "Recording",
        "armed 0",
        "armed x",
        "armed 01",
        "phantom",
        "ready 3",
        "armed  3",
        "armed ",
    ],
)
def test_what_is_no_lamp_is_refused_with_the_words_there_are(lamp: str) -> None:
    assert "one of: recording, ready" in lamp_fault(lamp)
    assert light_of(lamp, BUSY[Transport.ROLLING]) is Light.OFF


def test_a_lamp_that_cannot_blink_is_lit_and_dark_for_as_long() -> None:
    assert all(is_lit(Light.ON, Ns(now)) and not is_lit(Light.OFF, Ns(now)) for now in (0, HALF_BLINK_NS, 7))
    for turn in range(4):
        at = turn * HALF_BLINK_NS
        assert {is_lit(Light.BLINK, Ns(at)), is_lit(Light.BLINK, Ns(at + HALF_BLINK_NS - 1))} == {
            turn % 2 == 0
        }
        assert next_turn_ns(Ns(at)) == next_turn_ns(Ns(at + HALF_BLINK_NS - 1)) == at + HALF_BLINK_NS


def test_a_takes_time_ends_with_the_take() -> None:
    rolling, ended = take(written_frames=48_000), take(end_frame=Frame(1_096_000), written_frames=48_000)
    assert take_frames(rolling, Frame(1_144_000)) == 144_000
    assert take_frames(ended, Frame(1_144_000)) == 96_000
    assert take_frames(ended, Frame(1_048_000)) == 48_000
    assert (take_frames(rolling, None), take_frames(rolling, Frame(5))) == (48_000, 0)
    assert time_text(48_000 * 3725 + 47_999, 48_000) == "01:02:05"
    assert exact_time_text(48_000 * 3725 + 24_000, 48_000) == "01:02:05.5"
    assert (time_text(-5, 48_000), exact_time_text(-5, 0)) == ("00:00:00", "00:00:00.0")


def test_the_time_left_is_of_the_disk_to_which_takes_go() -> None:
    disk = Disk(free_bytes=7_500_000, bytes_per_second=1000, behind_frames=0)
    assert time_left_text(rig()) == "" and seconds_left(rig()) is None
    assert time_left_text(rig(disk=replace(disk, bytes_per_second=0))) == ""
    assert time_left_text(rig(disk=disk)) == "2 h 05 min"
    assert time_left_text(rig(disk=replace(disk, seconds_left=598.9))) == "9 min 59 s"
    for phase, text in ((MirrorPhase.IN_CHARGE, "1 min 01 s"), (MirrorPhase.IN_STEP, "2 h 05 min")):
        mirror = Mirror(root="/m", phase=phase, free_bytes=61_000)
        assert time_left_text(rig(disk=disk, mirror=mirror)) == text


@pytest.mark.parametrize(
    ("gain", "text", "known"),
    [
        (Setting(value=30.0, confirmed=True), "+30.0", Knowledge.CONFIRMED),
        (Setting(value=-0.5, confirmed=True), "-0.5", Knowledge.CONFIRMED),
        (Setting(value=30.0, asked=33.0, confirmed=False), "?+33.0", Knowledge.PENDING),
        (Setting(value=30.0, asked=33.0, confirmed=True), "?+33.0", Knowledge.PENDING),
        (Setting(value=30.0, confirmed=False), "?+30.0", Knowledge.DOUBTFUL),
        (Setting(), "?", Knowledge.UNKNOWN),
        (None, "--", Knowledge.NO_PREAMP),
    ],
)
def test_a_gain_is_never_shown_as_more_than_it_is(gain: Setting | None, text: str, known: Knowledge) -> None:
    shown = gain_shown(channel(1, gain=gain))
    assert (shown.text, shown.known) == (text, known)


def test_a_channel_that_does_not_exist_has_no_gain_and_no_level() -> None:
    assert gain_shown(None).text == "--"
    assert level_shown(levels(-3.0), None) is None
    assert level_shown(None, channel(1)) is None
    assert level_shown(levels(-3.0), channel(2)) is None


def levels(*peaks: float, clipped: tuple[int, ...] = (), at_frame: int = 0) -> Levels:
    return Levels(
        at_frame=Frame(at_frame), peak_dbfs=peaks, rms_dbfs=peaks, clipped=clipped or (0,) * len(peaks)
    )


def test_a_level_is_that_of_the_channels_input() -> None:
    swapped = replace(channel(1), input=InputNumber(2), number=ChannelNumber(1))
    shown = level_shown(levels(-3.0, -9.0, clipped=(0, 4)), swapped)
    assert shown is not None and (shown.peak_dbfs, shown.clipped) == (-9.0, True)


def test_of_two_readings_the_loudest_peak_and_every_clip_are_kept() -> None:
    one, other = levels(-3.0, -40.0, clipped=(2, 0)), levels(-20.0, -9.0, clipped=(0, 1), at_frame=7)
    assert louder_of(one, other) == levels(-3.0, -9.0, clipped=(2, 1), at_frame=7)
    assert louder_of(None, one) is one and louder_of(one, None) is one
    assert louder_of(one, levels(-1.0)) == levels(-1.0), (
        "another interface: the older reading is of other channels"
    )


def test_of_several_takes_that_are_being_saved_the_last_one_is_named() -> None:
    desk = Desk()
    assert saving_take(desk.state) is None
    for word in ("start", "next", "next", "stop"):
        desk.ok(word)
        desk.now_s += 3
    saving = saving_take(desk.state)
    assert saving is not None and saving.slate.number == 3
