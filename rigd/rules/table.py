"""The rig's rules as one table: what each input does in each state. Pure.

TRANSPORT has what goes by the state of the transport: a row is an input's class, a column a Transport, and what
cannot be done is a Refuse with its reason. IN_EVERY_STATE has all the rest. The test of the table walks every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from rigd.model import blackbox, library, messages
from rigd.model import commands as c
from rigd.model import inputs as i
from rigd.model.channels import channels_text
from rigd.model.clips import ClipsSeen
from rigd.model.command_text import channels_named
from rigd.model.commands import Accepted, Command, Rejected, Reply
from rigd.model.disk_words import DiskMeasured, TapeWatched
from rigd.model.effects import Effect
from rigd.model.errors import RigError
from rigd.model.events import Event, Happening
from rigd.model.gain import PreampAbilities, PreampSetting, PreampStatus
from rigd.model.inputs import Input, Rules
from rigd.model.state import RigState, SurfaceStatus, Transport
from rigd.model.take import title_of
from rigd.model.units import NS_PER_SECOND
from rigd.rules import (
    arming,
    capture_reports,
    clips,
    config_reload,
    disk_room,
    keep_beyond_tape,
    library_reports,
    mirror_reports,
    preamp_reports,
    preamp_settings,
    slates,
    surface_reports,
    transport,
    trash,
    wall_clock,
    writer_reports,
)
from rigd.rules.mirroring import of_library, route
from rigd.rules.other_build import other_build_found, other_build_gone
from rigd.rules.slates import mark
from rigd.rules.step_work import Entry, Refusal, Work
from rigd.rules.take_orders import note_readiness
from rigd.rules.transport import cut_postroll, keep, next_take, postroll_over, resume, start, stop
from rigd.rules.trash import again

FURTHEST_AHEAD_NS = 2 * NS_PER_SECOND
"""A press further in the future than this has a wrong clock."""


class Step(Struct, frozen=True, kw_only=True):
    """What came of one input. `reply` is None for a fact."""

    state: RigState
    effects: tuple[Effect, ...] = ()
    events: tuple[Event, ...] = ()
    reply: Reply | None = None


class Refuse(Struct, frozen=True):
    """An entry of the table that only says why not."""

    reason: Callable[[RigState], str]

    def __call__(self, work: Work, what: Any) -> str:
        raise Refusal(self.reason(work.state))


def nothing(work: Work, what: Any) -> None:
    """An entry for a fact that no longer matters in this state."""


def _already(state: RigState) -> str:
    return f"{title_of(state.take.slate)} rolls already" if state.take else "a take rolls already"


OFF = Refuse(transport.why_offline)
HALT = Refuse(transport.why_halted)
IDLE = Refuse(lambda state: "no take rolls; start one first")
BUSY = Refuse(_already)
LAST_ONE = Refuse(lambda state: "no take rolls; to throw the last one away: discard")


COLUMNS = (Transport.OFFLINE, Transport.READY, Transport.ROLLING, Transport.POSTROLL, Transport.HALTED)

# fmt: off
TRANSPORT: dict[type, tuple[Entry, ...]] = {
    #                    OFFLINE   READY     ROLLING    POSTROLL      HALTED
    c.StartTake:         (OFF,      start,    BUSY,      resume,       HALT),
    c.ToggleTake:        (OFF,      start,    stop,      resume,       HALT),
    c.StopTake:          (IDLE,     IDLE,     stop,      cut_postroll, IDLE),
    c.NextTake:          (OFF,      start,    next_take, next_take,    HALT),
    c.KeepLast:          (keep,     keep,     keep,      keep,         HALT),
    c.AddMarker:         (IDLE,     IDLE,     mark,      mark,         IDLE),
    c.DiscardAndRestart: (LAST_ONE, LAST_ONE, again,     again,        LAST_ONE),
    i.PostRollOver:      (nothing,  nothing,  nothing,   postroll_over, nothing),
}
# fmt: on

IN_EVERY_STATE: dict[type, Entry] = {
    c.DiscardTake: trash.discard,
    c.Undo: trash.undo,
    c.BringBack: trash.restore,
    c.EmptyTrash: trash.empty,
    c.Arm: arming.arm,
    c.Disarm: arming.disarm,
    c.CircleTake: slates.circle,
    c.NoteTake: slates.note,
    c.RateTake: slates.rate,
    c.RenameTake: slates.rename,
    c.NewSong: slates.new_song,
    c.NewSession: slates.new_session,
    c.ContinueSession: slates.continue_session,
    c.SetNextTakeNumber: slates.set_number,
    c.SetGain: preamp_settings.set_gain,
    c.NudgeGain: preamp_settings.nudge_gain,
    c.SetPad: preamp_settings.set_pad,
    c.SetPhantom: preamp_settings.set_phantom,
    c.SetPolarity: preamp_settings.set_polarity,
    c.SetSetting: preamp_settings.set_setting,
    c.Lock: transport.lock,
    c.Unlock: transport.unlock,
    c.ClearFault: transport.clear_faults,
    c.ClearClips: clips.clear,
    c.ShutDown: transport.shut_down,
    c.MeasureDisk: disk_room.measure,
    c.Reload: config_reload.reload,
    messages.CaptureReport: capture_reports.capture_report,
    i.CaptureLost: capture_reports.capture_lost,
    messages.WriterReport: writer_reports.writer_report,
    i.WriterLost: writer_reports.writer_lost,
    messages.TakeOpened: of_library(writer_reports.take_opened),
    messages.GapWritten: of_library(writer_reports.gap_written),
    messages.XrunNoted: of_library(writer_reports.xrun_noted),
    messages.TakeClosed: of_library(writer_reports.take_closed),
    messages.TakeFailed: of_library(writer_reports.take_failed),
    messages.RetagFailed: of_library(writer_reports.retag_failed),
    i.MirrorSaid: mirror_reports.mirror_said,
    i.MirrorLost: mirror_reports.mirror_lost,
    i.OtherBuildFound: other_build_found,
    i.OtherBuildGone: other_build_gone,
    i.FolderVanished: library_reports.folder_vanished,
    i.TakeAdopted: library_reports.take_adopted,
    i.PortFailed: library_reports.port_failed,
    library.SessionOpened: slates.session_opened,
    library.SheetWritten: library_reports.take_adopted,
    library.TakeOtherwise: library_reports.take_otherwise,
    library.TakeTrashed: trash.trashed,
    library.TakeRestored: trash.restored,
    library.TakeRead: library_reports.take_read,
    library.TrashEmptied: trash.emptied,
    library.LibraryFailed: library_reports.library_failed,
    library.LibraryMended: library_reports.library_mended,
    library.VolumeChecked: mirror_reports.volume_checked,
    library.TakeCompared: mirror_reports.take_compared,
    library.CopiesLeft: mirror_reports.copies_left,
    library.TakesDated: wall_clock.takes_dated,
    i.ConfigTakenUp: config_reload.config_taken_up,
    i.ConfigRead: config_reload.config_read,
    i.ClockSeen: wall_clock.clock_seen,
    PreampAbilities: preamp_reports.preamp_abilities,
    PreampSetting: preamp_reports.setting_told,
    PreampStatus: preamp_reports.preamp_status,
    SurfaceStatus: surface_reports.surface_status,
    TapeWatched: disk_room.tape_watched,
    ClipsSeen: clips.seen,
    DiskMeasured: disk_room.disk_measured,
    blackbox.BlackBox: keep_beyond_tape.blackbox_told,
    blackbox.KeepUnderWay: keep_beyond_tape.keep_under_way,
}
"""What does not go by the transport: whether it can be done, the handler says."""

TABLE: dict[tuple[Transport, type], Entry] = {
    (column, kind): entry
    for kind, entries in TRANSPORT.items()
    for column, entry in zip(COLUMNS, entries, strict=True)
} | {(column, kind): entry for kind, entry in IN_EVERY_STATE.items() for column in COLUMNS}


def step(state: RigState, given: Input, rules: Rules, *, not_allowed: str = "") -> Step:
    """What `given` makes of `state`. Never raises for a command: what cannot be done is a Rejected, is told
    as an event, and leaves everything else as it was. `not_allowed` is why whoever gave the command may not."""
    what = given.what
    origin = what.origin if isinstance(what, Command) else ""
    work = Work(state, given.circumstances, rules, origin)
    try:
        if isinstance(what, Command):
            if not_allowed:
                raise Refusal(not_allowed)
            _check_time(given)
        message = TABLE[state.transport, type(what)](work, what)
        trash.settle(work)
        wall_clock.date_when_idle(work)
        route(work)
        note_readiness(work)
    except RigError as refusal:
        if not isinstance(what, Command):
            raise
        return _refused(state, given, rules, what, f"{_none_of(what)}{refusal}")
    reply: Reply | None = None
    if isinstance(what, Command):
        reply = Accepted(message=message or "", take_id=work.take_id, ended=work.ended)
    return Step(state=work.state, effects=tuple(work.effects), events=tuple(work.events), reply=reply)


def _check_time(given: Input) -> None:
    assert isinstance(given.what, Command)
    at_ns = given.what.at_ns
    if at_ns < 0:
        raise Refusal(
            f"{at_ns} ns is no time: this machine's clock (CLOCK_MONOTONIC) began at 0; it was not done"
        )
    if at_ns > given.circumstances.now_ns + FURTHEST_AHEAD_NS:
        raise Refusal("the time of this command lies in the future; it was not done")


def _none_of(command: Command) -> str:
    """Of several channels none gets what one of them is refused."""
    channels = channels_named(command) or ()
    return f"nothing was changed of channels {channels_text(channels)}: " if len(channels) > 1 else ""


def _refused(state: RigState, given: Input, rules: Rules, command: Command, reason: str) -> Step:
    work = Work(state, given.circumstances, rules, command.origin)
    work.say(Happening.COMMAND_REJECTED, command.verb, f"{command.verb}: {reason}")
    return Step(state=work.state, events=tuple(work.events), reply=Rejected(reason=reason))
