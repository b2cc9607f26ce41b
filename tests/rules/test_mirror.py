"""The second volume: what it is told, when it takes over, and that it never touches the library's copy."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigd.model.blackbox import BlackBox
from rigd.model.effects import CheckVolume, SendToMirror
from rigd.model.events import Happening
from rigd.model.inputs import MirrorLost, MirrorSaid
from rigd.model.library import CopiesLeft, TakeCompared, VolumeChecked, WhichVolume
from rigd.model.messages import (
    Annotate,
    EndTake,
    GapWritten,
    KeepFirm,
    OpenTake,
    Retag,
    TakeClosed,
    TakeFailed,
    TakeProgress,
    WriterReport,
)
from rigd.model.state import Copy, CopyState, MirrorPhase, Take, Transport
from rigd.model.take import Gap, GapCause, TakeOrder
from rigd.model.units import Frame, TakeId
from rigd.rules.mirroring import may_copy
from tests.support.desk import RATE_HZ, WRITER_IDLE, Desk, frame


def phase(desk: Desk) -> MirrorPhase:
    assert desk.state.mirror is not None
    return desk.state.mirror.phase


def fault(desk: Desk) -> str:
    return next((fault.what for fault in desk.state.faults if fault.key == "mirror"), "")


def order_of(desk: Desk, take: Take) -> TakeOrder:
    orders = [message.order for message in (*desk.told(OpenTake), *desk.mirror_told(OpenTake))]
    found: TakeOrder = next(order for order in orders if order.take_id == take.take_id)
    return found


def mirror_report(desk: Desk, *, behind_s: float = 0.0, whole: bool = True, **more: Any) -> MirrorSaid:
    """A report of the mirror's writer with the take that rolls, if one does."""
    takes: tuple[TakeProgress, ...] = ()
    if desk.state.take is not None:
        order = replace(order_of(desk, desk.take), end_frame=desk.take.end_frame)
        takes = (TakeProgress(order=order, written_frames=480, durable_frames=480, whole=whole),)
    report = WriterReport(
        open_takes=takes, free_bytes=10**12, bytes_per_second=1, behind_frames=round(behind_s * RATE_HZ)
    )
    return MirrorSaid(fact=replace(report, **more))


def disk_failed(take: Take, *, kept: int = 4800) -> TakeFailed:
    return TakeFailed(
        take_id=take.take_id, folder=take.folder, frames_kept=kept, reason="no space left", disk_full=True
    )


def rolling_desk() -> Desk:
    desk = Desk(mirror=True)
    assert phase(desk) is MirrorPhase.IN_STEP
    desk.ok("start")
    desk.now_s += 3
    return desk


def test_every_order_of_a_take_goes_to_both_volumes_with_the_folder_of_each() -> None:
    desk = rolling_desk()
    desk.ok("mark here")
    desk.ok("note loud")
    desk.ok("stop")
    (ours,), (theirs,) = desk.told(OpenTake), desk.mirror_told(OpenTake)
    assert ours.order.folder == "/takes/2023-11-14 Rehearsal/Waltz/Take 001"
    assert theirs.order.folder == "/mnt/mirror/2023-11-14 Rehearsal/Waltz/Take 001"
    assert replace(theirs.order, folder=ours.order.folder) == ours.order
    for kind in (EndTake, Annotate):
        assert desk.told(kind) == desk.mirror_told(kind) != []


def test_a_new_slate_goes_to_both_copies_of_a_closed_take() -> None:
    desk = Desk(mirror=True)
    take = desk.kept_take()
    desk.hear(MirrorSaid(fact=TakeClosed(take_id=take.take_id, folder="/x", frames=1, files=())))
    desk.ok("circle")
    assert [message.folder for message in desk.told(Retag)] == [take.folder]
    assert take.copy is not None
    assert [message.folder for message in desk.mirror_told(Retag)] == [take.copy.folder]


