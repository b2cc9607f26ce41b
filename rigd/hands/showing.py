"""What anything shows of the rig: lamps, times, gains, levels. Pure: the state in, lights and words out.

It is decided here once, so that no two kinds of surface, and no view, can disagree; a kind only brings it over its
wire. Nothing here shows a wish as the truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from rigd.model.durations import clock_text, time_left
from rigd.model.gain import GAIN
from rigd.model.levels import Levels
from rigd.model.state import Channel, MirrorPhase, RigState, Setting, Take, Transport, channel_of
from rigd.model.takes import closing_takes
from rigd.model.units import ChannelNumber, Frame, Ns

HALF_BLINK_NS = 250_000_000
"""A lamp that blinks is lit so long, and dark so long."""
REFUSED_NS = 400_000_000
"""The lamp "refused" is lit so long."""

NOT_READY = "NOT READY"
STATE_WORDS = MappingProxyType(
    {
        Transport.OFFLINE: "OFFLINE",
        Transport.READY: "READY",
        Transport.ROLLING: "REC",
        Transport.POSTROLL: "POST",
        Transport.HALTED: "HALTED",
    }
)
"""What a display calls each state, where a start would not be refused."""
NOT_READY = "NOT READY"


def is_ready(state: RigState) -> bool:
    """A press starts a take."""
    return state.transport is Transport.READY and not state.not_ready


def state_word(state: RigState) -> str:
    """What a display calls the state that the rig is in."""
    return NOT_READY if state.not_ready else STATE_WORDS[state.transport]


# --- lamps ------------------------------------------------------------------------------------------


class Light(StrEnum):
    """What a lamp does. One that cannot blink by itself is lit and dark in turn (`is_lit`)."""

    OFF = "off"
    ON = "on"
    BLINK = "blink"


class LampWord(Struct, frozen=True, kw_only=True):
    """What a lamp of that word shows: `in_state` where that names the state, else what `otherwise` says."""

    meaning: str
    in_state: Mapping[Transport, Light] = {}
    otherwise: Callable[[RigState], Light] | None = None
    """None: off."""

    def light(self, state: RigState) -> Light:
        """What it does now."""
        named = self.in_state.get(state.transport)
        if named is not None:
            return named
        return self.otherwise(state) if self.otherwise is not None else Light.OFF


class ChannelLampWord(Struct, frozen=True, kw_only=True):
    """What a lamp of that word and a channel's number shows ("armed 3")."""

    meaning: str
    light: Callable[[Channel], Light]


def _on(lit: bool) -> Light:
    return Light.ON if lit else Light.OFF


def _switch(setting: Setting) -> Light:
    return Light.BLINK if setting.asked is not None else _on(bool(setting.value))


def last_take(state: RigState) -> Take | None:
    """The take that is recorded, else the last one of the session."""
    return state.take or (state.takes[-1] if state.takes else None)


def _unsafe(state: RigState) -> Light:
    return Light.BLINK if closing_takes(state) else Light.OFF


def _gap(state: RigState) -> Light:
    last = last_take(state)
    return _on(last is not None and bool(last.gaps))


def _circled(state: RigState) -> Light:
    last = last_take(state)
    return _on(last is not None and last.slate.circled)


REFUSED = "refused"

LAMPS: Mapping[str, LampWord] = MappingProxyType(
    {
        "recording": LampWord(
            meaning="on while a take is recorded; blinks in its post-roll, and until every take that has ended is "
            "safe on the disk",
            in_state={Transport.ROLLING: Light.ON, Transport.POSTROLL: Light.BLINK},
            otherwise=_unsafe,
        ),
        "ready": LampWord(
            meaning="on where nothing is recorded and a press starts a take",
            otherwise=lambda state: _on(is_ready(state)),
        ),
        "armed": LampWord(
            meaning="on where at least one channel is armed",
            otherwise=lambda state: _on(any(channel.armed for channel in state.channels)),
        ),
        "fault": LampWord(
            meaning="on where something needs a person; blinks where recording was stopped by it",
            in_state={Transport.HALTED: Light.BLINK},
            otherwise=lambda state: _on(bool(state.faults)),
        ),
        "locked": LampWord(meaning="on while stop wants a hold", otherwise=lambda state: _on(state.locked)),
        "gap": LampWord(
            meaning="on where the take that is recorded, else the last one, has a gap", otherwise=_gap
        ),
        "clipped": LampWord(
            meaning='on where a channel has clipped and nobody has said yet that it was seen ("clear-clips")',
            otherwise=lambda state: _on(bool(state.clips)),
        ),
        "circled": LampWord(
            meaning="on where the take that is recorded, else the last one, is circled", otherwise=_circled
        ),
        "closing": LampWord(
            meaning="on while a take that has ended is not yet safe on the disk",
            otherwise=lambda state: _on(bool(closing_takes(state))),
        ),
        REFUSED: LampWord(
            meaning=f"on for {REFUSED_NS / 1e9:g} s after a command of this surface that was refused"
        ),
    }
)
"""Every word of a lamp that is about the whole rig. docs/config.md has the table."""

