"""The sections of a config file as models: names, defaults, units, ranges. Pure.

What a section says alone is checked here; what two sections say together is checked in checks.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator

from rigd.config.as_typed import a_path
from rigd.config.options import NEEDED, Options, option
from rigd.hands.bindings import Binding, Encoder, binding_of
from rigd.model.errors import CommandError
from rigd.model.gain import WISH_S
from rigd.model.limits import LONGEST_NAME
from rigd.model.names import MONO_FIELDS, SESSION_FIELDS, SONG_FIELDS, TAKE_FIELDS, parse_naming
from rigd.model.plain_text import first_strange
from rigd.model.roles import Role
from rigd.model.take import SampleForm
from rigd.model.units import ChannelNumber
from rigd.rules.permissions import GRAVE, GROUPS

SAMPLE_RATES_HZ = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)


def one_line(text: str) -> str:
    """The text, refused where it holds control characters: a name must not break a line or a path."""
    if first_strange(text):
        raise ValueError("must be one line of plain text, without control characters")
    return text


def usable(template: str, parse: Callable[[str], object]) -> str:
    """The template, refused with the fields there are where `parse` does not take it."""
    try:
        parse(template)
    except CommandError as error:
        raise ValueError(f"cannot be used: {error}") from error
    return template


class RigSection(Options):
    """The rig itself."""

    name: str = option("rig", "What this rig is called, on screen and in its files", longest=LONGEST_NAME)
    library: str = option("~/rigd-takes", "Folder of all sessions; relative to the config file")
    runtime_dir: str = option(
        "",
        "Folder on tmpfs for the tape and the sockets; empty: $RUNTIME_DIRECTORY, else /dev/shm/rigd-<user id>",
    )
    session: str = option(
        "", "Name of the first session of a day; empty: the rig's name", longest=LONGEST_NAME
    )

    _paths = field_validator("library", "runtime_dir")(a_path)
    _lines = field_validator("name", "library", "runtime_dir", "session")(one_line)

    @field_validator("name", "library")
    @classmethod
    def _not_empty(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("must not be empty")
        return text


class AudioSection(Options):
    """The interface. The driver's own options are in [audio.<driver>]."""

    driver: str = option("portaudio", "What brings the sound: NAME of an [audio.NAME] below")
    device: str = option(
        "",
        'The interface by what stays: "hw:CARD=RIG", "hw:CARD=RIG,DEV=1", "usb:1-1.3" (the USB socket, for equal '
        'cards), a name ("Scarlett 18i20 USB") or a JACK client; empty: the driver\'s default. Not "hw:1": that is '
        "the order of plugging",
    )
    sample_rate_hz: int = option(
        48_000, "The rate the interface runs at; rigd refuses another one", unit="Hz", choices=SAMPLE_RATES_HZ
    )
    channels: int = option(8, "How many of its inputs rigd listens to", unit="inputs", least=1, most=512)
    period_frames: int = option(
        1024,
        "How much the interface brings at a time: ALSA's own period, or the nearest it has; JACK's is the server's",
        unit="frames",
        least=16,
        most=8192,
    )

    _lines = field_validator("driver", "device")(one_line)

    @field_validator("sample_rate_hz")
    @classmethod
    def _a_rate_of_the_trade(cls, rate: int) -> int:
        if rate not in SAMPLE_RATES_HZ:
            raise ValueError("must be one of " + ", ".join(str(known) for known in SAMPLE_RATES_HZ))
        return rate


class TapeSection(Options):
    """The loop in memory that always listens."""

    stall_seconds: float = option(
        30.0, "How long the disk may stall without losing a frame", unit="s", least=1, most=600
    )
    keep_seconds: float = option(
        35.0, "How far back 'keep the last SECONDS' can reach", unit="s", least=0, most=3600
    )


class TakeSection(Options):
    """What a take is made of and where it goes."""

    preroll_seconds: float = option(
        2.0, "A take begins so long before the press", unit="s", least=0, most=600
    )
    postroll_seconds: float = option(
        0.0,
        "A take goes on so long after the press; a start in it resumes the same take",
        unit="s",
        least=0,
        most=60,
    )
    sample: SampleForm = option("int24", "How samples are stored")
    files: Literal["mono", "poly"] = option("mono", "One file a channel, or one file for all of them")
    folder: str = option(
        "{session_date} {session}/{song}/Take {take:03}",
        f"A take's folder: the session's, from {SESSION_FIELDS}, the song's, from {SONG_FIELDS}, "
        f"and its own, from {TAKE_FIELDS}",
    )
    file: str = option(
        "{channel:02} {name}",
        f"A mono file's name, without .wav, from {MONO_FIELDS}",
    )
    poly_file: str = option(
        "{song} Take {take:03}", f"A polyphonic file's name, without .wav, from {TAKE_FIELDS}"
    )
    sync_interval_ms: int = option(
        800, "How often what was written is made safe from a power cut", unit="ms", least=200, most=10_000
    )

    _lines = field_validator("folder", "file", "poly_file")(one_line)

    @field_validator("folder")
    @classmethod
    def _names_a_folder(cls, template: str) -> str:
        return usable(template, lambda name: parse_naming(take_folder=name))

    @field_validator("file")
    @classmethod
    def _names_a_channel(cls, template: str) -> str:
        return usable(template, lambda name: parse_naming(mono_file=name))

    @field_validator("poly_file")
    @classmethod
    def _names_a_take(cls, template: str) -> str:
        return usable(template, lambda name: parse_naming(poly_file=name))


