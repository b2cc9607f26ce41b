"""The conversations with a box, by the clock: greeting, signs of life, places that are no moves."""

from __future__ import annotations

import pytest

from rigd.model.surface import ControlInput, Motion
from rigd.model.units import Ns
from rigd.surfaces.line_protocol import NamedCommand, frame_line
from rigd.surfaces.serial_settings import LineTiming, SerialSettings
from rigd.surfaces.serial_talk import DeejTalk, Met, Outcome, Parted, Resend, RigdTalk, Say, fader_value

GREETING = "box 1 faderbox 1.0 faders=4/1023 encoders=4 buttons=8 leds=8 display=16x2 values=1"
HELLO, BEAT = Say(line="rigd 1"), Say(line="beat")


def at(seconds: float) -> Ns:
    return Ns(round(seconds * 1e9))


def rigd_talk(**settings: object) -> RigdTalk:
    given = SerialSettings.model_validate({"port": "/dev/null", **settings})
    return RigdTalk("box", given, LineTiming(), opened_at_ns=at(0))


def deej_talk(**settings: object) -> DeejTalk:
    given = SerialSettings.model_validate({"port": "/dev/null", "protocol": "deej", **settings})
    return DeejTalk("box", given, LineTiming(), opened_at_ns=at(0))


def hear(talk: RigdTalk, *texts: str, seconds: float = 1.0) -> list[Outcome]:
    return talk.hear(b"".join(frame_line(text) for text in texts), at(seconds))


def short(outcomes: list[Outcome]) -> list[tuple[str, Motion, float]]:
    inputs = [outcome for outcome in outcomes if isinstance(outcome, ControlInput)]
    assert len(inputs) == len(outcomes)
    return [(one.control, one.motion, round(one.value, 3)) for one in inputs]


def met_talk() -> RigdTalk:
    talk = rigd_talk()
    hear(talk, GREETING, "fader 1 512", "fader 2 0")
    return talk


def test_a_resetting_board_is_left_alone_for_two_seconds_and_then_greeted_each_second() -> None:
    talk = rigd_talk()
    assert [talk.tick(at(s)) for s in (0.0, 1.0, 1.9)] == [[], [], []]
    assert talk.tick(at(2.0)) == [HELLO]
    assert talk.tick(at(2.5)) == []
    assert talk.tick(at(3.0)) == [HELLO]


def test_a_board_that_is_not_reset_is_greeted_at_once() -> None:
    assert rigd_talk(dtr=False).tick(at(0.0)) == [HELLO]


def test_a_box_that_already_runs_is_greeted_at_its_first_line() -> None:
    talk = rigd_talk()
    assert hear(talk, "fader 1 700", seconds=0.3) == []
    assert talk.tick(at(0.3)) == [HELLO]


def test_boot_loader_noise_before_the_greeting_does_no_harm() -> None:
    talk = rigd_talk()
    assert talk.hear(b"\x00\xff\xf0ets Jul 29\r\nfader 1 9*00\n" + frame_line(GREETING), at(1.5)) != []
    assert talk.box is not None and talk.box.name == "faderbox"


def test_the_places_after_a_greeting_are_no_moves() -> None:
    talk = rigd_talk()
    (met,) = hear(talk, GREETING, "fader 1 512", "fader 2 0")
    assert isinstance(met, Met)
    assert short(hear(talk, "fader 1 512", "fader 2 511", seconds=1.1)) == [
        ("fader 2", Motion.ABSOLUTE, round(507 / 1015, 3))
    ]


def test_encoders_buttons_and_commands_come_as_they_are() -> None:
    talk = met_talk()
    assert short(hear(talk, "encoder 3 -2", "encoder 3 0", "button 8 down", "button 8 up")) == [
        ("encoder 3", Motion.RELATIVE, -2.0),
        ("button 8", Motion.PRESS, 1.0),
        ("button 8", Motion.RELEASE, 0.0),
    ]
    assert hear(talk, "do keep 20") == [NamedCommand(text="keep 20")]


def test_what_the_box_did_not_declare_is_counted_and_not_acted_on() -> None:
    talk = met_talk()
    assert hear(talk, "fader 5 100", "encoder 5 1", "button 9 down") == []
    assert talk.wrong_lines == 3


def test_a_release_without_a_press_is_nothing_and_a_lost_release_costs_no_press() -> None:
    talk = met_talk()
    assert hear(talk, "button 1 up") == []
    assert [move[1] for move in short(hear(talk, "button 1 down", "button 1 down", "button 1 up"))] == [
        Motion.PRESS,
        Motion.RELEASE,
        Motion.PRESS,
        Motion.RELEASE,
    ]