def test_a_mirror_that_was_not_checked_yet_gets_no_take() -> None:
    desk = Desk(mirror=True)
    desk.hear(MirrorLost(reason="killed"))
    assert phase(desk) is MirrorPhase.AWAY and fault(desk)
    desk.ok("start")
    assert not desk.done(SendToMirror)
    assert desk.take.copy is not None and desk.take.copy.state is CopyState.INCOMPLETE
    desk.ok("stop")
    desk.hear(MirrorSaid(fact=WRITER_IDLE))
    assert desk.done(CheckVolume) == [CheckVolume(volume=WhichVolume.MIRROR)]
    desk.hear(VolumeChecked(volume=WhichVolume.MIRROR, problem="read-only"))
    assert phase(desk) is MirrorPhase.AWAY and "read-only" in fault(desk)
    desk.hear(MirrorSaid(fact=WRITER_IDLE))
    desk.hear(VolumeChecked(volume=WhichVolume.MIRROR))
    assert phase(desk) is MirrorPhase.IN_STEP and not fault(desk)


def test_a_take_that_the_library_volume_fails_goes_on_on_the_mirror_as_the_same_take() -> None:
    desk = rolling_desk()
    before = desk.take
    desk.hear(mirror_report(desk))
    desk.events.clear()
    desk.hear(disk_failed(before))
    assert desk.stands(Transport.ROLLING)
    assert desk.take.take_id == before.take_id and desk.take.on_mirror
    assert desk.take.folder == "/mnt/mirror/2023-11-14 Rehearsal/Waltz/Take 001"
    assert desk.mirror_told(KeepFirm) == [KeepFirm(take_id=before.take_id)]
    assert phase(desk) is MirrorPhase.IN_CHARGE
    assert "take 1 goes on on the mirror" in fault(desk) and "no space left" in fault(desk)
    assert desk.happened() == [Happening.MIRROR_CHANGED, Happening.FAULT_RAISED]
    desk.now_s += 3
    ended_before = desk.told(EndTake)
    desk.ok("stop")
    assert desk.told(EndTake) == ended_before
    assert [message.take_id for message in desk.mirror_told(EndTake)] == [before.take_id]
    taken = desk.state.takes[-1]
    frames = (taken.end_frame or 0) - taken.first_frame
    closed = TakeClosed(take_id=taken.take_id, folder=taken.folder, frames=frames, files=())
    desk.hear(disk_failed(before))  # said twice
    desk.hear(TakeClosed(take_id=taken.take_id, folder=before.folder, frames=4800, files=(), recovered=True))
    assert not desk.state.takes[-1].closed, "the library's copy says nothing of it any more"
    desk.hear(MirrorSaid(fact=closed))
    taken = desk.state.takes[-1]
    assert taken.closed and taken.durable_frames == frames and taken.on_mirror
    assert desk.stands(Transport.READY)


def lacking_desk(lacking: int) -> Desk:
    """The mirror's copy of the take that rolls lacks something, told in one of three ways."""
    desk = rolling_desk()
    gap = Gap(at_frame=Frame(1), length_frames=9, cause=GapCause.OVERWRITTEN, exact=True)
    facts = (
        mirror_report(desk, whole=False),
        MirrorSaid(fact=GapWritten(take_id=desk.take.take_id, gap=gap)),
        MirrorSaid(fact=disk_failed(desk.take)),
    )
    desk.hear(facts[lacking])
    assert phase(desk) is MirrorPhase.CUT_LOOSE and fault(desk)
    assert desk.stands(Transport.ROLLING)
    return desk


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_without_a_whole_copy_the_rest_of_a_failed_take_goes_on_on_the_mirror(lacking: int) -> None:
    desk = lacking_desk(lacking)
    failed = desk.take
    desk.hear(disk_failed(failed))
    assert desk.stands(Transport.ROLLING) and phase(desk) is MirrorPhase.IN_CHARGE
    assert desk.state.takes[-1].failure == "no space left"
    assert desk.take.on_mirror and desk.take.first_frame == failed.first_frame + 4800
    assert [message.order.take_id for message in desk.told(OpenTake)] == [failed.take_id]
    (end,) = desk.mirror_told(EndTake)
    assert (end.take_id, end.end_frame) == (failed.take_id, desk.take.first_frame)
    assert desk.mirror_told(KeepFirm)[-1].take_id == desk.take.take_id
    desk.hear(MirrorSaid(fact=disk_failed(desk.take)))  # the mirror has no room for it either
    assert desk.stands(Transport.HALTED)


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_without_a_whole_copy_and_room_a_failed_take_halts_the_rig_as_without_a_mirror(lacking: int) -> None:
    desk = lacking_desk(lacking)
    desk.hear(mirror_report(desk, whole=False, free_bytes=1_000_000))
    desk.hear(disk_failed(desk.take))
    assert desk.stands(Transport.HALTED)
    assert desk.state.takes[-1].failure == "no space left"
    assert len(desk.mirror_told(EndTake)) == 1, "the mirror's copy would else roll for ever"


