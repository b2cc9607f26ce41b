"""The rig's state as everybody sees it: frozen, owned by the controller, drawn by surfaces, CLI and web.

Nothing here is a wish: what was asked for and not yet confirmed is marked as such.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.blackbox import BlackBox
from rigd.model.clips import ChannelClips, TakeClips
from rigd.model.disk_words import Measurement
from rigd.model.gain import (
    GAIN,
    PAD,
    PHANTOM,
    POLARITY,
    Abilities,
    Ability,
    PreampAbility,
    PreampStatus,
)
from rigd.model.messages import CaptureReport
from rigd.model.settings_history import SettingsHistory
from rigd.model.take import ClockState, ClosedFile, GainChange, Gap, Marker, Slate
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns, SettingName, TakeId

OWN_FIELDS = (GAIN, PAD, PHANTOM, POLARITY)
"""Settings that have a field of their own in a Channel."""
WRITER_CURE = "rigd starts it again; see writer.log in the runtime folder"
INTERFACE_NOT_HEARD_YET = "the audio interface is not heard from yet: it is being opened; see: rigd status"
"""A fault only in name: the rig has just begun."""
WRITER_NOT_HEARD_YET = f"the writer is not heard from yet: {WRITER_CURE}"


class Transport(StrEnum):
    """Where the red light stands."""

    OFFLINE = "offline"  # no interface yet: nothing can be recorded
    READY = "ready"  # listening; the past seconds are on the tape
    ROLLING = "rolling"  # a take is being recorded
    POSTROLL = "postroll"  # stop was pressed; the take still takes in the post-roll
    HALTED = "halted"  # a fault stopped recording; it must be cleared


class Setting(Struct, frozen=True, kw_only=True):
    """One setting of a channel's preamp. `value` is the last confirmed one (None: never heard);
    `asked` is what was asked for and not yet confirmed, or None."""

    value: float | None = None
    asked: float | None = None
    confirmed: bool = False


class Channel(Struct, frozen=True, kw_only=True):
    """An input with a name, a source and a gain."""

    number: ChannelNumber
    input: InputNumber
    name: str
    source: str
    armed: bool
    preamp: str = ""
    """[preamp.<name>], or empty: this channel has no controllable preamp."""
    socket: int = 0
    gang: str = ""
    """Channels of one gang get the same gain."""
    ability: PreampAbility | None = None
    """In brief, of its gain."""
    abilities: Abilities = {}
    """What its preamp says that it can do; empty where it has none, or has not said so yet."""
    gain: Setting = Setting()
    pad: Setting = Setting()
    phantom: Setting = Setting()
    polarity: Setting = Setting()
    settings: dict[SettingName, Setting] = {}
    """All the others, by name."""


def setting_of(channel: Channel, name: SettingName) -> Setting:
    """A setting of its preamp, whatever its name."""
    own: Setting = getattr(channel, name) if name in OWN_FIELDS else channel.settings.get(name, Setting())
    return own


def settings_of(channel: Channel) -> dict[SettingName, Setting]:
    """Every setting that its preamp has."""
    return {name: setting_of(channel, name) for name in channel.abilities}


def with_setting(channel: Channel, name: SettingName, setting: Setting) -> Channel:
    """The channel, where that setting is this."""
    if name in OWN_FIELDS:
        return replace(channel, **{name: setting})
    return replace(channel, settings={**channel.settings, name: setting})


def with_abilities(channel: Channel, abilities: Abilities) -> Channel:
    """The channel, now that its preamp can do this. Of what it cannot do any more nothing is known; of what can be
    something else now neither."""
    for name, before in channel.abilities.items():
        if name not in abilities or not _is_alike(before, abilities[name]):
            channel = with_setting(channel, name, Setting())
    settings = {name: setting for name, setting in channel.settings.items() if name in abilities}
    return replace(channel, abilities=abilities, ability=PreampAbility.of(abilities), settings=settings)


def _is_alike(one: Ability, other: Ability) -> bool:
    """A value of the one means the same of the other."""
    return one.kind is other.kind and one.choices == other.choices


class CopyState(StrEnum):
    """How far a take's second copy is."""

    ROLLING = "rolling"  # being written
    WHOLE = "whole"  # closed with every frame, and not compared yet
    INCOMPLETE = "incomplete"  # lacks something that the other copy has; made good after the take
    SAME = "same"  # compared file by file, by SHA-256
    DIFFERS = "differs"  # not the same, and nobody can say which is right


class Copy(Struct, frozen=True, kw_only=True, gc=False):
    """A take's second copy: on the mirror, or, of a take that went on there alone, in the library."""

    folder: str
    state: CopyState
    verified_at: str = ""
    """When it was compared last; empty: not yet."""


class LeftOut(Struct, frozen=True, kw_only=True, gc=False):
    """How many of a take's entries an answer does not tell: the older ones. Its own answer has all of them."""

    markers: int = 0
    gaps: int = 0
    notes: int = 0


