"""Every command of the rig, once: the registry that the CLI, the pedals, OSC, serial lines and docs share.

A command is a frozen struct. Its `verb` and the fields it declares itself are the text form used in
bindings and on serial lines ("keep 20", "gain 3 -12.5", "mark chorus"). Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from msgspec import Struct, field

from rigd.model.channels import Channels
from rigd.model.roles import Scope
from rigd.model.units import Ns, Origin, Seconds, SettingName, TakeId


class Command(Struct, frozen=True, kw_only=True):
    """What all commands carry. `at_ns` is when the person did it (CLOCK_MONOTONIC), not when it was read.

    `origin` is a label for whoever reads what happened: a client may write there what it likes. Who gave a command,
    and what he may, is said by the way in that it came by (`rules/permissions.py`)."""

    verb: ClassVar[str]
    summary: ClassVar[str]
    scope: ClassVar[Scope]
    """What it touches, and so who may give it (`model/roles.py`)."""

    origin: Origin
    at_ns: Ns
    held: bool = False
    """True when it came from a held control, which is what the lock asks for before it lets go of a take."""
    control: str = ""
    """The control that it came from, where the answer goes; empty where there is none."""
    bound: bool = False
    """True where that control is bound to it: the owner of the config wrote so. Else a surface named or made it
    itself, or it comes from a client."""


C = TypeVar("C", bound=type[Command])
COMMANDS: dict[str, type[Command]] = {}
"""Verb to class: filled by the decorators below while this module loads, and never after."""

CHANNEL = "channel"
"""What a client's JSON calls the channels: the name is older than the list."""


def _command(verb: str, scope: Scope, summary: str) -> Callable[[C], C]:
    def enter(kind: C) -> C:
        kind.verb, kind.scope, kind.summary = verb, scope, summary
        COMMANDS[verb] = kind
        return kind

    return enter


@_command(
    "arm",
    Scope.LEVEL,
    "Record these channels in the next take; without a number, every channel",
)
class Arm(Command, frozen=True, kw_only=True):
    channels: Channels | None = field(default=None, name=CHANNEL)


@_command("disarm", Scope.LEVEL, "Leave these channels out of the next take; without a number, every channel")
class Disarm(Command, frozen=True, kw_only=True):
    channels: Channels | None = field(default=None, name=CHANNEL)


@_command("start", Scope.PLAY, "Start a take; inside the post-roll, go on with the same one")
class StartTake(Command, frozen=True, kw_only=True):
    pass


@_command("stop", Scope.PLAY, "Stop the take")
class StopTake(Command, frozen=True, kw_only=True):
    pass


@_command("toggle", Scope.PLAY, "Start a take, or stop the one that rolls")
class ToggleTake(Command, frozen=True, kw_only=True):
    pass


@_command("next", Scope.PLAY, "Keep this take and go on as the next, without a gap")
class NextTake(Command, frozen=True, kw_only=True):
    pass


@_command("keep", Scope.PLAY, "Keep the last SECONDS (20, 90s, 40m, 2h) as a take, also while another rolls")
class KeepLast(Command, frozen=True, kw_only=True):
    seconds: Seconds


@_command("mark", Scope.PLAY, "Put a marker here, with a name if one is given")
class AddMarker(Command, frozen=True, kw_only=True):
    name: str = ""


@_command(
    "discard", Scope.PLAY, "False take: stop it if it rolls and put it in the trash; undo brings it back"
)
class DiscardTake(Command, frozen=True, kw_only=True):
    take_id: TakeId | None = None


@_command("again", Scope.PLAY, "Discard the rolling take and start again at once")
class DiscardAndRestart(Command, frozen=True, kw_only=True):
    pass


@_command("undo", Scope.PLAY, "Bring back the take that was discarded last")
class Undo(Command, frozen=True, kw_only=True):
    pass


@_command("restore", Scope.PLAY, "Bring this take back from the trash, of whichever session it is")
class BringBack(Command, frozen=True, kw_only=True):
    take_id: TakeId


@_command(
    "empty-trash",
    Scope.RIG,
    "Delete for good what is in the trash of all sessions, or was put there longer ago than SECONDS (40m, 30d); "
    "refused while a take rolls",
)
class EmptyTrash(Command, frozen=True, kw_only=True):
    seconds: Seconds = Seconds(0.0)