@pytest.mark.parametrize("rolls", [True, False])
def test_a_copy_that_an_earlier_daemon_could_not_end_any_more_is_ended(rolls: bool) -> None:
    """The library's copy had failed and this one lacks something; or another take rolls by now."""
    before = rolling_desk()
    left = mirror_report(before, whole=rolls)
    desk = Desk(mirror=True)
    if rolls:
        desk.next_ids_from(500)
        desk.ok("start")
    desk.now_s += 3
    desk.hear(left)
    (end,) = desk.mirror_told(EndTake)
    assert end.take_id == before.take.take_id
    assert end.end_frame == (desk.take.first_frame + 1 if rolls else frame(desk.now_s))


def test_while_the_mirror_is_in_charge_a_keep_beyond_the_tape_is_refused_with_the_reason() -> None:
    desk = rolling_desk()
    desk.hear(disk_failed(desk.take))
    assert phase(desk) is MirrorPhase.IN_CHARGE
    desk.hear(
        BlackBox(
            minutes=40, tape_id="tape", oldest_frame=-10_000_000, newest_frame=frame(99), tape_to=frame(100)
        )
    )
    refused = desk.no("keep 10m", at=99.5)
    assert "whose volume is away" in refused and "can be kept on the mirror now" in refused
    desk.ok("keep 5", at=99.6)
    assert desk.mirror_told(OpenTake)[-1].order.folder.startswith("/mnt/mirror/")


def test_while_the_mirror_is_in_charge_new_takes_go_there_alone_until_the_library_was_checked() -> None:
    desk = rolling_desk()
    desk.hear(disk_failed(desk.take))
    desk.ok("next")
    assert len(desk.told(OpenTake)) == 1
    second = desk.mirror_told(OpenTake)[-1].order
    assert second.folder == desk.take.folder == "/mnt/mirror/2023-11-14 Rehearsal/Waltz/Take 002"
    assert desk.mirror_told(KeepFirm)[-1].take_id == second.take_id
    desk.hear(WRITER_IDLE)
    assert not desk.done(CheckVolume), "nothing is checked while a take rolls"
    desk.now_s += 3
    desk.ok("stop")
    for take in desk.state.takes:
        desk.hear(MirrorSaid(fact=TakeClosed(take_id=take.take_id, folder=take.folder, frames=9, files=())))
    desk.hear(replace(WRITER_IDLE, free_bytes=10_000_000))
    desk.hear(replace(WRITER_IDLE, problem="read-only"))
    assert not desk.done(CheckVolume), "neither room nor right to write yet"
    desk.hear(WRITER_IDLE)
    assert desk.done(CheckVolume) == [CheckVolume(volume=WhichVolume.LIBRARY)]
    assert not may_copy(desk.state)
    desk.hear(VolumeChecked(volume=WhichVolume.LIBRARY, problem="another disk"))
    assert phase(desk) is MirrorPhase.IN_CHARGE and "another disk" in fault(desk)
    desk.hear(VolumeChecked(volume=WhichVolume.LIBRARY))
    assert phase(desk) is MirrorPhase.IN_STEP and not fault(desk)
    assert may_copy(desk.state)
    desk.ok("start")
    assert len(desk.told(OpenTake)) == 2


