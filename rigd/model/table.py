"""The rig's rules as one table: what each input does in each state. Pure.

A row is an input's class, a column a Transport. What cannot be done is a Refuse with its reason, so that
every pair stands here in so many words; the test of the table walks all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rigd.model import (
    blackbox,
    clock,
    disk,
    interface,
    keeping,
    library,
    messages,
    mirror_reports,
    reports,
    settings,
    slating,
    transport,
    trash,
)
from rigd.model import commands as c
from rigd.model import inputs as i
from rigd.model.commands import Accepted, Command, Rejected, Reply
from rigd.model.disk_facts import DiskMeasured, TapeWatched
from rigd.model.effects import Effect
from rigd.model.errors import RigError
from rigd.model.events import Event, Happening
from rigd.model.gain import PreampSetting, PreampStatus
from rigd.model.inputs import Input, Rules
from rigd.model.mirroring import of_library, route
from rigd.model.slating import mark
from rigd.model.state import RigState, SurfaceStatus, Transport
from rigd.model.transport import cut_postroll, keep, next_take, postroll_over, resume, start, stop
from rigd.model.trash import again
from rigd.model.units import NS_PER_SECOND
from rigd.model.upgrade import other_build_found, other_build_gone
from rigd.model.work import Entry, Refusal, Work, title_of

FURTHEST_AHEAD_NS = 2 * NS_PER_SECOND
"""A press further in the future than this has a wrong clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What came of one input. `reply` is None for a fact."""

    state: RigState
    effects: tuple[Effect, ...] = ()
    events: tuple[Event, ...] = ()
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
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


def _always(entry: Entry) -> tuple[Entry, ...]:
    return (entry,) * len(Transport)


COLUMNS = (Transport.OFFLINE, Transport.READY, Transport.ROLLING, Transport.POSTROLL, Transport.HALTED)

# fmt: off
ROWS: dict[type, tuple[Entry, ...]] = {
    #                    OFFLINE   READY     ROLLING    POSTROLL      HALTED
    c.StartTake:         (OFF,      start,    BUSY,      resume,       HALT),
    c.ToggleTake:        (OFF,      start,    stop,      resume,       HALT),
    c.StopTake:          (IDLE,     IDLE,     stop,      cut_postroll, IDLE),
    c.NextTake:          (OFF,      start,    next_take, next_take,    HALT),
    c.KeepLast:          (keep,     keep,     keep,      keep,         HALT),
    c.AddMarker:         (IDLE,     IDLE,     mark,      mark,         IDLE),
    c.DiscardAndRestart: (LAST_ONE, LAST_ONE, again,     again,        LAST_ONE),
    c.DiscardTake: _always(trash.discard),
    c.Undo: _always(trash.undo),
    c.Arm: _always(slating.arm),
    c.Disarm: _always(slating.disarm),
    c.CircleTake: _always(slating.circle),
    c.NoteTake: _always(slating.note),
    c.RateTake: _always(slating.rate),
    c.RenameTake: _always(slating.rename),
    c.NewSong: _always(slating.new_song),
    c.NewSession: _always(slating.new_session),
    c.ContinueSession: _always(slating.continue_session),
    c.SetNextTakeNumber: _always(slating.set_number),
    c.SetGain: _always(settings.set_gain),
    c.NudgeGain: _always(settings.nudge_gain),
    c.SetPad: _always(settings.set_pad),
    c.SetPhantom: _always(settings.set_phantom),
    c.SetPolarity: _always(settings.set_polarity),
    c.Lock: _always(transport.lock),
    c.Unlock: _always(transport.unlock),
    c.ClearFault: _always(transport.clear_faults),
    c.ShutDown: _always(transport.shut_down),
    c.MeasureDisk: _always(disk.measure),

    messages.CaptureReport: _always(interface.capture_report),
    i.CaptureLost: _always(interface.capture_lost),
    messages.WriterReport: _always(reports.writer_report),
    i.WriterLost: _always(reports.writer_lost),
    messages.TakeOpened: _always(of_library(reports.take_opened)),
    messages.GapWritten: _always(of_library(reports.gap_written)),
    messages.XrunNoted: _always(of_library(reports.xrun_noted)),
    messages.TakeClosed: _always(of_library(reports.take_closed)),
    messages.TakeFailed: _always(of_library(reports.take_failed)),
    messages.RetagFailed: _always(of_library(reports.retag_failed)),
    i.MirrorSaid: _always(mirror_reports.mirror_said),
    i.MirrorLost: _always(mirror_reports.mirror_lost),
    i.OtherBuildFound: _always(other_build_found),
    i.OtherBuildGone: _always(other_build_gone),
    i.FolderVanished: _always(reports.folder_vanished),
    i.PostRollOver:      (nothing,  nothing,  nothing,   postroll_over, nothing),
    i.TakeAdopted: _always(reports.take_adopted),
    i.PortFailed: _always(reports.port_failed),
    library.SessionOpened: _always(slating.session_opened),
    library.SheetWritten: _always(reports.take_adopted),
    library.TakeTrashed: _always(trash.trashed),
    library.TakeRestored: _always(trash.restored),
    library.LibraryFailed: _always(reports.library_failed),
    library.LibraryMended: _always(reports.library_mended),
    library.VolumeChecked: _always(mirror_reports.volume_checked),
    library.TakeCompared: _always(mirror_reports.take_compared),
    library.CopiesLeft: _always(mirror_reports.copies_left),
    library.TakesDated: _always(clock.takes_dated),
    i.ClockSeen: _always(clock.clock_seen),
    PreampSetting: _always(settings.setting_told),
    PreampStatus: _always(settings.preamp_status),
    SurfaceStatus: _always(settings.surface_status),
    TapeWatched: _always(disk.tape_watched),
    DiskMeasured: _always(disk.disk_measured),
    blackbox.BlackBox: _always(keeping.blackbox_told),
    blackbox.KeepUnderWay: _always(keeping.keep_under_way),
}
# fmt: on

TABLE: dict[tuple[Transport, type], Entry] = {
    (column, kind): entry
    for kind, entries in ROWS.items()
    for column, entry in zip(COLUMNS, entries, strict=True)
}


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
        clock.date_when_idle(work)
        route(work)
    except RigError as refusal:
        if not isinstance(what, Command):
            raise
        return _refused(state, given, rules, what, str(refusal))
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


def _refused(state: RigState, given: Input, rules: Rules, command: Command, reason: str) -> Step:
    work = Work(state, given.circumstances, rules, command.origin)
    work.say(Happening.COMMAND_REJECTED, command.verb, f"{command.verb}: {reason}")
    return Step(state=work.state, events=tuple(work.events), reply=Rejected(reason=reason))
