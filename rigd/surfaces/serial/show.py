"""What a box shows, drawn from the rig's state: LEDs, gains, display, meters. Pure; remembers nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigd.model.levels import Levels
from rigd.model.state import RigState, Setting, Take, Transport, channel_of, closing_takes
from rigd.model.units import ChannelNumber, Frame
from rigd.surfaces.serial.line_protocol import (
    Greeting,
    Light,
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
) -> Picture:
    """All that this box can show but meters; `at_frame` is where the tape is now, if that is known."""
    picture: Picture = {}
    for number, lamp in enumerate(lamps[: box.leds], start=1):
        if lamp:
            picture[f"led {number}"] = led_line(number, _light(state, lamp))
    for row, text in enumerate(_rows(state, box, at_frame)[: box.rows], start=1):
        picture[f"text {row}"] = text_line(row, text, box.columns)
    if box.values:
        counts = {"fader": box.faders, "encoder": box.encoders}
        for control, channel in values.items():
            kind, _, number_word = control.partition(" ")
            if int(number_word) <= counts[kind]:
                picture[f"value {control}"] = value_line(control, gain_text(state, channel))
    return picture


def dark_picture(shown: Picture, box: Greeting) -> Picture:
    """What a box shows of a rig that is not there: nothing, but that."""
    picture: Picture = {}
    for place in shown:
        kind, _, rest = place.partition(" ")
        if kind == "led":
            picture[place] = led_line(int(rest), "off")
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
        channel = channel_of(state, number)
        row = channel.input - 1 if channel is not None else -1
        known = 0 <= row < len(levels.peak_dbfs)
        shown.append((levels.peak_dbfs[row], levels.clipped[row] > 0) if known else (float("nan"), False))
    return meters_line(shown)


def louder_of(one: Levels | None, other: Levels | None) -> Levels | None:
    """Two readings as one, so that a peak between two meter lines is not lost."""
    if one is None or other is None or len(one.peak_dbfs) != len(other.peak_dbfs):
        return other or one
    return Levels(
        at_frame=other.at_frame,
        peak_dbfs=tuple(map(max, one.peak_dbfs, other.peak_dbfs)),
        rms_dbfs=tuple(map(max, one.rms_dbfs, other.rms_dbfs)),
        clipped=tuple(a + b for a, b in zip(one.clipped, other.clipped, strict=True)),
    )


def gain_text(state: RigState, number: ChannelNumber) -> str:
    """ "+30.0" confirmed; "?+33.0" asked for or not confirmed; "?" never heard; "--" no preamp to turn."""
    channel = channel_of(state, number)
    if channel is None or not channel.preamp:
        return "--"
    gain = channel.gain
    if gain.asked is not None:
        return f"?{gain.asked:+.1f}"
    if gain.value is None:
        return "?"
    return f"{'' if gain.confirmed else '?'}{gain.value:+.1f}"


def _light(state: RigState, lamp: str) -> Light:
    word, _, number = lamp.partition(" ")
    if number:
        channel = channel_of(state, ChannelNumber(int(number)))
        if channel is None:
            return "off"
        return _switch(channel.phantom) if word == "phantom" else _on(channel.armed)
    halted = state.transport is Transport.HALTED
    match word:
        case "recording":
            if state.transport is Transport.POSTROLL or (closing_takes(state) and not _rolling(state)):
                return "blink"
            return _on(_rolling(state))
        case "closing":
            return _on(bool(closing_takes(state)))
        case "ready":
            return _on(state.transport is Transport.READY)
        case "armed":
            return _on(any(channel.armed for channel in state.channels))
        case "fault":
            return "blink" if halted else _on(bool(state.faults))
        case "locked":
            return _on(state.locked)
        case "gap":
            last = _last_take(state)
            return _on(last is not None and bool(last.gaps))
        case "circled":
            last = _last_take(state)
            return _on(last is not None and last.slate.circled)
        case _:
            return "off"


def _on(lit: bool) -> Light:
    return "on" if lit else "off"


def _switch(setting: Setting) -> Light:
    return "blink" if setting.asked is not None else _on(bool(setting.value))


def _rolling(state: RigState) -> bool:
    return state.transport in (Transport.ROLLING, Transport.POSTROLL)


def _last_take(state: RigState) -> Take | None:
    return state.take or (state.takes[-1] if state.takes else None)


def _rows(state: RigState, box: Greeting, at_frame: Frame | None) -> list[str]:
    """The display from the top: state and take; time, or what is wrong, or the song; song; session."""
    trouble = state.faults[0].what if state.faults else ""
    take = state.take
    if take is not None and _rolling(state):
        word = "POST" if state.transport is Transport.POSTROLL else "REC"
        elapsed = _elapsed(state, take, at_frame)
        if box.rows == 1:
            return [f"{word} {take.slate.number:03d} {elapsed}"]
        title = f"{word} {take.slate.name or f'Take {take.slate.number:03d}'}"
        return [title, elapsed, state.song, trouble or state.session]
    if state.transport is Transport.OFFLINE and not trouble and state.interface is not None:
        trouble = state.interface.failure
    title = state.transport.value.upper()
    if closing := closing_takes(state):
        title = f"SAVING Take {closing[-1].slate.number:03d}"
    return [title, trouble or state.song or state.session, state.song, state.session]


def _elapsed(state: RigState, take: Take, at_frame: Frame | None) -> str:
    """Hours, minutes, seconds of the take: to the tape's end or the take's, whichever comes first."""
    ends = [frame for frame in (at_frame, take.end_frame) if frame is not None]
    frames = min(ends) - take.first_frame if at_frame is not None else take.written_frames
    seconds = max(0, frames) // max(1, state.sample_rate_hz)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
