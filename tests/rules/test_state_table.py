"""The table of states and inputs: every pair is there, and every pair leaves a legal state behind."""

from __future__ import annotations

import itertools
from typing import Any, get_args, get_type_hints

import pytest
from msgspec.structs import replace

from rigd.model.blackbox import BlackBox, KeepUnderWay
from rigd.model.clips import ClipsSeen
from rigd.model.command_text import parse_command
from rigd.model.commands import COMMANDS, Accepted, Command, Rejected
from rigd.model.disk_words import DiskMeasured, TapeWatched
from rigd.model.gain import PAD, Ability, PreampAbilities, PreampSetting, PreampStatus, SettingKind
from rigd.model.inputs import (
    CaptureLost,
    ClockReading,
    ClockSeen,
    ConfigRead,
    ConfigTakenUp,
    Fact,
    FolderVanished,
    Input,
    MirrorLost,
    MirrorSaid,
    OtherBuildFound,
    OtherBuildGone,
    PortFailed,
    PostRollOver,
    TakeAdopted,
    WriterLost,
)
from rigd.model.library import (
    CopiesLeft,
    LibraryFact,
    LibraryFailed,
    LibraryMended,
    SheetWritten,
    TakeCompared,
    TakeOtherwise,
    TakeRead,
    TakeRestored,
    TakesDated,
    TakeTrashed,
    TrashEmptied,
    VolumeChecked,
    WhichVolume,
)
from rigd.model.messages import (
    CapturePhase,
    GapWritten,
    RetagFailed,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    TakeProgress,
    WriterReport,
    XrunNoted,
)
from rigd.model.state import Copy, CopyState, RigState, SurfaceStatus, Take, Transport
from rigd.model.take import ClockState, Gap, GapCause, Xrun
from rigd.model.units import Frame, InputNumber, Ns, Origin, TakeId
from rigd.rules.mirroring import on_mirror
from rigd.rules.step_work import hears
from rigd.rules.table import COLUMNS, IN_EVERY_STATE, TABLE, TRANSPORT, step
from tests.support.desk import (
    LISTENING,
    OPENED,
    QUICK_DISK,
    RATE_HZ,
    VOLUMES,
    WRITER_IDLE,
    Desk,
    frame,
    ns,
    orders,
    some_command,
)


def desk_in(transport: Transport, *, mirror: bool = False) -> Desk:
    """A rig that got into this state by itself, with one kept, one false and one closing take behind it."""
    desk = Desk(postroll_s=0.0, mirror=mirror)
    desk.kept_take()
    desk.kept_take()
    desk.ok("discard")
    desk.ok("start")
    desk.now_s += 5
    desk.ok("next")
    desk.now_s += 5
    match transport:
        case Transport.READY:
            desk.ok("stop")
        case Transport.POSTROLL:
            desk.rules = replace(desk.rules, postroll_s=3.0)
            desk.ok("stop")
            desk.now_s += 1
        case Transport.HALTED:
            desk.hear(MirrorSaid(fact=failed(desk.take)))
            desk.hear(failed(desk.take))
            if mirror:  # the rest went on there, as a take of its own
                desk.hear(MirrorSaid(fact=failed(desk.take)))
        case Transport.OFFLINE:
            desk.ok("stop")
            desk.hear(CaptureLost(reason="unplugged"))
    assert desk.state.transport is transport
    return desk


def failed(take: Take) -> TakeFailed:
    return TakeFailed(
        take_id=take.take_id,
        folder=take.folder,
        frames_kept=4800,
        reason="no space left",
        disk_full=True,
    )