class MirrorSection(Options):
    """A second volume: every take is written there too, and goes on there alone where the first one fails."""

    library: str = option("", "Folder on another disk; relative to the config file; empty: no mirror")

    _paths = field_validator("library")(a_path)
    _lines = field_validator("library")(one_line)


class DiskSection(Options):
    """What rigd asks of the volume that takes go to."""

    reserve_seconds: float = option(
        60.0,
        "No take is started where the disk has room for less than this of the armed channels",
        unit="s",
        least=1,
        most=86_400,
    )
    measure_at_start: bool = option(
        True,
        "Try out at the start how fast the disk is, by writing at most 32 MB; false: only by rigd disk --measure",
    )


class BlackBoxSection(Options):
    """The black box: the last minutes of every channel on disk, from which 'keep' reaches back for hours."""

    minutes: float = option(
        0.0, "How much it keeps; 0: there is no black box", unit="min", least=0, most=2880
    )
    segment_seconds: float = option(
        60.0, "It is written and removed in pieces of this length", unit="s", least=1, most=600
    )
    folder: str = option(
        "", "Where it is, outside of the library; relative to the config file; empty: hidden in the library"
    )

    _paths = field_validator("folder")(a_path)
    _lines = field_validator("folder")(one_line)


class HooksSection(Options):
    """Your own commands. Each is a list of words that no shell reads: `["/usr/local/bin/copy-take", "--fast"]`. It
    runs as the rig's user, and what happened comes by variables (RIGD_EVENT, RIGD_TEXT, RIGD_FOLDER, ...) and by one
    JSON object on standard input: hooks.md."""

    take_closed: tuple[str, ...] = option((), "A take is closed: every byte of it is on the disk", longest=64)
    disk_low: tuple[str, ...] = option(
        (), "A take rolls and there is room for 10 min, 2 min, 30 s of it", longest=64
    )
    fault: tuple[str, ...] = option((), "A fault is raised", longest=64)
    fault_over: tuple[str, ...] = option((), "A fault is over", longest=64)
    timeout_seconds: float = option(
        300.0, "A command that takes longer is ended", unit="s", least=1, most=86_400
    )

    @field_validator("take_closed", "disk_low", "fault", "fault_over")
    @classmethod
    def _a_command(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in word for word in words):
            raise ValueError("must not hold a NUL character")
        if words and not words[0].strip():
            raise ValueError("must begin with a command")
        if len(words) == 1 and len(words[0].split()) > 1 and not words[0].startswith("/"):
            meant = ", ".join(f'"{word}"' for word in words[0].split())
            raise ValueError(f"must be a list of words, as no shell reads it: [{meant}]")
        if words and "/" in words[0] and not words[0].startswith(("/", "~/")):
            raise ValueError('must begin with a command\'s whole path ("/usr/local/bin/...") or its name')
        return words


class ControlSection(Options):
    """What commands may do."""

    phantom_while_rolling: bool = option(False, "Let 48 V be switched while a take rolls")
    group_role: Role = option(
        Role.OWNER,
        "What members of the service's group may do at the control socket: see docs/security.md. The user that rigd "
        "runs as, and root, are owners",
    )
    wish_seconds: float = option(
        WISH_S,
        "What was asked of a preamp and makes no headway for so long is given up, so that it does not override later "
        "what a hand set at the device",
        unit="s",
        least=1,
        most=600,
    )
    power_off: bool = option(
        False,
        'Let "shut-down power-off" switch the machine off once every take is safe; a button may be bound to it',
    )


class ChannelSection(Options):
    """An input with a name. Channels that are not listed exist too, as "Input 9"."""

    name: str = option(
        "", 'What is heard there: "Kick In"; empty: "Input" and its number', longest=LONGEST_NAME
    )
    input: int | None = Field(
        None,
        description="Socket of the interface; none: the channel's own number",
        ge=1,
        le=512,
        json_schema_extra={"unit": "input"},
    )
    source: str = option("", 'What is plugged in: "mic", "DI", "line"', longest=LONGEST_NAME)
    armed: bool = option(True, "Recorded by the next take")
    preamp: str = option("", 'Its preamp as "name:socket", such as "desk:1"; empty: gain is set by hand')
    gang: str = option("", "Channels of one gang get the same gain", longest=LONGEST_NAME)

    _lines = field_validator("name", "source", "preamp", "gang")(one_line)