def test_a_take_that_was_completed_from_the_mirror_is_in_the_library_again() -> None:
    desk = rolling_desk()
    here = desk.take.folder
    desk.hear(disk_failed(desk.take))
    desk.ok("stop")
    there = desk.state.takes[-1].folder
    desk.hear(
        MirrorSaid(fact=TakeClosed(take_id=desk.state.takes[-1].take_id, folder=there, frames=9, files=()))
    )
    same = Copy(folder=there, state=CopyState.SAME, verified_at="2023")
    desk.hear(TakeCompared(take=replace(desk.state.takes[-1], folder=here, copy=same, on_mirror=False)))
    take = desk.state.takes[-1]
    assert (take.folder, take.on_mirror, take.copy) == (here, False, same)


def test_a_take_that_an_earlier_daemon_left_on_the_mirror_alone_is_in_the_list_once_it_was_compared() -> None:
    desk = Desk(mirror=True)
    before = desk.kept_take()
    alone = replace(
        before,
        take_id=TakeId("e" * 32),
        folder="/mnt/mirror/2023-11-14 Rehearsal/Waltz/Take 009",
        on_mirror=True,
    )
    elsewhere = replace(alone, take_id=TakeId("d" * 32), folder="/mnt/mirror/2022 Other/Waltz/Take 001")
    for take in (alone, elsewhere):
        desk.hear(TakeCompared(take=take, reason="no room"))
    assert [take.take_id for take in desk.state.takes] == [before.take_id, alone.take_id]


def test_a_disk_that_is_not_fit_is_stood_in_for_by_the_mirror() -> None:
    for unfit in (replace(WRITER_IDLE, problem="read-only"), replace(WRITER_IDLE, free_bytes=1)):
        desk = Desk(mirror=True)
        desk.hear(unfit)
        desk.ok("start")
        assert desk.take.on_mirror and not desk.told(OpenTake)
        assert phase(desk) is MirrorPhase.IN_CHARGE
        desk = Desk(mirror=True)
        desk.hear(unfit)
        desk.hear(mirror_report(desk, free_bytes=1))
        assert "disk" in desk.no("start"), "neither volume is fit"


@pytest.mark.parametrize("speed", [0.25, 0.0])
def test_a_mirror_that_lags_is_degraded_within_5_s_and_told_once(speed: float) -> None:
    desk = rolling_desk()
    desk.hear(mirror_report(desk, behind_s=0.5))
    desk.events.clear()
    lagged = 0.0
    seen_after = None
    for second in range(1, 40):
        desk.now_s += 1
        lagged += 1 - speed
        desk.hear(replace(WRITER_IDLE, open_takes=()))
        if speed:  # one that stands still says nothing at all
            desk.hear(mirror_report(desk, behind_s=0.5 + lagged))
        if seen_after is None and phase(desk) is MirrorPhase.BEHIND:
            seen_after = second
    assert seen_after is not None and seen_after <= 5
    assert desk.happened().count(Happening.FAULT_RAISED) == 1
    assert desk.stands(Transport.ROLLING) and not desk.take.gaps and not desk.take.on_mirror
    assert not [event for event in desk.events if event.what is Happening.GAP_FOUND]


def test_a_mirror_that_was_cut_loose_is_in_step_again_once_its_copy_was_made_good() -> None:
    desk = rolling_desk()
    desk.hear(mirror_report(desk, whole=False))
    assert "cut loose" in fault(desk)
    desk.hear(CopiesLeft(count=0))
    assert phase(desk) is MirrorPhase.CUT_LOOSE
    desk.ok("stop")
    desk.close(desk.state.takes[-1])
    assert not may_copy(desk.state), "its writer still has the take open"
    desk.hear(MirrorSaid(fact=WRITER_IDLE))
    assert may_copy(desk.state)
    desk.hear(CopiesLeft(count=1))
    take = desk.state.takes[-1]
    assert take.copy is not None and phase(desk) is MirrorPhase.CUT_LOOSE
    good = replace(take.copy, state=CopyState.SAME, verified_at="2023")
    desk.hear(TakeCompared(take=replace(take, copy=good)))
    desk.hear(CopiesLeft(count=0))
    assert phase(desk) is MirrorPhase.IN_STEP and not fault(desk)


