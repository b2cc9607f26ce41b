"""What a box shows, as lines of the protocol: LEDs, gains, display, meters. Pure; remembers nothing.

What a lamp, a gain, a time, a level is, is decided in hands/showing.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigd.hands.showing import (
    Light,
    gain_shown,
    level_shown,
    light_of,
    saving_take,
    state_word,
    take_frames,
    time_text,
)
from rigd.model.levels import Levels
from rigd.model.state import RigState, Transport, channel_of, is_rolling
from rigd.model.units import ChannelNumber, Frame
from rigd.surfaces.serial.line_protocol import (
    Greeting,
    led_line,
    meters_line,
    text_line,
    value_line,
)

Picture = dict[str, str]
"""What is shown: the place ("led 1", "text 2", "value fader 1") to the line that puts it there."""


def picture_of(
    state: RigState,
    *,
    box: Greeting,
    lamps: Sequence[str],
    values: Mapping[str, ChannelNumber],
    at_frame: Frame | None,
    refused: bool = False,
) -> Picture:
    """All that this box can show but meters; `at_frame` is where the tape is now, if that is known. `refused`: a
    command of the box was, a moment ago."""
    picture: Picture = {}
    for number, lamp in enumerate(lamps[: box.leds], start=1):
        if lamp:
            picture[f"led {number}"] = led_line(number, light_of(lamp, state, refused=refused))
    for row, text in enumerate(_rows(state, box, at_frame)[: box.rows], start=1):
        picture[f"text {row}"] = text_line(row, text, box.columns)
    if box.values:
        counts = {"fader": box.faders, "encoder": box.encoders}
        for control, channel in values.items():
            kind, _, number_word = control.partition(" ")
            if int(number_word) <= counts[kind]:
                picture[f"value {control}"] = value_line(control, gain_shown(channel_of(state, channel)).text)
    return picture


def dark_picture(shown: Picture, box: Greeting) -> Picture:
    """What a box shows of a rig that is not there: nothing, but that."""
    picture: Picture = {}
    for place in shown:
        kind, _, rest = place.partition(" ")
        if kind == "led":
            picture[place] = led_line(int(rest), Light.OFF)
        elif kind == "text":
            picture[place] = text_line(int(rest), "rigd stopped" if rest == "1" else "", box.columns)
        elif kind == "value":
            picture[place] = value_line(rest, "")
        elif kind == "meters":
            picture[place] = meters_line([(float("nan"), False)] * box.meters)
    return picture


def meters_of(state: RigState, levels: Levels, *, box: Greeting, channels: Sequence[ChannelNumber]) -> str:
    """The meter line: of these channels, or of the first ones where none are named."""
    numbers = list(channels) or [channel.number for channel in state.channels]
    shown = []
    for number in numbers[: box.meters]:
        level = level_shown(levels, channel_of(state, number))
        shown.append((level.peak_dbfs, level.clipped) if level is not None else (float("nan"), False))
    return meters_line(shown)


def _rows(state: RigState, box: Greeting, at_frame: Frame | None) -> list[str]:
    """The display from the top: state and take; time, or what is wrong, or the song; song; session."""
    trouble = state.faults[0].what if state.faults else state.not_ready
    take = state.take
    word = state_word(state)
    if take is not None and is_rolling(state):
        elapsed = time_text(take_frames(take, at_frame), state.sample_rate_hz)
        if box.rows == 1:
            return [f"{word} {take.slate.number:03d} {elapsed}"]
        title = f"{word} {take.slate.name or f'Take {take.slate.number:03d}'}"
        return [title, elapsed, state.song, trouble or state.session]
    if state.transport is Transport.OFFLINE and not trouble and state.interface is not None:
        trouble = state.interface.failure
    title = word
    if (saving := saving_take(state)) is not None:
        title = f"SAVING Take {saving.slate.number:03d}"
    return [title, trouble or state.song or state.session, state.song, state.session]