def facts(desk: Desk) -> list[Any]:
    """At least one of every kind, for the current take, the last one, a discarded one and an unknown one."""
    order = orders(desk)[-1]
    unknown = replace(order, take_id=TakeId("f" * 32), folder="/takes/elsewhere/Take 001")
    unknown_take = replace(desk.state.takes[-1], take_id=unknown.take_id, closed=True)
    gap = Gap(at_frame=frame(desk.now_s), length_frames=480, cause=GapCause.OVERFLOW, exact=True)
    found: list[Any] = [
        LISTENING,
        replace(LISTENING, phase=CapturePhase.OPENING),
        replace(LISTENING, phase=CapturePhase.FAILED, failure="no such device"),
        replace(LISTENING, sample_rate_hz=44_100),
        CaptureLost(reason="unplugged"),
        OtherBuildFound(reason="layout 9"),
        OtherBuildGone(),
        FolderVanished(reason="it is gone"),
        WRITER_IDLE,
        replace(WRITER_IDLE, problem="read-only"),
        WriterLost(reason="killed"),
        OPENED,
        LibraryFailed(doing="open session", subject="x", reason="no space"),
        LibraryMended(doing="write session"),
        ConfigTakenUp(rules=desk.rules, channels=desk.state.channels, exchanged=("desk",), preamps=("desk",)),
        ConfigRead(taken_up=("rig.name",), waits=("audio.channels 8 -> 16",)),
        ConfigRead(faults=("rig.toml:3: not TOML",)),
        TakeAdopted(take=unknown_take),
        SheetWritten(take=unknown_take),
        TakeOtherwise(take=unknown_take, believed=unknown_take),
        TakeRestored(take=unknown_take),
        TakeRead(take=unknown_take),
        TrashEmptied(takes=(unknown_take.take_id,), size_bytes=1),
        PortFailed(port="library", doing="write", reason="broke"),
        PreampAbilities(preamp="desk", abilities={1: {PAD: Ability(kind=SettingKind.SWITCH)}}),
        PreampSetting(preamp="desk", socket=1, name="gain", value=12.0, confirmed=True, at_ns=Ns(1)),
        PreampSetting(preamp="desk", socket=1, name="pad", value=0.0, confirmed=False, at_ns=Ns(1)),
        PreampStatus(name="desk", kind="x32", answering=False),
        SurfaceStatus(name="pedal", kind="midi", connected=True),
        ClipsSeen(at_frame=Frame(5), samples=((InputNumber(1), 3),)),
        TapeWatched(unsafe_s=9.0, waiting_s=9.0, tape_fill=0.2, owed_fill=0.2),
        TapeWatched(unsafe_s=0.0, waiting_s=0.0, tape_fill=0.0, owed_fill=0.0),
        DiskMeasured(measurement=None),
        DiskMeasured(measurement=replace(QUICK_DISK, bytes_per_second=1)),
        replace(WRITER_IDLE, free_bytes=100_000_000),
        BlackBox(
            minutes=40.0,
            tape_id="a",
            oldest_frame=-5 * RATE_HZ,
            newest_frame=frame(99.0),
            tape_to=frame(desk.now_s),
        ),
        BlackBox(
            minutes=40.0,
            tape_id="a",
            oldest_frame=None,
            newest_frame=None,
            tape_to=Frame(0),
            problem="no room",
        ),
        KeepUnderWay(order=replace(unknown, end_frame=Frame(unknown.first_frame + 4800))),
    ]
    progress = TakeProgress(order=order, written_frames=1, durable_frames=1, gaps=(gap,))
    for open_takes in ((progress,), (replace(progress, order=unknown),)):
        found.append(replace(WRITER_IDLE, open_takes=open_takes))
        found.append(replace(WRITER_IDLE, open_takes=tuple(_ended(p) for p in open_takes)))
    known = [desk.state.take, desk.state.takes[0], desk.state.takes[-1], desk.state.discarding[0].take]
    for take in (*(take for take in known if take is not None), unknown_take):
        found += [
            TakeOpened(take_id=take.take_id, first_frame=Frame(take.first_frame + 100)),
            GapWritten(take_id=take.take_id, gap=gap),
            XrunNoted(take_id=take.take_id, xrun=Xrun(at_frame=gap.at_frame)),
            TakeClosed(take_id=take.take_id, folder=take.folder, frames=4800, files=()),
            TakeClosed(take_id=take.take_id, folder=take.folder, frames=4800, files=(), recovered=True),
            failed(take),
            replace(failed(take), disk_full=False),
            replace(failed(take), disk_full=False, frames_kept=0),
            RetagFailed(take_id=take.take_id, reason="busy"),
            PostRollOver(take_id=take.take_id),
            TakeAdopted(take=_closed(take)),
            SheetWritten(take=_closed(take)),
            TakeOtherwise(take=_closed(take), believed=replace(_closed(take), xruns=3)),
            TakeTrashed(take_id=take.take_id, folder="/takes/trash"),
            TakeRestored(take=_closed(take)),
            LibraryFailed(doing="discard", subject=take.take_id, reason="no"),
            LibraryFailed(doing="restore", subject=take.take_id, reason="no"),
        ]
        copy = Copy(folder="/mnt/mirror/x/y/z", state=CopyState.SAME)
        for state in (CopyState.SAME, CopyState.INCOMPLETE, CopyState.DIFFERS):
            compared = TakeCompared(take=replace(_closed(take), copy=replace(copy, state=state)))
            found.append(compared)
    said = [MirrorSaid(fact=_there(fact)) for fact in found if type(fact) in OF_A_WRITER]
    late = replace(WRITER_IDLE, open_takes=(replace(progress, whole=False),), behind_frames=10**6)
    return [
        *found,
        *said,
        MirrorSaid(fact=_there(late)),
        MirrorLost(reason="killed"),
        *(VolumeChecked(volume=volume, problem=why) for volume in WhichVolume for why in ("", "read-only")),
        *(
            ClockSeen(
                reading=ClockReading(unix_ns=1_800_000_000 * 10**9, boottime_ns=1, boot_id="b", state=state),
                jumped_s=jumped_s,
            )
            for state in ClockState
            for jumped_s in (0.0, 3600.0, -9e6)
        ),
        *(
            TakesDated(takes=takes, opened=opened, left=left)
            for takes in ((), (unknown_take,), desk.state.takes[-1:])
            for opened in (None, OPENED)
            for left in (False, True)
        ),
        *(CopiesLeft(count=count, problem=why) for count in (0, 2) for why in ("", "no room")),
    ]


