"""What a command line says of a channel's settings: what the preamp said, what is asked for, what there is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.cli.gain import gain_line, other_lines
from rigd.cli.words import change_text, gain_piece
from rigd.model.gain import GAIN, PHANTOM, Abilities, Ability, SettingKind
from rigd.model.state import Channel, Setting, with_abilities, with_setting
from rigd.model.take import GainChange
from rigd.model.units import ChannelNumber, Frame, InputNumber, SettingName

LOW_CUT = SettingName("low_cut")
CARD: Abilities = {
    GAIN: Ability(kind=SettingKind.DB, min_db=0.0, max_db=69.0, step_db=1.0),
    PHANTOM: Ability(kind=SettingKind.SWITCH, group=(1, 2), confirm=True),
    LOW_CUT: Ability(kind=SettingKind.CHOICE, choices=("off", "80 Hz")),
}
BARE = Channel(
    number=ChannelNumber(3),
    input=InputNumber(3),
    name="OH",
    source="mic",
    armed=True,
    preamp="card",
    socket=1,
)
CHANNEL = with_abilities(BARE, CARD)


@pytest.mark.parametrize(
    ("gain", "line", "piece"),
    [
        (Setting(value=30.0, confirmed=True), "+30.0 dB", "+30.0 dB"),
        (
            Setting(value=-12.0, asked=25.0),
            "-12.0 dB, asked for +25.0 dB and not confirmed",
            "-12.0 ?+25.0 dB",
        ),
        (Setting(value=30.0), "+30.0 dB when it was last confirmed", "?+30.0 dB"),
        (Setting(asked=25.0), "card:1 has not told its gain yet; +25.0 dB is asked for", "?+25.0 dB"),
        (Setting(), "card:1 has not told its gain yet", "? dB"),
    ],
)
def test_a_gain_in_a_line_is_what_was_said_and_beside_it_what_is_asked_for(
    gain: Setting, line: str, piece: str
) -> None:
    channel = with_setting(CHANNEL, GAIN, gain)
    assert gain_line(channel) == f'3 "OH": {line}'
    assert gain_piece(channel)[0] == piece
    assert "confirmed" not in piece


def test_a_preamp_without_a_gain_is_said_to_have_none() -> None:
    switch = with_abilities(BARE, {PHANTOM: CARD[PHANTOM]})
    assert gain_line(switch) == '3 "OH": card:1 has no gain that can be set'
    assert gain_piece(switch)[0] == ""
    assert "no controllable preamp" in gain_line(replace(BARE, preamp=""))


def test_every_other_setting_has_a_line_with_what_it_can_be() -> None:
    channel = with_setting(CHANNEL, LOW_CUT, Setting(value=1.0, asked=0.0))
    channel = with_setting(channel, PHANTOM, Setting(value=1.0))
    assert list(other_lines(channel)) == [
        "phantom: on when it was last confirmed  (on, off; together with socket 2)",
        "low_cut: 80 Hz, off asked for and not confirmed  (off, 80 Hz)",
    ]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            GainChange(
                at_frame=Frame(0),
                channel=ChannelNumber(3),
                parameter="gain_db",
                value=-12.0,
                confirmed=True,
                asked=25.0,
            ),
            "channel 3: -12, 25 asked for",
        ),
        (
            GainChange(
                at_frame=Frame(0),
                channel=ChannelNumber(3),
                parameter="gain_db",
                value=12.0,
                confirmed=False,
                asked=15.0,
            ),
            "channel 3: 12, 15 asked for and not confirmed",
        ),
        (
            GainChange(
                at_frame=Frame(0),
                channel=ChannelNumber(3),
                parameter="low_cut",
                value=1.0,
                confirmed=True,
                word="80 Hz",
            ),
            "channel 3: 80 Hz",
        ),
        (
            GainChange(
                at_frame=Frame(0),
                channel=None,
                parameter="answering",
                value=0.0,
                confirmed=True,
                preamp="desk",
            ),
            "preamp desk: does not answer",
        ),
    ],
)
def test_a_row_of_the_ledger_in_words(row: GainChange, text: str) -> None:
    assert change_text(row) == text
