"""What `rigd health` says in each situation, and that it never says yes where a take would come to harm."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigd.hands.health import LIBRARY_FAULTS, SOUND_WITHIN_S, WRITER_WITHIN_S, Measured, health_of
from rigd.hands.showing import NOT_READY, Light, light_of, state_word
from rigd.model.commands import Rejected
from rigd.model.disk_words import TapeWatched
from rigd.model.health import Health, Verdict
from rigd.model.inputs import CaptureLost, OtherBuildFound, OtherBuildGone, WriterLost
from rigd.model.messages import CapturePhase, TakeFailed
from rigd.model.state import Ending, MirrorPhase
from rigd.model.units import Ns
from tests.support.desk import LISTENING, WRITER_IDLE, Desk, ns

CALM = TapeWatched(unsafe_s=0.4, waiting_s=0.4, tape_fill=0.01, owed_fill=0.01)


def health(desk: Desk, *, sound_ago_s: float | None = 0.02, tape: TapeWatched = CALM) -> Health:
    now_ns = ns(desk.now_s)
    newest = None if sound_ago_s is None else Ns(now_ns - round(sound_ago_s * 1e9))
    return health_of(desk.state, Measured(now_ns=now_ns, newest_sound_ns=newest, tape=tape))


def verdict(desk: Desk, **more: Any) -> Verdict:
    return health(desk, **more).verdict


def test_ready_and_rolling_are_yes_and_say_what() -> None:
    desk = Desk()
    found = health(desk)
    assert found.verdict is Verdict.COULD and found.why.startswith("ready for Waltz take 1, room for")
    desk.ok("start")
    found = health(desk)
    assert found.verdict is Verdict.RECORDS and found.take == 'take 1 of "Waltz"' and found.unsafe_s == 0.4
    desk.ok("stop")
    assert verdict(desk) is Verdict.COULD


def test_a_rig_that_has_only_just_started_is_not_sure_yet() -> None:
    desk = Desk(ready=False)
    assert verdict(desk) is Verdict.NOT_SURE
    desk.hear(WRITER_IDLE)
    assert verdict(desk) is Verdict.NOT_SURE
    desk.hear(replace(LISTENING, phase=CapturePhase.FAILED, failure="not found"))
    assert verdict(desk) is Verdict.DOES_NOT and "not found" in health(desk).why


def test_no_interface_is_no_also_while_a_take_rolls_on() -> None:
    desk = Desk()
    desk.hear(CaptureLost(reason="the plug was pulled"))
    assert verdict(desk) is Verdict.DOES_NOT and "the plug was pulled" in health(desk).why
    desk.hear(LISTENING)
    desk.ok("start")
    desk.hear(CaptureLost(reason="the plug was pulled"))
    found = health(desk)
    assert found.verdict is Verdict.DOES_NOT and found.take and "the plug was pulled" in found.why


def test_inputs_that_are_missing_are_no() -> None:
    desk = Desk()
    desk.ok("start")
    fewer = replace(LISTENING, channels=2, mismatch="the interface has 2 inputs, not 4", heard_from=None)
    desk.hear(fewer)
    assert verdict(desk) is Verdict.DOES_NOT and "2 inputs" in health(desk).why


@pytest.mark.parametrize("rolls", [False, True])
def test_a_tape_on_which_nothing_comes_in_is_no_whatever_the_state_says(rolls: bool) -> None:
    desk = Desk()
    if rolls:
        desk.ok("start")
    for sound_ago_s in (None, SOUND_WITHIN_S + 0.1):
        assert verdict(desk, sound_ago_s=sound_ago_s) is Verdict.DOES_NOT


def test_halted_is_no_with_the_reason() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.hear(
        TakeFailed(take_id=take.take_id, folder=take.folder, frames_kept=1, reason="no space", disk_full=True)
    )
    assert verdict(desk) is Verdict.DOES_NOT and "no space" in health(desk).why


def test_a_rig_that_is_ending_is_no_also_while_it_closes_its_takes() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("shut-down")
    assert desk.state.ending is Ending.CLOSING
    assert verdict(desk) is Verdict.DOES_NOT and health(desk).why == "rigd is being shut down"
    begun = Desk(ready=False)
    begun.ok("shut-down")
    assert verdict(begun) is Verdict.DOES_NOT, "and not: it has only just started"


def test_another_build_that_finishes_a_take_is_not_sure_and_says_so() -> None:
    desk = Desk()
    desk.hear(OtherBuildFound(reason="tape layout 9"))
    found = health(desk)
    assert found.verdict is Verdict.NOT_SURE and found.why.endswith("finishes a take: tape layout 9")
    desk.hear(OtherBuildGone())
    desk.hear(LISTENING)
    assert verdict(desk) is Verdict.COULD


def test_what_is_wrong_with_the_library_is_no_harm_while_a_fit_mirror_is_in_charge() -> None:
    desk = Desk(mirror=True)
    desk.ok("start")
    take = desk.take
    desk.hear(
        TakeFailed(take_id=take.take_id, folder=take.folder, frames_kept=1, reason="no space", disk_full=True)
    )
    desk.hear(replace(WRITER_IDLE, problem="the disk of the library is gone"))
    mirror = desk.state.mirror
    assert mirror is not None and mirror.phase is MirrorPhase.IN_CHARGE and desk.state.take is not None
    assert health_faults(desk) & set(LIBRARY_FAULTS), "something of the library's is wrong"
    assert verdict(desk) is Verdict.RECORDS
    desk.state = replace(desk.state, mirror=replace(mirror, problem="it is full"))
    assert verdict(desk) is Verdict.NOT_SURE, "nobody stands in"
    desk.state = replace(desk.state, mirror=replace(mirror, phase=MirrorPhase.IN_STEP))
    assert verdict(desk) is Verdict.NOT_SURE, "nor one that only follows"


def health_faults(desk: Desk) -> set[str]:
    return {fault.key for fault in desk.state.faults}


def test_a_disk_that_is_behind_is_not_sure_and_one_that_loses_is_no() -> None:
    desk = Desk()
    desk.ok("start")
    behind = TapeWatched(unsafe_s=12.0, waiting_s=12.0, tape_fill=0.3, owed_fill=0.3)
    desk.hear(behind)
    assert verdict(desk, tape=behind) is Verdict.NOT_SURE and "not yet safe" in health(desk, tape=behind).why


@pytest.mark.parametrize("tape", [replace(CALM, tape_fill=1.0), replace(CALM, losing_s=0.2)])
def test_a_tape_that_is_full_and_one_that_loses_are_no_each_by_itself(tape: TapeWatched) -> None:
    desk = Desk()
    desk.ok("start")
    assert verdict(desk) is Verdict.RECORDS
    assert verdict(desk, tape=tape) is Verdict.DOES_NOT
    assert "the tape is full" in health(desk, tape=tape).why


def test_a_writer_that_is_away_or_silent_is_not_sure_in_a_take() -> None:
    desk = Desk()
    desk.now_s += WRITER_WITHIN_S + 0.1
    assert verdict(desk) is Verdict.NOT_SURE, "nothing rolls, so nobody noticed"
    desk.hear(WRITER_IDLE)
    assert verdict(desk) is Verdict.COULD
    desk.ok("start")
    desk.hear(WriterLost(reason="killed"))
    assert verdict(desk) is Verdict.NOT_SURE


def harmed() -> dict[str, Desk]:
    """Everything that a start may be refused for."""
    desks = {name: Desk() for name in ("disarmed", "problem", "full", "inputs", "writer")}
    desks["disarmed"].ok("disarm")
    desks["problem"].hear(replace(WRITER_IDLE, problem="read-only"))
    desks["full"].hear(replace(WRITER_IDLE, free_bytes=1_000_000))
    desks["inputs"].hear(replace(LISTENING, channels=2))
    desks["writer"].hear(WriterLost(reason="killed"))
    desks["session"] = Desk(ready=False)
    for fact in (WRITER_IDLE, LISTENING):
        desks["session"].hear(fact)
    return desks


@pytest.mark.parametrize("name", sorted(harmed()))
def test_ready_is_not_shown_where_a_start_would_be_refused(name: str) -> None:
    desk = harmed()[name]
    assert state_word(desk.state) == NOT_READY and light_of("ready", desk.state) is Light.OFF
    assert verdict(desk) is Verdict.DOES_NOT and health(desk).why == desk.state.not_ready
    reply = desk.do("start")
    assert isinstance(reply, Rejected) and reply.reason == desk.state.not_ready


def test_what_asks_whether_a_start_would_be_refused_starts_nothing() -> None:
    """With a mirror a start on a full disk takes the mirror in charge; to ask does not."""
    desk = Desk(mirror=True)
    desk.hear(replace(WRITER_IDLE, free_bytes=1_000_000))
    mirror = desk.state.mirror
    assert mirror is not None and mirror.phase != "in charge"
    assert not desk.state.not_ready and verdict(desk) is Verdict.COULD
    desk.ok("start")


def test_ready_again_as_soon_as_it_is_mended() -> None:
    desk = Desk()
    desk.ok("disarm")
    desk.ok("arm 1")
    assert not desk.state.not_ready and light_of("ready", desk.state) is Light.ON