def test_copies_that_differ_are_a_fault_that_names_what_differs() -> None:
    desk = Desk(mirror=True)
    take = desk.kept_take()
    assert take.copy is not None
    odd = replace(take.copy, state=CopyState.DIFFERS)
    what = 'channel 1 "Kick" (01.wav)'
    desk.hear(TakeCompared(take=replace(take, copy=odd), reason=what))
    (raised,) = [each for each in desk.state.faults if each.key.startswith("copies")]
    assert what in raised.what and "rigd takes verify" in raised.what


def test_a_new_daemon_takes_up_a_take_that_rolls_on_the_mirror_alone() -> None:
    old = rolling_desk()
    old.hear(disk_failed(old.take))
    report = mirror_report(old)
    desk = Desk(mirror=True, ready=False)
    desk.hear(report)
    assert desk.state.take is None, "the library's writer may still say that it has it"
    fresh = Desk(mirror=True)
    fresh.hear(report)
    assert fresh.take.take_id == old.take.take_id and fresh.take.on_mirror
    assert phase(fresh) is MirrorPhase.IN_CHARGE


def test_a_new_daemon_ends_both_copies_of_a_take_that_an_earlier_one_began() -> None:
    old = rolling_desk()
    order = order_of(old, old.take)
    desk = Desk(mirror=True)
    desk.now_s = old.now_s
    progress = TakeProgress(order=order, written_frames=480, durable_frames=480)
    desk.hear(replace(WRITER_IDLE, open_takes=(progress,)))
    there = replace(order, folder="/mnt/mirror/2023-11-14 Rehearsal/Waltz/Take 001")
    theirs = MirrorSaid(fact=replace(WRITER_IDLE, open_takes=(replace(progress, order=there),)))
    desk.hear(theirs)
    assert desk.take.copy == Copy(folder=there.folder, state=CopyState.ROLLING)
    desk.now_s += 3
    desk.ok("stop")
    (told,) = desk.mirror_told(EndTake)
    assert told == desk.told(EndTake)[0]
    desk.hear(theirs)
    assert desk.mirror_told(EndTake) == [told, told], "said again where it was not heard"


def test_while_the_mirror_is_in_charge_the_room_that_is_told_is_that_of_the_mirror() -> None:
    desk = rolling_desk()
    desk.hear(mirror_report(desk))
    desk.hear(disk_failed(desk.take))
    needs = len(desk.take.channels) * RATE_HZ * 3
    desk.events.clear()
    for left_s in (700, 599, 119, 29):
        desk.hear(mirror_report(desk, free_bytes=left_s * needs))
        desk.hear(replace(WRITER_IDLE, free_bytes=0))
    told = [event.text for event in desk.events if event.what is Happening.DISK_SPACE]
    assert [text.partition(" (")[0] for text in told] == [
        f"{length} of recording left on the mirror" for length in ("9 min 59 s", "1 min 59 s", "29 s")
    ]
    assert "mirror" in next(each.what for each in desk.state.faults if each.key == "disk space")
    desk.ok("stop")
    assert "takes go to the mirror alone" in desk.no("measure")


def test_a_take_of_which_only_the_mirror_has_something_keeps_its_number() -> None:
    desk = rolling_desk()
    take = desk.take
    desk.hear(mirror_report(desk, whole=False))
    desk.ok("discard")
    desk.hear(disk_failed(take, kept=0))
    desk.ok("clear-fault")
    desk.ok("start")
    assert (take.slate.number, desk.take.slate.number) == (1, 2), "its copy lies in a folder of that number"