def test_a_silent_box_is_dead_after_three_seconds_and_greeted_until_it_returns() -> None:
    talk = met_talk()
    assert talk.tick(at(1.0)) == [BEAT]
    assert talk.tick(at(3.9)) == [BEAT]
    assert talk.tick(at(4.1)) == [Parted(), HELLO]
    assert talk.box is None
    assert "silent" in talk.trouble()
    assert talk.tick(at(5.2)) == [HELLO]
    (met,) = hear(talk, GREETING, seconds=5.5)
    assert isinstance(met, Met)


def test_lines_with_a_wrong_checksum_are_no_sign_of_life() -> None:
    talk = met_talk()
    for tenth in range(10, 41):
        talk.hear(b"beat*13\n", at(tenth / 10))
    assert Parted() in talk.tick(at(4.1))
    assert talk.wrong_lines == 31


def test_a_reset_in_the_middle_lets_go_and_starts_anew() -> None:
    talk = met_talk()
    hear(talk, "button 1 down")
    parted, met = hear(talk, GREETING, seconds=2.0)
    assert (parted, type(met)) == (Parted(), Met)
    assert hear(talk, "button 1 up", "fader 1 900", seconds=2.1) == []


def test_a_box_of_another_version_is_left_alone_and_named() -> None:
    talk = rigd_talk()
    assert hear(talk, "box 2 future 9.0 faders=4/1023", "fader 1 3") == []
    assert talk.box is None
    assert "version 2" in talk.trouble()


def test_a_box_may_ask_for_everything_again_but_once_a_second() -> None:
    talk = met_talk()
    assert hear(talk, "again", "again", seconds=2.0) == [Resend()]
    assert hear(talk, "again", seconds=2.5) == []
    assert hear(talk, "again", seconds=3.1) == [Resend()]


def test_half_a_line_and_a_pause_cost_that_line_only() -> None:
    talk = met_talk()
    talk.hear(b"fader 1 10", at(2.0))
    talk.tick(at(2.2))
    talk.tick(at(2.6))
    assert short(hear(talk, "encoder 1 1", seconds=2.9)) == [("encoder 1", Motion.RELATIVE, 1.0)]
    assert talk.wrong_lines == 1


@pytest.mark.parametrize("top", [15, 255, 1023, 4095, 65535])
def test_faders_reach_both_ends_and_grow_in_between(top: int) -> None:
    values = [fader_value(raw, top) for raw in range(top + 1)]
    assert values[0] == 0.0 and values[-1] == 1.0
    assert values == sorted(values)
    if top >= 1023:
        assert fader_value(4, top) == 0.0 and fader_value(top - 4, top) == 1.0


def test_deej_sliders_set_their_place_first_and_then_only_tell_real_moves() -> None:
    talk = deej_talk()
    assert talk.hear(b"3|512|0\r\n", at(0.1)) == []
    (met,) = talk.hear(b"1023|512|0\r\n", at(0.2))
    assert isinstance(met, Met) and met.box.faders == 3
    quiet = b"".join(b"1021|%d|2\r\n" % (512 + step % 4) for step in range(100))
    assert talk.hear(quiet, at(0.3)) == []
    assert short(talk.hear(b"1023|600|0\r\n1023|600|0\r\n", at(0.4))) == [
        ("fader 2", Motion.ABSOLUTE, round(596 / 1015, 3))
    ]


def test_a_deej_slider_pulled_down_slowly_reads_zero_in_the_end() -> None:
    talk = deej_talk()
    talk.hear(b"x\n20\n", at(0.1))
    moves = [move for raw in range(20, -1, -1) for move in short(talk.hear(b"%d\n" % raw, at(0.2)))]
    assert moves[-1] == ("fader 1", Motion.ABSOLUTE, 0.0)
    assert len(moves) <= 5


def test_a_deej_box_may_be_upside_down_and_have_twelve_bits() -> None:
    talk = deej_talk(invert=True, fader_max=4095)
    talk.hear(b"x\n4095|0\n", at(0.1))
    assert short(talk.hear(b"0|4095\n", at(0.2))) == [
        ("fader 1", Motion.ABSOLUTE, 1.0),
        ("fader 2", Motion.ABSOLUTE, 0.0),
    ]


def test_broken_deej_lines_are_dropped() -> None:
    talk = deej_talk()
    talk.hear(b"x\n100|200\n", at(0.1))
    assert talk.hear(b"100\n100|200|300\n5000|1\n1|-2\n|\n100||200\n12a|3\n", at(0.2)) == []
    assert talk.wrong_lines == 7


def test_a_silent_deej_box_is_gone_and_nothing_is_ever_sent_to_one() -> None:
    talk = deej_talk()
    assert talk.tick(at(9.0)) == []
    talk.hear(b"x\n100|200\n", at(10.0))
    assert talk.tick(at(12.9)) == []
    assert talk.tick(at(13.1)) == [Parted()]
    assert talk.tick(at(14.0)) == []