class BindingSection(Options):
    """What a control does: [[surface.<name>.binding]]. A gesture holds a command, such as "keep 20"."""

    control: str = option(
        NEEDED,
        'The control as the surface names it: "cc 80", "note 60 ch 2", "program 3", "fader 1"',
        longest=80,
    )
    mode: Literal["momentary", "latching", "trigger"] = option(
        "momentary",
        "momentary: press and release are told; latching: each message is a press; trigger: press only",
    )
    pressed: int | None = option(
        None,
        "Of a switch that sends values (a MIDI controller): the value when it is down. None: learnt from what it "
        "sends, and high is down until then",
        least=0,
        most=127,
    )
    released: int | None = option(
        None,
        "The value when it is up; pressed = 0, released = 127 is a pedal of the other polarity. None: the other end",
        least=0,
        most=127,
    )
    press: str = option("", "Command at the press, at once; leaves no room for gestures", longest=1000)
    release: str = option("", "Command at the release", longest=1000)
    tap: str = option("", "Command of one short press", longest=1000)
    double: str = option("", "Command of two short presses", longest=1000)
    hold: str = option("", "Command of a press that is held", longest=1000)
    long_hold: str = option("", "Command of a press that is held for long", longest=1000)
    gain: int | None = Field(
        None,
        description="An absolute fader that sets this channel's gain",
        ge=1,
        le=512,
        json_schema_extra={"unit": "channel"},
    )
    nudge: int | None = Field(
        None,
        description="An encoder that turns this channel's gain",
        ge=1,
        le=512,
        json_schema_extra={"unit": "channel"},
    )
    encoder: Encoder | None = option(
        None,
        "How a MIDI controller with nudge tells its turns (rigd learn finds it). twos complement: 1 right, 127 left; "
        "offset: 65 right, 63 left; sign bit: 1 right, 65 left",
    )
    step_db: float = option(1.0, "What an encoder turns in one detent", unit="dB", above=0, most=12)
    pickup: bool = option(True, "A fader does nothing until it has passed the true value")
    debounce_ms: int = option(30, "Presses closer than this are one", unit="ms", least=0, most=2000)
    double_ms: int = option(300, "Two presses within this are a double tap", unit="ms", least=50, most=2000)
    hold_ms: int = option(600, "A press longer than this is a hold", unit="ms", least=100, most=10_000)
    long_hold_ms: int = option(
        2000, "A press longer than this is a long hold", unit="ms", least=200, most=30_000
    )

    def binding(self) -> Binding:
        """The rig's own word for it. Raises CommandError where a gesture's text is no command."""
        values: dict[str, Any] = self.model_dump()
        for key in ("gain", "nudge"):
            values[key] = None if values[key] is None else ChannelNumber(values[key])
        return binding_of(**values)


class PreampSection(Options):
    """A preamp that rigd can set. What follows `kind` is the kind's own; see below."""

    kind: str = option(NEEDED, "What it is: a name of the entry point group rigd.preamps")


class SurfaceSection(Options):
    """A control device. Besides `kind`, `allow`, `role`, bindings: what stands here is the kind's own; see below."""

    kind: str = option(NEEDED, "What it is: a name of the entry point group rigd.surfaces")
    allow: tuple[str, ...] | None = option(
        None,
        'What it may name itself, without a binding: commands ("mark"), of channels ("gain 3", "pad 1-4"), or "take" '
        f"({', '.join(GROUPS['take'])}). None: what its controls are bound to, but for {', '.join(GRAVE)}. Its "
        "controls always do what they are bound to",
        longest=200,
    )
    role: Role = option(
        Role.OWNER,
        "What it is there for: within that, its controls and `allow` say what it may do. See docs/security.md",
    )


class FaceSection(Options):
    """What every face has. What else stands in its section is its own."""

    role: Role = option(Role.OWNER, "What whoever comes in by it is there for, at most. See docs/security.md")


PLAIN_SECTIONS: dict[str, type[Options]] = {
    "rig": RigSection,
    "audio": AudioSection,
    "tape": TapeSection,
    "take": TakeSection,
    "disk": DiskSection,
    "control": ControlSection,
    "mirror": MirrorSection,
    "blackbox": BlackBoxSection,
    "hooks": HooksSection,
}
"""[name] to its model; [[channel]], [preamp.<name>] and [surface.<name>] are tables of their own."""
SECTION_NAMES = (*PLAIN_SECTIONS, "channel", "preamp", "surface")