class Take(Struct, frozen=True, kw_only=True, gc=False):
    """A take from its order to its close and after. The garbage collector does not walk thousands of them: nothing in
    one leads back to it."""

    take_id: TakeId
    folder: str
    slate: Slate
    first_frame: Frame
    end_frame: Frame | None
    """None while it rolls."""
    started_at: str
    channels: tuple[ChannelNumber, ...]
    markers: tuple[Marker, ...] = ()
    gaps: tuple[Gap, ...] = ()
    xruns: int = 0
    written_frames: int = 0
    durable_frames: int = 0
    closed: bool = False
    recovered: bool = False
    files: tuple[ClosedFile, ...] = ()
    gain_changes: tuple[GainChange, ...] = ()
    """Every change of a preamp setting of its channels while it rolled."""
    slate_ahead: bool = False
    """The slate was changed after the end was told and before the close: the files get it once closed."""
    failure: str = ""
    """Why it could not go on; empty where it simply ended."""
    goes_on_after: TakeId | None = None
    """The failed take that this one takes up without a gap, in a fresh folder."""
    copy: Copy | None = None
    """None where there is no second volume."""
    on_mirror: bool = False
    """The library's volume failed it: `folder` is the mirror's."""
    ordinal: int = 0
    """Its place among the takes of the library, by `rules/ordinals.py`: the last one has the highest."""
    from_blackbox: bool = False
    """Until it is closed: it is put together from the black box, and the writer knows nothing of it."""
    simulated: bool = False
    """Nobody played it: its sound was made up by a simulated interface."""
    kept: bool = False
    """Nobody had pressed record: it was kept from the past."""
    sample_rate_hz: int = 0
    """Of its files; 0: an older rigd noted it in them alone."""
    clips: tuple[TakeClips, ...] = ()
    """Its channels that clipped, once it is closed; take.json has the places."""
    left_out: LeftOut | None = None
    """Only where an answer had no room for all of it (`model/brief.py`)."""


class FalseTake(Struct, frozen=True, kw_only=True):
    """A discarded take on its way to the trash: it waits for its close, and for the end of any recording."""

    take: Take
    asked: bool = False
    """The library has been told to move it."""


class ComingBack(Struct, frozen=True, kw_only=True):
    """A take that undo brings back from the trash: it waits for the end of any recording."""

    take_id: TakeId
    asked: bool = False
    """The library has been told to bring it back."""


class SessionAsked(Struct, frozen=True, kw_only=True):
    """A session that the library is opening; `song` is the song named since, or empty."""

    name: str
    song: str = ""


class Ending(StrEnum):
    """How far the end of rigd has come."""

    NO = "no"
    CLOSING = "closing"  # shut-down was given; takes are being closed
    DONE = "done"  # every take is closed; rigd may end


class Fault(Struct, frozen=True, kw_only=True):
    """Something that needs a person. `what` names the thing and the cure."""

    key: str
    what: str
    since_ns: Ns


class Disk(Struct, frozen=True, kw_only=True):
    """What the take volume can still take, by the writer's word."""

    free_bytes: int
    bytes_per_second: int
    """What a take of the armed channels needs."""
    behind_frames: int
    problem: str = ""
    seconds_left: float | None = None
    """How much more of the rolling take, else of the armed channels, there is room for; None: not known."""
    measured: Measurement | None = None
    """What the volume did in the last trial; None: not tried yet."""
    heard_at_ns: Ns | None = None
    """When the writer reported last."""


class MirrorPhase(StrEnum):
    """How the second volume stands."""

    AWAY = "away"  # not there, not fit, or not yet checked: no take goes to it
    IN_STEP = "in step"  # has what the library has
    BEHIND = "behind"  # does not keep up with a take that rolls
    CUT_LOOSE = "cut loose"  # lacks sound that the library has; it is copied after the take
    CATCHING_UP = "catching up"  # takes are being compared and copied
    IN_CHARGE = "in charge"  # the library's volume failed: takes are on the mirror alone


class Mirror(Struct, frozen=True, kw_only=True):
    """The second volume, by the word of its writer and of who compares the two."""

    root: str
    phase: MirrorPhase = MirrorPhase.AWAY
    free_bytes: int = 0
    behind_frames: int = 0
    open_takes: int = 0
    """That its writer has open."""
    heard_at_ns: Ns | None = None
    """When its writer reported last; None while there is none."""
    problem: str = ""
    to_copy: int = 0
    """Takes that are still to be compared, copied or reported on."""


class SurfaceStatus(Struct, frozen=True, kw_only=True):
    """What is true of a surface's port now."""

    name: str
    kind: str
    connected: bool
    port: str = ""
    detail: str = ""
    """What to do when it is not connected; otherwise what it said of itself."""


def not_reported_yet(name: str, kind: str) -> SurfaceStatus:
    """How a surface or a face stands until it says so itself."""
    return SurfaceStatus(name=name, kind=kind, connected=False, detail="it has not reported anything yet")