CHANNEL_LAMPS: Mapping[str, ChannelLampWord] = MappingProxyType(
    {
        "armed": ChannelLampWord(
            meaning="on where that channel is armed", light=lambda channel: _on(channel.armed)
        ),
        "phantom": ChannelLampWord(
            meaning="on where that channel's preamp says that it gives 48 V; blinks while a switch of it is asked "
            "for and not confirmed",
            light=lambda channel: _switch(channel.phantom),
        ),
    }
)
"""Every word of a lamp that takes a channel's number."""

LAMP_FORMS = ", ".join((*LAMPS, *(f'"{word} CHANNEL"' for word in CHANNEL_LAMPS)))
"""For a message and for the docs."""
_CHANNEL_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


def lamp_fault(lamp: str) -> str:
    """Why nothing can show `lamp`; empty where it is one of LAMPS, or one of CHANNEL_LAMPS with a channel."""
    word, blank, number = lamp.partition(" ")
    if lamp in LAMPS or (blank and word in CHANNEL_LAMPS and _CHANNEL_NUMBER.fullmatch(number)):
        return ""
    return f'"{lamp[:40]}" is not something a lamp can show; one of: {LAMP_FORMS}'


def channel_of_lamp(lamp: str) -> ChannelNumber | None:
    """The channel that a lamp is about; None where it is about the whole rig."""
    number = lamp.partition(" ")[2]
    return ChannelNumber(int(number)) if number and not lamp_fault(lamp) else None


def light_of(lamp: str, state: RigState, *, refused: bool = False) -> Light:
    """What a lamp of that word does. `refused`: a command of its surface was, less than REFUSED_NS ago.

    A word that nobody knows, and a channel that the rig does not have, are dark.
    """
    if lamp == REFUSED:
        return _on(refused)
    if lamp in LAMPS:
        return LAMPS[lamp].light(state)
    number = channel_of_lamp(lamp)
    channel = channel_of(state, number) if number is not None else None
    return CHANNEL_LAMPS[lamp.partition(" ")[0]].light(channel) if channel is not None else Light.OFF


