"""The conversations with a box, by the clock: greeting, signs of life, places that are no moves."""

from __future__ import annotations

import pytest

from rigd.hands.surface import ControlInput, Motion
from rigd.model.units import Ns
from rigd.surfaces.serial.conversation import Met, Outcome, Parted, Resend, RigdTalk, Say, fader_value
from rigd.surfaces.serial.deej import DeejTalk
from rigd.surfaces.serial.line_protocol import NamedCommand, frame_line
from rigd.surfaces.serial.settings import LineTiming, SerialSettings

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
    assert talk.refused.count == 3


def test_a_fader_beyond_what_the_box_declared_moves_nothing_and_is_told() -> None:
    talk = met_talk()
    assert hear(talk, "fader 1 1024", "fader 1 4095", seconds=1.1) == []
    assert "beyond the 1023" in talk.remark()
    assert short(hear(talk, "fader 1 1023", seconds=1.2)) == [("fader 1", Motion.ABSOLUTE, 1.0)]


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
    assert talk.refused.count == 31


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
    assert talk.refused.count == 1


@pytest.mark.parametrize("top", [15, 255, 1023, 4095, 65535])
def test_faders_reach_both_ends_and_grow_in_between(top: int) -> None:
    values = [fader_value(raw, top) for raw in range(top + 1)]
    assert values[0] == 0.0 and values[-1] == 1.0
    assert values == sorted(values)
    if top >= 1023:
        assert fader_value(4, top) == 0.0 and fader_value(top - 4, top) == 1.0


def deej(talk: DeejTalk, *lines: str, seconds: float = 0.2) -> list[Outcome]:
    return talk.hear("".join(f"{line}\r\n" for line in lines).encode(), at(seconds))


def met_deej(*places: str, **settings: object) -> DeejTalk:
    talk = deej_talk(**settings)
    assert [type(outcome) for outcome in deej(talk, "3", *places * 3, seconds=0.1)] == [Met]
    return talk


def test_deej_sliders_set_their_place_first_and_then_only_tell_real_moves() -> None:
    talk = deej_talk()
    assert deej(talk, "3|512|0", "1023|512|0", "1023|512|0", seconds=0.1) == []
    (met,) = deej(talk, "1023|512|0")
    assert isinstance(met, Met) and met.box.faders == 3
    assert deej(talk, *(f"1021|{512 + step % 4}|2" for step in range(100)), seconds=0.3) == []
    assert short(deej(talk, "1023|600|0", "1023|600|0", seconds=0.4)) == [
        ("fader 2", Motion.ABSOLUTE, round(596 / 1015, 3))
    ]


def test_a_deej_slider_pulled_down_slowly_reads_zero_in_the_end() -> None:
    talk = met_deej("20")
    moves = short(deej(talk, *(str(raw) for raw in (*range(20, -1, -1), 0))))
    assert moves[-1] == ("fader 1", Motion.ABSOLUTE, 0.0)
    assert len(moves) <= 5


def test_a_deej_box_may_be_upside_down_and_have_twelve_bits() -> None:
    talk = met_deej("4095|0", invert=True, fader_max=4095)
    assert deej(talk, "0|4095", "0|4095") == []
    assert short(deej(talk, "0|4095", seconds=0.33)) == [
        ("fader 1", Motion.ABSOLUTE, 1.0),
        ("fader 2", Motion.ABSOLUTE, 0.0),
    ]


@pytest.mark.parametrize("wrong", ["1023", "0", "51", "12", "5123", "", "512|3", "999999", "5\x802"])
def test_no_single_wrong_line_of_a_deej_box_moves_a_slider(wrong: str) -> None:
    talk = met_deej("512")
    assert deej(talk, *["512"] * 5, wrong, *["512"] * 5) == []
    assert short(deej(talk, wrong, *["700"] * 3)) == [("fader 1", Motion.ABSOLUTE, round(696 / 1015, 3))]


def test_a_wrong_first_line_is_not_where_the_sliders_stand() -> None:
    talk = deej_talk()
    (met,) = deej(talk, "x", "1023|1023|7", "10|10", "10|700", "10|10")
    assert isinstance(met, Met) and met.box.faders == 2
    assert deej(talk, "10|10", "10|10") == []


def test_half_a_deej_line_is_dropped_after_half_a_second_and_so_is_its_other_half() -> None:
    talk = met_deej("102")
    talk.hear(b"10", at(1.0))
    assert talk.tick(at(1.4)) == []
    assert talk.tick(at(1.6)) == []
    assert deej(talk, "23", "102", "102", seconds=2.9) == []
    assert talk.refused.count == 1
    assert "cut off" in talk.remark()


def test_broken_deej_lines_are_dropped_counted_and_told_with_a_sample() -> None:
    talk = met_deej("100|200")
    assert deej(talk, "100", "100|200|300", "5000|1", "1|-2", "|", "100||200", "12a|3") == []
    assert talk.refused.count == 7
    assert talk.remark() == '7 lines were refused, the last "12a|3": not a deej line (1023|512|0)'