OF_A_WRITER = get_args(get_type_hints(MirrorSaid)["fact"])


def _there(fact: Any) -> Any:
    """As the mirror's writer says it."""
    if isinstance(fact, WriterReport):
        takes = (
            replace(each, order=replace(each.order, folder=on_mirror(VOLUMES, each.order.folder)))
            for each in fact.open_takes
        )
        return replace(fact, open_takes=tuple(takes))
    if not hasattr(fact, "folder"):
        return fact
    return replace(fact, folder=on_mirror(VOLUMES, fact.folder))


def _closed(take: Take) -> Take:
    return replace(take, closed=True, end_frame=Frame(take.first_frame + 4800))


def _ended(progress: TakeProgress) -> TakeProgress:
    return replace(progress, order=replace(progress.order, end_frame=Frame(progress.order.first_frame + 9)))


def commands(desk: Desk) -> list[Command]:
    """Every verb, pressed now, late, before anything began and far ahead; held and not; named takes."""
    now, found = desk.now_s, []
    for verb, held in itertools.product(COMMANDS, (False, True)):
        for at in (now, now - 0.5, now - 90.0, now + 0.01, now + 3600):
            found.append(parse_command(some_command(verb), origin=Origin("t"), at_ns=ns(at), held=held))
    for verb in ("discard", "circle"):
        for take_id in (desk.state.takes[0].take_id, desk.state.discarding[0].take.take_id, "nonsense"):
            found.append(parse_command(f"{verb} {take_id}", origin=Origin("t"), at_ns=ns(now)))
    for text in ("arm 99", "disarm 2", "gain 99 1", "gain 4 1", "gain 1 900", "phantom 1 on", "pad 1 on"):
        found.append(parse_command(text, origin=Origin("t"), at_ns=ns(now)))
    return found


def check(state: RigState) -> None:
    """What is true of every legal state."""
    rolling = state.transport in (Transport.ROLLING, Transport.POSTROLL)
    assert (state.take is not None) is rolling
    if state.take is not None:
        assert (state.take.end_frame is None) is (state.transport is Transport.ROLLING)
        assert not state.take.closed
    if state.transport is Transport.READY:
        assert hears(state)
    if state.transport is Transport.OFFLINE:
        assert not hears(state)
    current = [state.take] if state.take else []
    every = [*current, *state.takes, *(false.take for false in state.discarding)]
    assert len({take.take_id for take in every}) == len(every), "a take is in two places"
    for take in every:
        assert take.end_frame is None or take.end_frame >= take.first_frame
    assert all(take.end_frame is not None for take in state.takes)
    assert not any(take.slate.false_take for take in state.takes)
    assert len(set(state.trashed)) == len(state.trashed)
    assert state.next_take_number >= 1
    assert len({fault.key for fault in state.faults}) == len(state.faults)
    if state.transport is Transport.HALTED:
        assert state.faults
    for take in every:
        assert take.copy is None or take.copy.folder != take.folder, "both copies in one place"
        if take.on_mirror:
            assert state.mirror is not None


