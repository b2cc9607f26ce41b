"""Takes begin and end where the presses were: start, stop, next, keep, post-roll, lock, shut-down."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.command_text import parse_command
from rigd.model.commands import Accepted, Rejected
from rigd.model.effects import EndRig, SendToWriter
from rigd.model.events import Happening
from rigd.model.inputs import Input, PostRollOver
from rigd.model.messages import EndTake, TakeFailed, TakeProgress
from rigd.model.state import Transport
from rigd.model.units import Frame, Origin
from rigd.rules.table import Step, step
from tests.support.desk import LISTENING, OPENED, RATE_HZ, WRITER_IDLE, Desk, frame, ns, orders


def test_a_take_begins_its_preroll_before_the_press() -> None:
    desk = Desk()
    desk.ok("start", at=99.7)
    assert desk.stands(Transport.ROLLING)
    (order,) = orders(desk)
    assert order.first_frame == frame(99.7) - 2 * RATE_HZ
    assert order.preroll_frames == 2 * RATE_HZ, "iXML says it"
    assert order.end_frame is None
    assert desk.take.first_frame == order.first_frame
    assert desk.happened() == [Happening.TAKE_STARTED]


def test_the_preroll_reaches_no_further_back_than_the_tape() -> None:
    desk = Desk(preroll_s=90.0)
    desk.ok("start")
    assert orders(desk)[0].first_frame == frame(40.0)
    assert orders(desk)[0].preroll_frames == frame(100.0) - frame(40.0)
    desk.now_s += 10
    desk.ok("next")
    assert orders(desk)[1].preroll_frames == 0


def test_a_preroll_begins_with_sound_and_not_inside_a_gap() -> None:
    """A rig that was restarted a moment ago: nobody misses what it could not hear before the press."""
    desk = Desk()
    desk.silent = (95.0, 98.6)
    desk.ok("start", at=99.7)
    (order,) = orders(desk)
    assert order.first_frame == frame(98.6)
    assert order.preroll_frames == frame(99.7) - frame(98.6)


def test_a_gap_inside_the_preroll_is_kept_with_the_sound_before_it() -> None:
    desk = Desk()
    desk.silent = (98.0, 98.6)
    desk.ok("start", at=99.7)
    assert orders(desk)[0].first_frame == frame(99.7) - 2 * RATE_HZ


def test_a_press_while_nothing_is_heard_begins_at_the_press() -> None:
    desk = Desk()
    desk.silent = (95.0, 99.9)
    desk.ok("start", at=99.7)
    assert orders(desk)[0].first_frame == frame(99.7)


def test_an_order_holds_all_that_the_writer_needs() -> None:
    desk = Desk()
    desk.ok("disarm 2")
    desk.ok("start")
    (order,) = orders(desk)
    assert order.folder == "/takes/2023-11-14 Rehearsal/Waltz/Take 001"
    assert [track.name for track in order.tracks] == ["Kick", "Bass", "Room"]
    assert [file.name for file in order.files] == ["01.wav", "03.wav", "04.wav"]
    assert (order.slate.session, order.slate.song, order.slate.number) == ("Rehearsal", "Waltz", 1)
    assert order.format.sample_rate_hz == RATE_HZ


@pytest.mark.parametrize("simulated", [False, True])
def test_a_take_by_a_simulated_interface_says_so(simulated: bool) -> None:
    desk = Desk()
    desk.hear(replace(LISTENING, simulated=simulated))
    desk.ok("start")
    (order,) = orders(desk)
    assert order.simulated is simulated
    assert desk.state.take is not None and desk.state.take.simulated is simulated


def test_the_wall_clock_of_a_take_is_that_of_its_first_frame() -> None:
    desk = Desk()  # pressed at 23:13:20 +01:00, the take begins 2 s before
    desk.ok("start")
    (order,) = orders(desk)
    assert order.started_at == "2023-11-14T23:13:18.000+01:00"
    assert order.time_reference == (23 * 3600 + 13 * 60 + 18) * RATE_HZ


def test_a_press_that_is_heard_late_has_the_wall_clock_of_the_press() -> None:
    desk = Desk()
    desk.ok("start", at=99.5)
    assert orders(desk)[0].started_at == "2023-11-14T23:13:17.500+01:00"


def test_a_take_ends_at_the_frame_of_the_press_however_late_it_is_heard() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s = 110.0
    desk.ok("stop", at=109.65)
    assert desk.told(EndTake)[0].end_frame == frame(109.65)
    assert desk.stands(Transport.READY)
    assert desk.state.takes[-1].end_frame == frame(109.65)
    assert not desk.state.takes[-1].closed


def test_a_stop_from_before_the_take_began_is_refused_and_the_take_rolls_on() -> None:
    desk = Desk()
    desk.ok("start")
    assert "before take 1 began" in desk.no("stop", at=90.0)
    assert desk.stands(Transport.ROLLING)


def test_a_press_from_the_future_is_refused() -> None:
    assert "future" in Desk().no("start", at=200.0)


def test_one_switch_starts_and_stops_by_toggle() -> None:
    desk = Desk()
    desk.ok("toggle")
    assert desk.stands(Transport.ROLLING)
    desk.now_s += 1
    desk.ok("toggle")
    assert desk.stands(Transport.READY)


def test_a_second_start_is_refused_and_told() -> None:
    desk = Desk()
    desk.ok("start")
    assert desk.no("start") == "take 1 rolls already"


def test_take_numbers_grow() -> None:
    desk = Desk()
    assert [desk.kept_take().slate.number for _ in range(3)] == [1, 2, 3]


def test_next_ends_one_take_exactly_where_the_other_begins() -> None:
    desk = Desk()
    desk.ok("start")
    for _ in range(5):
        desk.now_s += 3
        desk.ok("next", at=desk.now_s - 0.3)
    ends = [message.end_frame for message in desk.told(EndTake)]
    assert ends == [order.first_frame for order in orders(desk)[1:]]
    assert [take.slate.number for take in desk.state.takes] == [1, 2, 3, 4, 5]
    assert desk.take.slate.number == 6


def test_next_starts_a_take_where_none_rolls() -> None:
    desk = Desk()
    desk.ok("next")
    assert desk.stands(Transport.ROLLING)


def test_a_next_that_cannot_be_done_leaves_the_take_rolling() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("disarm")
    desk.now_s += 1
    assert "no channel is armed" in desk.no("next")
    assert desk.take.slate.number == 1


# post-roll


def test_a_stop_with_postroll_ends_the_take_after_it() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    assert desk.stands(Transport.POSTROLL)
    assert desk.take.end_frame == frame(108.0)
    desk.now_s = 108.1
    desk.hear(PostRollOver(take_id=desk.take.take_id))
    assert desk.stands(Transport.READY)
    assert desk.state.takes[-1].end_frame == frame(108.0)


def test_a_start_inside_the_postroll_resumes_the_same_take() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    take_id = desk.take.take_id
    desk.now_s += 5
    desk.ok("stop")
    desk.now_s += 2
    desk.ok("toggle")
    assert desk.take.take_id == take_id and desk.take.end_frame is None
    assert [message.end_frame for message in desk.told(EndTake)] == [frame(108.0), None]
    assert len(orders(desk)) == 1


def test_a_start_pressed_after_the_postroll_is_a_new_take_though_nobody_noticed_its_end() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    desk.now_s += 10
    desk.ok("start")
    assert desk.take.slate.number == 2
    assert desk.state.takes[-1].end_frame == frame(108.0)


def test_a_resume_that_comes_too_late_for_the_writer_goes_on_as_a_new_take_without_a_gap() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    stopped = desk.take
    desk.now_s += 3.1
    desk.ok("start", at=107.9)
    desk.close(stopped)
    assert desk.stands(Transport.ROLLING)
    assert desk.take.slate.number == 2
    assert desk.take.first_frame == frame(108.0)
    assert desk.state.takes[-1].closed


def test_a_second_stop_cuts_the_postroll() -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    desk.now_s += 1
    desk.ok("stop")
    assert desk.stands(Transport.READY)
    assert desk.state.takes[-1].end_frame == frame(106.0)


# what a take wants


def test_nothing_is_started_without_an_interface() -> None:
    desk = Desk(ready=False)
    assert "no audio interface" in desk.no("start")


def test_nothing_is_started_at_another_sample_rate() -> None:
    desk = Desk()
    assert desk.state.interface is not None
    desk.hear(replace(desk.state.interface, sample_rate_hz=44_100))
    assert desk.stands(Transport.OFFLINE)
    reason = desk.no("start")
    assert "44100 Hz" in reason and "48000 Hz" in reason


def test_nothing_is_started_without_an_armed_channel() -> None:
    desk = Desk()
    desk.ok("disarm")
    assert "no channel is armed" in desk.no("start")


def test_nothing_is_started_on_a_disk_with_a_problem() -> None:
    desk = Desk()
    desk.hear(replace(WRITER_IDLE, problem="the volume is read-only; mount it for writing"))
    assert "read-only" in desk.no("start")
    desk.hear(WRITER_IDLE)
    desk.ok("start")


def test_nothing_is_started_on_a_disk_that_is_as_good_as_full() -> None:
    desk = Desk()
    desk.hear(replace(WRITER_IDLE, free_bytes=4 * 3 * RATE_HZ * 9))
    assert "free some space" in desk.no("start")


def test_nothing_is_started_before_a_session_is_open() -> None:
    desk = Desk()
    desk.state = replace(desk.state, session_folder="")
    assert "no session is open" in desk.no("start")


def test_a_halted_rig_says_why_and_what_to_do() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    desk.hear(
        TakeFailed(
            take_id=take.take_id, folder=take.folder, frames_kept=7, reason="no space left", disk_full=True
        )
    )
    assert desk.stands(Transport.HALTED)
    reason = desk.no("toggle")
    assert "no space left" in reason and "rigd clear-fault" in reason
    desk.ok("clear-fault")
    desk.ok("toggle")


def test_channels_that_the_running_interface_lacks_refuse_the_next_take_and_the_old_one_rolls_on() -> None:
    desk = Desk()
    desk.ok("start")
    take = desk.take
    assert desk.state.interface is not None
    desk.hear(replace(desk.state.interface, channels=2))
    reason = desk.no("next")
    assert 'channel 3 "Bass" (input 3), channel 4 "Room" (input 4)' in reason and "rigd disarm" in reason
    assert desk.take.take_id == take.take_id and desk.take.end_frame is None
    desk.ok("disarm 3")
    desk.ok("disarm 4")
    desk.ok("next")


# without a tape


def without_tape(desk: Desk, text: str, *, held: bool = False) -> Step:
    """The command where nothing is known of the tape: the daemon is new and the interface is away."""
    command = parse_command(text, origin=Origin("t"), at_ns=ns(desk.now_s), held=held)
    nowhere = replace(desk.circumstances(command.at_ns), at_frame=None, tape_from=None, tape_to=None)
    return step(desk.state, Input(what=command, circumstances=nowhere), desk.rules)


def adopted_without_interface(*, locked: bool = False) -> Desk:
    """A daemon that has just begun and hears from the writer alone, which has written 7 s of a take."""
    before = Desk()
    before.ok("start")
    desk = Desk(ready=False, postroll_s=3.0)
    desk.hear(OPENED)
    progress = TakeProgress(order=orders(before)[0], written_frames=7 * RATE_HZ, durable_frames=0)
    desk.hear(replace(WRITER_IDLE, open_takes=(progress,)))
    if locked:
        desk.ok("lock")
    assert desk.stands(Transport.ROLLING)
    return desk


@pytest.mark.parametrize("text", ["stop", "toggle", "discard", "shut-down"])
@pytest.mark.parametrize("held", [False, True])
def test_a_take_can_be_ended_without_a_tape_and_ends_where_the_sound_does(text: str, held: bool) -> None:
    desk = adopted_without_interface(locked=held and text != "discard")
    take = desk.take
    result = without_tape(desk, text, held=held)
    assert isinstance(result.reply, Accepted), result.reply
    (ended,) = [
        effect.message
        for effect in result.effects
        if isinstance(effect, SendToWriter) and isinstance(effect.message, EndTake)
    ]
    assert ended == EndTake(take_id=take.take_id, end_frame=Frame(take.first_frame + 7 * RATE_HZ))
    assert result.state.take is None


def test_a_next_without_a_tape_is_refused_and_the_take_rolls_on() -> None:
    desk = adopted_without_interface()
    assert isinstance(without_tape(desk, "next").reply, Rejected)


def test_a_shut_down_pressed_before_the_take_began_ends_it_all_the_same() -> None:
    desk = Desk()
    desk.ok("start")
    assert "pressed before" in desk.no("stop", at=90.0)
    desk.ok("shut-down", at=90.0)
    take = desk.state.takes[-1]
    assert take.end_frame == take.first_frame + 1


# which take a command was about


def test_a_command_names_the_take_that_it_was_about() -> None:
    desk = Desk()

    def named(text: str) -> str | None:
        reply = desk.do(text)
        assert isinstance(reply, Accepted), reply
        return reply.take_id

    first = named("start")
    assert first == desk.take.take_id
    desk.now_s += 5
    second = named("next")
    assert second == desk.take.take_id != first
    desk.now_s += 5
    kept = named("keep 3")
    assert kept == desk.state.takes[-1].take_id and kept not in (first, second)
    assert named("mark") == second
    assert named("rename best") == second
    assert named("stop") == second
    assert named(f"discard {first}") == first
    assert named("undo") == first
    assert named("lock") is None


# the lock


@pytest.mark.parametrize("text", ["stop", "toggle", "next", "discard", "again", "shut-down"])
def test_a_locked_take_is_not_let_go_by_a_tap(text: str) -> None:
    desk = Desk()
    desk.ok("lock")
    desk.ok("start")
    desk.now_s += 1
    assert "--hold" in (reason := desk.no(text)) and "locked" in reason
    assert desk.stands(Transport.ROLLING)


@pytest.mark.parametrize("text", ["stop", "toggle", "discard", "again"])
def test_a_held_control_stops_and_keeps_a_locked_take(text: str) -> None:
    desk = Desk()
    desk.ok("lock")
    desk.ok("start")
    desk.now_s += 1
    desk.ok(text, held=True)
    assert desk.stands(Transport.READY)
    assert len(desk.state.takes) == 1
    assert not desk.state.discarding and not desk.state.trashed


@pytest.mark.parametrize("text", ["discard", "again"])
def test_a_locked_take_in_its_postroll_is_not_discarded_either(text: str) -> None:
    desk = Desk(postroll_s=3.0)
    desk.ok("lock")
    desk.ok("start")
    desk.now_s += 1
    desk.ok("stop", held=True)
    assert "locked" in desk.no(text)
    desk.ok(text, held=True)
    assert desk.stands(Transport.READY) and not desk.state.trashed


def test_markers_and_keeps_go_through_the_lock() -> None:
    desk = Desk()
    desk.ok("lock")
    desk.ok("start")
    desk.ok("mark")
    desk.ok("keep 5")


# the end of rigd


def test_shut_down_ends_the_take_and_ends_rigd_once_it_is_closed() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 1
    assert "closes 1 take" in desk.ok("shut-down")
    assert not desk.done(EndRig)
    assert "shut down" in desk.no("start")
    desk.close(desk.state.takes[-1])
    assert len(desk.done(EndRig)) == 1
    desk.hear(WRITER_IDLE)
    assert len(desk.done(EndRig)) == 1


def test_shut_down_with_nothing_open_ends_rigd_at_once() -> None:
    desk = Desk()
    desk.ok("shut-down")
    assert len(desk.done(EndRig)) == 1


def test_a_second_shut_down_does_not_wait() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 1
    desk.ok("shut-down")
    desk.ok("shut-down")
    assert len(desk.done(EndRig)) == 1
