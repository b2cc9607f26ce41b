"""Every command of the rig, once: the registry that the CLI, the pedals, OSC, serial lines and docs share.

A command is a frozen struct. Its `verb` and the fields it declares itself are the text form used in
bindings and on serial lines ("keep 20", "gain 3 -12.5", "mark chorus"). Pure.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from rigd.model.durations import seconds_of
from rigd.model.errors import CommandError
from rigd.model.units import ChannelNumber, Ns, Origin, TakeId


class GivenBy(StrEnum):
    """Whose hand a command came from: what a surface gives passes the surfaces' gate (rigd/rules/permissions.py)."""

    CLIENT = "client"  # a person at a terminal, or rigd itself
    CONTROL = "control"  # a surface's control that is bound to it
    NAME = "name"  # a surface that named it itself


class Command(Struct, frozen=True, kw_only=True):
    """What all commands carry. `at_ns` is when the person did it (CLOCK_MONOTONIC), not when it was read."""

    verb: ClassVar[str]
    summary: ClassVar[str]

    origin: Origin
    at_ns: Ns
    held: bool = False
    """True when it came from a held control, which is what the lock asks for before it lets go of a take."""
    given_by: GivenBy = GivenBy.CLIENT


C = TypeVar("C", bound=type[Command])
COMMANDS: dict[str, type[Command]] = {}
"""Verb to class: filled by the decorators below while this module loads, and never after."""

_CARRIED = {"origin", "at_ns", "held", "given_by"}
_NAMES = {"seconds": "length of time, such as 20, 90s, 40m or 2h", "on": "switch: on or off"}
"""Of an argument, where its field's name says it badly."""


def _command(verb: str, summary: str) -> Callable[[C], C]:
    def enter(kind: C) -> C:
        kind.verb, kind.summary = verb, summary
        COMMANDS[verb] = kind
        return kind

    return enter


@_command("arm", "Record this channel in the next take; without a number, every channel")
class Arm(Command, frozen=True, kw_only=True):
    channel: ChannelNumber | None = None


@_command("disarm", "Leave this channel out of the next take; without a number, every channel")
class Disarm(Command, frozen=True, kw_only=True):
    channel: ChannelNumber | None = None


@_command("start", "Start a take; inside the post-roll, go on with the same one")
class StartTake(Command, frozen=True, kw_only=True):
    pass


@_command("stop", "Stop the take")
class StopTake(Command, frozen=True, kw_only=True):
    pass


@_command("toggle", "Start a take, or stop the one that rolls")
class ToggleTake(Command, frozen=True, kw_only=True):
    pass


@_command("next", "Keep this take and go on as the next, without a gap")
class NextTake(Command, frozen=True, kw_only=True):
    pass


@_command("keep", "Keep the last SECONDS (20, 90s, 40m, 2h) as a take, also while another rolls")
class KeepLast(Command, frozen=True, kw_only=True):
    seconds: float


@_command("mark", "Put a marker here, with a name if one is given")
class AddMarker(Command, frozen=True, kw_only=True):
    name: str = ""


@_command("discard", "False take: stop it if it rolls and put it in the trash; undo brings it back")
class DiscardTake(Command, frozen=True, kw_only=True):
    take_id: TakeId | None = None


@_command("again", "Discard the rolling take and start again at once")
class DiscardAndRestart(Command, frozen=True, kw_only=True):
    pass


@_command("undo", "Bring back the take that was discarded last")
class Undo(Command, frozen=True, kw_only=True):
    pass


@_command("circle", "Mark the rolling or last take as the good one; once more takes it back")
class CircleTake(Command, frozen=True, kw_only=True):
    take_id: TakeId | None = None


@_command("note", "Add a note to the rolling or last take")
class NoteTake(Command, frozen=True, kw_only=True):
    text: str
    take_id: TakeId | None = None


@_command("rate", "Rate the rolling or last take, 0 to 5")
class RateTake(Command, frozen=True, kw_only=True):
    rating: int
    take_id: TakeId | None = None


@_command("song", "What follows are takes of this song")
class NewSong(Command, frozen=True, kw_only=True):
    name: str


@_command("session", "Open a new session folder for today")
class NewSession(Command, frozen=True, kw_only=True):
    name: str


@_command(
    "continue-session", "Go on with the last session of that name (empty: of this one's), whatever its day"
)
class ContinueSession(Command, frozen=True, kw_only=True):
    name: str = ""


@_command("rename", "Rename the rolling or last take")
class RenameTake(Command, frozen=True, kw_only=True):
    name: str
    take_id: TakeId | None = None


@_command("number", "The next take gets this number")
class SetNextTakeNumber(Command, frozen=True, kw_only=True):
    number: int


@_command("gain", "Set a channel's preamp gain, in dB")
class SetGain(Command, frozen=True, kw_only=True):
    channel: ChannelNumber
    gain_db: float


@_command("nudge", "Turn a channel's preamp gain by so many dB, up or down")
class NudgeGain(Command, frozen=True, kw_only=True):
    channel: ChannelNumber
    delta_db: float