@_command("circle", Scope.NOTE, "Mark the rolling or last take as the good one; once more takes it back")
class CircleTake(Command, frozen=True, kw_only=True):
    take_id: TakeId | None = None


@_command("note", Scope.NOTE, "Add a note to the rolling or last take")
class NoteTake(Command, frozen=True, kw_only=True):
    text: str
    take_id: TakeId | None = None


@_command("rate", Scope.NOTE, "Rate the rolling or last take, 0 to 5")
class RateTake(Command, frozen=True, kw_only=True):
    rating: int
    take_id: TakeId | None = None


@_command("song", Scope.NOTE, "What follows are takes of this song")
class NewSong(Command, frozen=True, kw_only=True):
    name: str


@_command("session", Scope.NOTE, "Open a new session folder for today")
class NewSession(Command, frozen=True, kw_only=True):
    name: str


@_command(
    "continue-session",
    Scope.NOTE,
    "Go on with the last session of that name (none: of this one's), whatever its day",
)
class ContinueSession(Command, frozen=True, kw_only=True):
    name: str = ""


@_command("rename", Scope.NOTE, "Rename the rolling or last take")
class RenameTake(Command, frozen=True, kw_only=True):
    name: str
    take_id: TakeId | None = None


@_command("number", Scope.NOTE, "The next take gets this number")
class SetNextTakeNumber(Command, frozen=True, kw_only=True):
    number: int


@_command("gain", Scope.LEVEL, "Set the preamp gain of one or more channels, in dB")
class SetGain(Command, frozen=True, kw_only=True):
    channels: Channels = field(name=CHANNEL)
    gain_db: float


@_command("nudge", Scope.LEVEL, "Turn the preamp gain of one or more channels by so many dB, up or down")
class NudgeGain(Command, frozen=True, kw_only=True):
    channels: Channels = field(name=CHANNEL)
    delta_db: float


@_command("pad", Scope.LEVEL, "Switch the pad of one or more channels on or off")
class SetPad(Command, frozen=True, kw_only=True):
    channels: Channels = field(name=CHANNEL)
    on: bool


@_command(
    "phantom",
    Scope.LEVEL,
    "Switch 48 V on or off; on wants the word confirm, and is refused while a take rolls",
)
class SetPhantom(Command, frozen=True, kw_only=True):
    channels: Channels = field(name=CHANNEL)
    on: bool
    confirm: bool = False


@_command("polarity", Scope.LEVEL, "Turn the polarity of one or more channels over (on) or back (off)")
class SetPolarity(Command, frozen=True, kw_only=True):
    channels: Channels = field(name=CHANNEL)
    on: bool


@_command(
    "set", Scope.LEVEL, "Set any setting of channels' preamps: gain 30, low_cut 80 Hz, phantom on confirm"
)
class SetSetting(Command, frozen=True, kw_only=True):
    channels: Channels = field(name=CHANNEL)
    setting: SettingName
    value: str


@_command(
    "lock", Scope.RIG, "From now on a take only stops by a held control, also where rigd is started anew"
)
class Lock(Command, frozen=True, kw_only=True):
    pass


@_command("unlock", Scope.RIG, "A take stops by a tap again")
class Unlock(Command, frozen=True, kw_only=True):
    pass


@_command("clear-fault", Scope.PLAY, "The trouble has been seen to; go on")
class ClearFault(Command, frozen=True, kw_only=True):
    pass


@_command("clear-clips", Scope.PLAY, "The clips have been seen; from now on only new ones are shown")
class ClearClips(Command, frozen=True, kw_only=True):
    pass


@_command("measure", Scope.RIG, "Measure how fast the take volume is; refused while a take rolls")
class MeasureDisk(Command, frozen=True, kw_only=True):
    pass


@_command(
    "reload", Scope.RIG, "Read the config again and take up what needs no restart, also while a take rolls"
)
class Reload(Command, frozen=True, kw_only=True):
    pass


@_command(
    "shut-down", Scope.RIG, "Close every take and end rigd; with the word power-off the machine goes off, too"
)
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