class ConfigStanding(Struct, frozen=True, kw_only=True):
    """The config that the rig runs by, and what came of reading it again (`rigd reload`)."""

    path: str
    reads: int = 0
    """So often it was read again since the start, with whatever outcome."""
    reading: bool = False
    taken_up: tuple[str, ...] = ()
    """By the last reading, a line each."""
    waits: tuple[str, ...] = ()
    """What of it waits for a restart of rigd, and why, a line each."""
    faults: tuple[str, ...] = ()
    """Why the last reading changed nothing, in the lines of `rigd check`; empty where it was in order."""
    troubles: tuple[str, ...] = ()
    """Parts that the last reading could not start."""


class RigState(Struct, frozen=True, kw_only=True):
    """All that is true of the rig. `number` is that of the last event it contains."""

    number: int
    transport: Transport
    session: str
    session_folder: str
    song: str
    next_take_number: int
    locked: bool
    sample_rate_hz: int
    channels: tuple[Channel, ...]
    take: Take | None
    """The take that rolls or is in its post-roll."""
    takes: tuple[Take, ...]
    """The session's other takes, oldest first, closing ones among them; no false takes. What a step asks of them it
    asks of their register (`model/takes.py`)."""
    trashed: tuple[TakeId, ...] = ()
    """Discarded in this session, oldest first: what undo brings back from the end."""
    interface: CaptureReport | None = None
    sound_is_simulated: bool | None = None
    """Whether what is on the tape was made up, by the interface that was heard last or a take that was found open.
    None: there was neither since rigd began, and nobody knows whose sound it is."""
    disk: Disk | None = None
    mirror: Mirror | None = None
    """None where [mirror] names no folder."""
    preamps: tuple[PreampStatus, ...] = ()
    surfaces: tuple[SurfaceStatus, ...] = ()
    faults: tuple[Fault, ...] = ()
    discarding: tuple[FalseTake, ...] = ()
    """Discarded and not yet in the trash, oldest first; their ids are among `trashed` unless undone since."""
    discarded_names: tuple[tuple[TakeId, str], ...] = ()
    """What the takes are called that were discarded last, also once they are in the trash. The controller's own: told
    to nobody."""
    coming_back: tuple[ComingBack, ...] = ()
    opening: SessionAsked | None = None
    song_numbers: tuple[tuple[str, int], ...] = ()
    """The next take number of each song of the session that is not the current one."""
    not_ready: str = ""
    """READY, and why a start would be refused all the same; what to do about it."""
    ending: Ending = Ending.NO
    power_off: bool = False
    """The machine is switched off once rigd has ended."""
    unsafe_s: float = 0.0
    """Sound of takes that is on the tape only: what a power cut would cost now."""
    tape_fill: float = 0.0
    """Share of the tape that it takes, 0 to 1; at 1 sound is lost."""
    space_warned_s: float = 0.0
    """The last warning told of how much room is left was that of so many seconds; 0: there is enough."""
    measuring: bool = False
    """The take volume is being tried out."""
    clock: ClockState | None = None
    """What the wall clock is worth; None: not looked at yet."""
    dating_due: bool = False
    """Takes may have to be dated anew, once nothing is recorded."""
    other_build: str = ""
    """Not empty: capture and writer of another build of rigd finish a take, and why their tape is not read."""
    clips: tuple[ChannelClips, ...] = ()
    """Channels that have clipped since that was seen last (clear-clips), in order of their numbers."""
    blackbox: BlackBox | None = None
    """None: there is none, or it was not heard of yet."""
    config: ConfigStanding | None = None
    """None: of a rig of an older build."""
    preamp_history: SettingsHistory | None = None
    """What preamps said lately, for takes that begin in the past. The controller's own: told to nobody."""
    elsewhere: tuple[Take, ...] = ()
    """Takes of other sessions that a command was about lately, newest last. The controller's own: told to nobody."""
    earlier_takes: int = 0
    """Only where an answer had no room for all takes (`model/brief.py`): so many older ones are not told."""


def is_rolling(state: RigState) -> bool:
    """A take is being recorded, or takes in its post-roll."""
    return state.transport in (Transport.ROLLING, Transport.POSTROLL)


def channel_of(state: RigState, number: ChannelNumber) -> Channel | None:
    """The channel of that number, if the rig has it."""
    return next((channel for channel in state.channels if channel.number == number), None)


def first_state(
    *,
    channels: tuple[Channel, ...],
    sample_rate_hz: int,
    locked: bool = False,
    mirror: Mirror | None = None,
    config: ConfigStanding | None = None,
) -> RigState:
    """A rig that has just been configured and has heard of none of its parts yet: two faults say so, which the
    first report of each part clears."""
    return RigState(
        number=0,
        transport=Transport.OFFLINE,
        session="",
        session_folder="",
        song="",
        next_take_number=1,
        locked=locked,
        sample_rate_hz=sample_rate_hz,
        channels=channels,
        take=None,
        takes=(),
        mirror=mirror,
        config=config,
        faults=(
            Fault(key="interface", what=INTERFACE_NOT_HEARD_YET, since_ns=Ns(0)),
            Fault(key="writer", what=WRITER_NOT_HEARD_YET, since_ns=Ns(0)),
        ),
    )