@_command("pad", "Switch a channel's pad on or off")
class SetPad(Command, frozen=True, kw_only=True):
    channel: ChannelNumber
    on: bool


@_command("phantom", "Switch 48 V on or off; on wants 'confirm', and is refused while a take rolls")
class SetPhantom(Command, frozen=True, kw_only=True):
    channel: ChannelNumber
    on: bool
    confirm: bool = False


@_command("polarity", "Turn a channel's polarity over (on) or back (off)")
class SetPolarity(Command, frozen=True, kw_only=True):
    channel: ChannelNumber
    on: bool


@_command("lock", "From now on a take only stops by a held control")
class Lock(Command, frozen=True, kw_only=True):
    pass


@_command("unlock", "A take stops by a tap again")
class Unlock(Command, frozen=True, kw_only=True):
    pass


@_command("clear-fault", "The trouble has been seen to; go on")
class ClearFault(Command, frozen=True, kw_only=True):
    pass


@_command("measure", "Measure how fast the take volume is; refused while a take rolls")
class MeasureDisk(Command, frozen=True, kw_only=True):
    pass


@_command("shut-down", "Close every take and end rigd; with 'power-off' the machine goes off, too")
class ShutDown(Command, frozen=True, kw_only=True):
    power_off: bool = False


class Accepted(Struct, frozen=True, kw_only=True):
    """The command is done or under way; `message` may say what came of it."""

    message: str = ""
    take_id: TakeId | None = None
    """The take that it began, ended, changed or brought back, if any."""
    ended: TakeId | None = None
    """The take whose end it told: safe once that one is closed."""


class Rejected(Struct, frozen=True, kw_only=True):
    """The command did nothing; `reason` says why and what to do."""

    reason: str


Reply = Accepted | Rejected


def arguments_of(kind: type[Command]) -> tuple[FieldInfo, ...]:
    """The fields a person gives, in order."""
    return tuple(field for field in fields(kind) if field.name not in _CARRIED)


def places_of(kind: type[Command]) -> tuple[FieldInfo, ...]:
    """The arguments that a line has room for, in order: a text takes the rest of it, so nothing stands after it."""
    arguments = arguments_of(kind)
    last = next((place for place, field in enumerate(arguments, 1) if takes_rest(field)), len(arguments))
    return arguments[:last]


def takes_rest(field: FieldInfo) -> bool:
    """A name or a note: it needs no quotes."""
    return _plain_type(field.type) is str and field.name != "take_id"


def is_switch(field: FieldInfo) -> bool:
    """On or off."""
    return _plain_type(field.type) is bool


def usage_of(kind: type[Command]) -> str:
    """'keep SECONDS', 'mark [NAME]'."""
    words = (field.name.upper() if field.required else f"[{field.name.upper()}]" for field in places_of(kind))
    return " ".join([kind.verb, *words])


def parse_command(text: str, *, origin: Origin, at_ns: Ns, held: bool = False) -> Command:
    """The command that `text` ("gain 3 -12.5") stands for. Raises CommandError with the right form.

    The last text argument takes the rest of the line, so that names and notes need no quotes.
    """
    verb, _, rest = text.strip().partition(" ")
    kind = COMMANDS.get(verb.lower())
    if kind is None:
        raise CommandError(f'"{verb[:40]}" is not a command; one of: {", ".join(COMMANDS)}')
    given: dict[str, Any] = {}
    rest = rest.strip()
    for field in arguments_of(kind):
        if not rest:
            break
        if takes_rest(field):
            word, rest = rest, ""
        else:
            word, _, rest = rest.partition(" ")
            rest = rest.strip()
        given[field.name] = argument_of(kind, field, word)
    missing = [f.name for f in arguments_of(kind) if f.required and f.name not in given]
    if rest or missing:
        raise CommandError(f'"{text[:80]}" is not of the form: {usage_of(kind)}')
    return kind(origin=origin, at_ns=at_ns, held=held, **given)


def _plain_type(hint: Any) -> Any:
    """`NewType` and `| None` taken off."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    return getattr(hint, "__supertype__", hint)


def argument_of(kind: type[Command], field: FieldInfo, word: str) -> Any:
    """What the word stands for there. Raises CommandError with the right form."""
    plain, name = _plain_type(field.type), field.name
    try:
        if plain is bool:
            spelt = {
                "on": True,
                "1": True,
                name: True,
                name.replace("_", "-"): True,
                "off": False,
                "0": False,
            }
            return spelt[word.lower()]
        if plain is int:
            return None if word.lower() == "all" and name == "channel" else int(word)
        if plain is float:
            number = seconds_of(word) if name == "seconds" else float(word)
            if not math.isfinite(number):
                raise ValueError("not finite")
            return number
    except (KeyError, ValueError) as error:
        message = (
            f'{kind.verb}: "{word[:40]}" is not a {_NAMES.get(name, name)}; the form is: {usage_of(kind)}'
        )
        raise CommandError(message) from error
    return word