def test_every_command_and_every_fact_has_a_row_with_an_entry_for_every_state() -> None:
    kinds = {*COMMANDS.values(), *get_args(Fact), *get_args(LibraryFact)}
    assert set(TRANSPORT) | set(IN_EVERY_STATE) == kinds
    assert not set(TRANSPORT) & set(IN_EVERY_STATE)
    assert set(COLUMNS) == set(Transport) and len(COLUMNS) == len(Transport)
    assert set(TABLE) == set(itertools.product(Transport, kinds))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("transport", list(Transport))
def test_every_command_in_every_state_is_answered_and_leaves_a_legal_state(
    transport: Transport, mirror: bool
) -> None:
    desk = desk_in(transport, mirror=mirror)
    check(desk.state)
    seen = set()
    for command in commands(desk):
        given = Input(what=command, circumstances=desk.circumstances(command.at_ns))
        result = step(desk.state, given, desk.rules)
        check(result.state)
        assert isinstance(result.reply, Accepted | Rejected), command
        if isinstance(result.reply, Rejected):
            assert result.reply.reason
            assert not result.effects
            assert result.state == replace(desk.state, number=desk.state.number + 1)
        assert [event.number for event in result.events] == list(
            range(desk.state.number + 1, result.state.number + 1)
        )
        assert all(event.origin == "t" for event in result.events)
        seen.add(type(command))
    assert seen == set(COMMANDS.values())


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("transport", list(Transport))
def test_every_fact_in_every_state_leaves_a_legal_state(transport: Transport, mirror: bool) -> None:
    desk = desk_in(transport, mirror=mirror)
    seen = set()
    for fact in facts(desk):
        given = Input(what=fact, circumstances=desk.circumstances(ns(desk.now_s)))
        result = step(desk.state, given, desk.rules)
        check(result.state)
        assert result.reply is None
        seen.add(type(fact))
    assert seen == {*get_args(Fact), *get_args(LibraryFact)}


@pytest.mark.slow
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("transport", list(Transport))
def test_every_pair_of_inputs_in_every_state_leaves_a_legal_state(transport: Transport, mirror: bool) -> None:
    """Two deep: what one input leaves behind must be fit for every other."""
    desk = desk_in(transport, mirror=mirror)
    now = desk.now_s
    plain = [parse_command(some_command(v), origin=Origin("t"), at_ns=ns(now)) for v in COMMANDS]
    inputs: list[Any] = [*plain, *facts(desk)]
    left_behind: list[RigState] = []
    """Of those that differ in nothing but their number, one."""
    for first in inputs:
        first_at = first.at_ns if isinstance(first, Command) else ns(now)
        given = Input(what=first, circumstances=desk.circumstances(first_at))
        between = replace(step(desk.state, given, desk.rules).state, number=desk.state.number)
        if between not in left_behind:
            left_behind.append(between)
    assert len(left_behind) > len(inputs) // 4
    for between in left_behind:
        for second in inputs:
            second_at = second.at_ns if isinstance(second, Command) else ns(now)
            circumstances = desk.circumstances(second_at + 1_000_000)
            check(step(between, Input(what=second, circumstances=circumstances), desk.rules).state)


@pytest.mark.parametrize("transport", list(Transport))
def test_without_a_tape_every_command_is_still_answered(transport: Transport) -> None:
    desk = desk_in(transport)
    for verb in COMMANDS:
        command = parse_command(some_command(verb), origin=Origin("t"), at_ns=ns(desk.now_s))
        nowhere = replace(desk.circumstances(command.at_ns), at_frame=None, tape_from=None, tape_to=None)
        result = step(desk.state, Input(what=command, circumstances=nowhere), desk.rules)
        assert result.reply is not None
        check(result.state)