def test_a_silent_deej_box_is_gone_and_nothing_is_ever_sent_to_one() -> None:
    talk = deej_talk()
    assert talk.tick(at(9.0)) == []
    deej(talk, *["100|200"] * 4, seconds=10.0)
    assert talk.tick(at(12.9)) == []
    assert talk.tick(at(13.1)) == [Parted()]
    assert talk.tick(at(14.0)) == []


@pytest.mark.parametrize(
    ("comes", "told"),
    [
        ([b"\x80\xe0\xf8\x00\xfe" * 40] * 20, "9600 baud"),
        ([b"\xe0\xf8\x00\xfe\n" * 4] * 20, "9600 baud"),
        ([b"512|100\r"] * 30, "no line feed"),
        ([b"512|100|"] * 300, "without a line feed"),
        ([b"one two\r\n"] * 30, '"one two": not a deej line'),
        ([b""], "silent at 9600 baud"),
    ],
)
def test_why_nothing_of_a_deej_box_is_understood_is_told(comes: list[bytes], told: str) -> None:
    talk = deej_talk(baud=9600)
    for number, bytes_ in enumerate(comes):
        talk.hear(bytes_, at(0.1 * number))
        talk.tick(at(0.1 * number))
    assert talk.box is None
    assert told in talk.trouble()


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("box 1 faderbox 1.0 buttons=100", "declares 100 buttons, rigd takes at most 64"),
        ("box 1 faderbox 1.0 faders=65/1023", "declares 65 faders, rigd takes at most 64"),
        ("box one faderbox 1.0", '"one" is not a whole number'),
    ],
)
def test_a_greeting_that_is_refused_says_why(says: str, told: str) -> None:
    talk = rigd_talk()
    assert hear(talk, says) == []
    assert told in talk.trouble()


@pytest.mark.parametrize("control", ["button 0 down", "fader 0 512", "encoder 00 1"])
def test_a_box_that_counts_from_zero_is_told_to_count_from_one(control: str) -> None:
    talk = met_talk()
    assert hear(talk, control) == []
    assert f"there is no {control.split()[0]} 0" in talk.remark()
    assert "count from 1" in talk.remark()


def test_a_rigd_box_at_the_wrong_speed_or_without_line_feeds_is_told_so() -> None:
    talk = rigd_talk()
    talk.hear(b"\x80\xe0\xf8\x00" * 40, at(1.0))
    assert "115200 baud" in talk.trouble()
    talk = rigd_talk()
    talk.hear(b"beat*13\r" * 5, at(1.0))
    assert "no line feed" in talk.trouble()


def test_a_deej_slider_that_jumps_and_comes_back_has_not_moved() -> None:
    talk = met_deej("512|100")
    for hundredth in range(20, 31):  # a loose wiper: eleven lines, a tenth of a second
        assert deej(talk, "1023|100", seconds=hundredth / 100) == []
    assert deej(talk, *["512|100"] * 5, seconds=0.31) == []
    assert deej(talk, *["512|100"] * 5, seconds=2.0) == []


def test_a_deej_slider_that_jumps_and_stays_has_moved() -> None:
    talk = met_deej("100")
    moves = [short(deej(talk, "900", seconds=0.2 + hundredth / 100)) for hundredth in range(30)]
    assert [move for move in moves if move] == [[("fader 1", Motion.ABSOLUTE, round(896 / 1015, 3))]]
    assert not any(moves[:12]), "not before it stayed"


def test_a_hand_that_pulls_a_deej_slider_quickly_is_followed_at_once() -> None:
    talk = met_deej("0")
    moves = [short(deej(talk, str(place * 100), seconds=0.2 + place / 100)) for place in range(11)]
    assert all(moves[2:]), "the middle one of three lines is one line behind"


def test_the_lines_of_the_other_protocol_are_named() -> None:
    talk = rigd_talk()
    talk.hear(b"512|100\r\n" * 9, at(1.0))
    assert 'write protocol = "deej"' in talk.trouble()
    other = deej_talk()
    other.hear(b"beat*12\n" * 9, at(1.0))
    assert 'write protocol = "rigd"' in other.trouble()


def test_what_another_machine_says_is_quoted() -> None:
    talk = rigd_talk()
    talk.hear(b"Grbl 1.1h ['$' for help]\r\n", at(1.0))
    assert "\"Grbl 1.1h ['$' for help]\"" in talk.trouble()


def test_an_overlong_line_is_counted_and_quoted_from_its_beginning() -> None:
    talk = met_talk()
    talk.hear(b"Marlin " * 30, at(2.0))
    talk.hear(b"boots " * 30 + b"\n", at(2.1))
    assert talk.refused.count == 1
    assert talk.remark() == '1 line was refused, "Marlin Marlin Marlin Marlin Marl...": longer than 256 bytes'
    talk.hear(b"\x80\xe0\xf8\x00" * 100 + b"\n", at(2.2))
    assert "what it sends is no text" in talk.remark()