def is_lit(light: Light, now_ns: Ns) -> bool:
    """Whether a lamp that cannot blink by itself is lit now."""
    return light is Light.ON or (light is Light.BLINK and now_ns // HALF_BLINK_NS % 2 == 0)


def next_turn_ns(now_ns: Ns) -> Ns:
    """When a lamp that blinks is lit, or dark, the next time."""
    return Ns((now_ns // HALF_BLINK_NS + 1) * HALF_BLINK_NS)


def saving_take(state: RigState) -> Take | None:
    """The take that ended last, while it is not yet safe on the disk."""
    closing = closing_takes(state)
    return closing[-1] if closing else None


# --- times ------------------------------------------------------------------------------------------


def take_frames(take: Take, at_frame: Frame | None) -> int:
    """How long the take is so far: to the tape's end or its own, whichever comes first; without `at_frame`, the
    tape's end, what is written of it."""
    if at_frame is None:
        return max(0, take.written_frames)
    end_frame = at_frame if take.end_frame is None else min(at_frame, take.end_frame)
    return max(0, end_frame - take.first_frame)


def time_text(frames: int, sample_rate_hz: int) -> str:
    """Frames as 01:02:05."""
    return clock_text(frames // max(1, sample_rate_hz))


def exact_time_text(frames: int, sample_rate_hz: int) -> str:
    """Frames as 01:02:05.4."""
    tenths = max(0, frames) * 10 // max(1, sample_rate_hz)
    return f"{clock_text(tenths // 10)}.{tenths % 10}"


def seconds_left(state: RigState) -> float | None:
    """How much more of the armed channels there is room for where takes go now; None: not known."""
    disk, mirror = state.disk, state.mirror
    if disk is None or disk.bytes_per_second <= 0:
        return None
    if mirror is not None and mirror.phase is MirrorPhase.IN_CHARGE:  # takes go there alone
        return mirror.free_bytes / disk.bytes_per_second
    return disk.seconds_left if disk.seconds_left is not None else disk.free_bytes / disk.bytes_per_second


def time_left_text(state: RigState) -> str:
    """ "2 h 05 min", "9 min 59 s"; empty where it is not known."""
    left_s = seconds_left(state)
    return "" if left_s is None else time_left(left_s)


# --- gains ------------------------------------------------------------------------------------------


class Knowledge(StrEnum):
    """How far what is shown of a preamp is known."""

    NO_PREAMP = "no preamp"  # no gain that rigd can set
    UNKNOWN = "unknown"  # it has not said anything yet
    PENDING = "pending"  # asked for, and not confirmed
    DOUBTFUL = "doubtful"  # what it said last; it does not answer now
    CONFIRMED = "confirmed"  # it says so itself


class GainShown(Struct, frozen=True, kw_only=True):
    """A gain as it is shown: only a confirmed one has no question mark."""

    text: str
    """ "+30.0", "?+33.0", "?", "--": without its unit, which is dB."""
    known: Knowledge
    said: str = ""
    """ "+30.0": what the preamp said last; empty where it has not said anything."""
    asked: str = ""
    """ "+33.0": what is asked for and not yet so."""


def gain_shown(channel: Channel | None, *, tenths: bool = True) -> GainShown:
    """The gain of a channel; None is one that the rig does not have. Without `tenths`: in whole dB."""
    if channel is None or not channel.preamp or (channel.abilities and GAIN not in channel.abilities):
        return GainShown(text="--", known=Knowledge.NO_PREAMP)
    gain, form = channel.gain, "+z.1f" if tenths else "+z.0f"
    said = "" if gain.value is None else f"{gain.value:{form}}"
    if gain.asked is not None:
        asked = f"{gain.asked:{form}}"
        return GainShown(text=f"?{asked}", known=Knowledge.PENDING, said=said, asked=asked)
    if not said:
        return GainShown(text="?", known=Knowledge.UNKNOWN)
    if not gain.confirmed:
        return GainShown(text=f"?{said}", known=Knowledge.DOUBTFUL, said=said)
    return GainShown(text=said, known=Knowledge.CONFIRMED, said=said)


class PhantomShown(Struct, frozen=True, kw_only=True):
    """48 V of a channel as it is shown."""

    text: str
    """ "48V", "?48V" where that is not confirmed; empty where it is off, or there is none."""
    known: Knowledge


def phantom_shown(channel: Channel | None) -> PhantomShown:
    """Whether a channel gives 48 V. What was asked for and not confirmed, and what it gave before it stopped to
    answer, has a question mark: a ribbon microphone may hang there."""
    if channel is None or not channel.preamp:
        return PhantomShown(text="", known=Knowledge.NO_PREAMP)
    phantom = channel.phantom
    if phantom.asked is not None:
        return PhantomShown(text="?48V", known=Knowledge.PENDING)
    if phantom.value is None:
        return PhantomShown(text="", known=Knowledge.UNKNOWN)
    if not phantom.confirmed:
        return PhantomShown(text="?48V" if phantom.value else "", known=Knowledge.DOUBTFUL)
    return PhantomShown(text="48V" if phantom.value else "", known=Knowledge.CONFIRMED)


# --- levels -----------------------------------------------------------------------------------------


class LevelShown(Struct, frozen=True, kw_only=True):
    """What a meter shows of one channel."""

    peak_dbfs: float
    rms_dbfs: float
    clipped: bool


def level_shown(levels: Levels | None, channel: Channel | None) -> LevelShown | None:
    """The level of a channel, from the row of its input; None where nothing is measured there."""
    row = channel.input - 1 if channel is not None else -1
    if levels is None or not 0 <= row < len(levels.peak_dbfs):
        return None
    return LevelShown(
        peak_dbfs=levels.peak_dbfs[row], rms_dbfs=levels.rms_dbfs[row], clipped=levels.clipped[row] > 0
    )


def louder_of(one: Levels | None, other: Levels | None) -> Levels | None:
    """Two readings as one, the later one second: the loudest peak, and every clip. Where channels came or went
    between them, the later one alone."""
    if one is None or other is None or len(one.peak_dbfs) != len(other.peak_dbfs):
        return other or one
    return Levels(
        at_frame=other.at_frame,
        peak_dbfs=tuple(map(max, one.peak_dbfs, other.peak_dbfs)),
        rms_dbfs=tuple(map(max, one.rms_dbfs, other.rms_dbfs)),
        clipped=tuple(a + b for a, b in zip(one.clipped, other.clipped, strict=True)),
    )
