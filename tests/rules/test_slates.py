"""What is said of takes: markers, notes, names, songs, sessions, arming."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rigd.model.effects import OpenSession, SetSong, WriteTakeSheet
from rigd.model.library import SessionOpened
from rigd.model.messages import Annotate, Retag
from rigd.model.take import Marker, Slate
from rigd.model.units import TakeId
from tests.support.desk import OPENED, Desk, frame, orders

EVENING = replace(OPENED, session="Evening", folder="/takes/2023-11-14 Evening", song="", next_take_number=1)


def test_a_marker_lies_at_the_frame_of_the_press() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 4
    desk.ok("mark chorus", at=103.5)
    assert desk.take.markers == (Marker(at_frame=frame(103.5), name="chorus"),)
    assert desk.told(Annotate)[-1].note == Marker(at_frame=frame(103.5), name="chorus")


def test_a_take_has_no_more_than_9999_markers_and_the_refusal_says_how_to_go_on() -> None:
    desk = Desk()
    desk.ok("start")
    marker = Marker(at_frame=frame(100.0))
    desk.state = replace(desk.state, take=replace(desk.take, markers=(marker,) * 9_998))
    desk.ok("mark")
    reason = desk.no("mark")
    assert "9,999 markers" in reason and "next" in reason


def test_a_marker_wants_a_rolling_take() -> None:
    desk = Desk()
    assert "no take rolls" in desk.no("mark")
    desk.ok("start")
    assert "outside take 1" in desk.no("mark", at=90.0)


def test_circle_means_the_rolling_take_and_once_more_takes_it_back() -> None:
    desk = Desk()
    desk.kept_take()
    desk.ok("start")
    desk.ok("circle")
    assert desk.take.slate.circled and not desk.state.takes[0].slate.circled
    assert isinstance(desk.told(Annotate)[-1].note, Slate)
    desk.ok("circle")
    assert not desk.take.slate.circled


def test_circle_means_the_last_take_where_none_rolls_and_reaches_its_files() -> None:
    desk = Desk()
    take = desk.kept_take()
    desk.ok("circle")
    assert desk.told(Retag)[-1].take_id == take.take_id
    assert desk.told(Retag)[-1].slate.circled
    assert desk.done(WriteTakeSheet)[-1].take.slate.circled


def test_a_take_may_be_named_by_its_id() -> None:
    desk = Desk()
    first = desk.kept_take()
    desk.kept_take()
    desk.ok(f"circle {first.take_id}")
    assert [take.slate.circled for take in desk.state.takes] == [True, False]
    assert "no take" in desk.no("circle 0123")


def test_a_slate_that_changes_while_a_take_closes_reaches_its_files_too() -> None:
    desk = Desk()
    desk.ok("start")
    desk.now_s += 5
    desk.ok("stop")
    desk.ok("circle")
    assert not desk.told(Retag)
    desk.close(desk.state.takes[-1])
    assert desk.told(Retag)[-1].slate.circled
    assert not desk.state.takes[-1].slate_ahead


def test_notes_pile_up_and_names_and_ratings_replace() -> None:
    desk = Desk()
    desk.kept_take()
    for text in ("note too fast", "note bass late", "rate 2", "rate 4", "rename the slow one"):
        desk.ok(text)
    slate = desk.state.takes[0].slate
    assert slate.notes == ("too fast", "bass late")
    assert (slate.rating, slate.name) == (4, "the slow one")


@pytest.mark.parametrize("text", ["rate 6", "rate -1", "rename \x00", "note \ud800", "rename " + "x" * 201])
def test_what_cannot_be_kept_is_refused(text: str) -> None:
    desk = Desk()
    desk.kept_take()
    desk.no(text)


def test_a_song_counts_its_own_takes() -> None:
    desk = Desk()
    desk.kept_take()
    desk.kept_take()
    desk.ok("song Tango")
    assert desk.kept_take().slate.number == 1
    desk.ok("song Waltz")
    assert desk.kept_take().slate.number == 3
    assert desk.done(SetSong)[-1].song == "Waltz"


def test_a_new_song_while_rolling_is_for_the_next_take() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("song Tango")
    assert desk.take.slate.song == "Waltz"
    desk.now_s += 1
    desk.ok("next")
    assert (desk.take.slate.song, desk.take.slate.number) == ("Tango", 1)


def test_the_next_take_gets_the_number_it_was_given() -> None:
    desk = Desk()
    desk.kept_take()
    desk.ok("number 7")
    assert desk.kept_take().slate.number == 7
    assert "has a take 7 already" in desk.no("number 7")
    desk.ok("number 6")
    assert desk.kept_take().slate.number == 6
    assert desk.kept_take().slate.number == 8


def test_a_number_that_was_given_waits_for_its_song_to_come_back() -> None:
    desk = Desk()
    desk.ok("number 7")
    desk.ok("song Tango")
    assert desk.state.next_take_number == 1
    desk.ok("song Waltz")
    assert desk.state.next_take_number == 7


def test_a_new_session_is_opened_by_the_library_and_used_from_then_on() -> None:
    desk = Desk()
    desk.kept_take()
    desk.ok("session Evening")
    assert desk.done(OpenSession)[-1].name == "Evening"
    assert desk.state.session == "Rehearsal"
    desk.hear(EVENING)
    assert (desk.state.session, desk.state.takes) == ("Evening", ())
    desk.ok("start")
    assert orders(desk)[-1].folder.startswith("/takes/2023-11-14 Evening/")


def test_a_song_that_was_named_while_its_session_was_being_opened_is_kept() -> None:
    desk = Desk()
    desk.ok("session Evening")
    desk.ok("song Tango")
    desk.hear(EVENING)
    assert desk.state.song == "Tango"
    assert desk.done(SetSong)[-1].session_folder == EVENING.folder


def test_a_take_of_the_session_before_is_known_until_it_is_closed() -> None:
    desk = Desk()
    desk.ok("start")
    desk.ok("session Evening")
    desk.hear(EVENING)
    assert desk.take.slate.session == "Rehearsal"
    desk.now_s += 5
    desk.ok("stop")
    desk.close(desk.state.takes[-1])
    assert desk.state.takes[-1].closed


def test_an_opened_session_brings_its_takes_and_its_trash() -> None:
    desk = Desk()
    old = desk.kept_take()
    opened: SessionOpened = replace(OPENED, takes=(old,), trashed=(TakeId("a" * 32),), next_take_number=2)
    fresh = Desk(ready=False)
    fresh.hear(opened)
    assert fresh.state.takes == (old,) and fresh.state.trashed == ("a" * 32,)
    assert fresh.state.next_take_number == 2


def test_arming_is_for_the_next_take() -> None:
    desk = Desk()
    desk.ok("disarm")
    desk.ok("arm 3")
    desk.ok("start")
    assert "from the next take on" in desk.ok("arm 1")
    assert desk.take.channels == (3,)
    assert "channels 1 to 4" in desk.no("arm 9")


def test_a_take_of_another_day_goes_to_that_days_session() -> None:
    todays: list[SessionOpened] = []
    desk = Desk(session_of_day=lambda *, session_folder: todays[0] if todays else None)
    first = desk.kept_take()
    desk.ok("song Tango")
    desk.ok("start")
    desk.now_s += 1.0
    desk.ok("stop")
    opened: SessionOpened = replace(OPENED, folder="/takes/2023-11-15 Rehearsal", date="2023-11-15", song="")
    todays.append(opened)
    desk.ok("start")
    assert desk.take.folder.startswith(OPENED.folder), "the one before is still being closed"
    desk.now_s += 1.0
    desk.ok("stop")
    for take in desk.state.takes:
        desk.close(take)
    desk.ok("circle")
    assert len(desk.state.takes) == 3 and first in desk.state.takes, "nothing changes before a take begins"
    desk.ok("start")
    assert desk.state.session_folder == "/takes/2023-11-15 Rehearsal"
    assert (desk.take.slate.song, desk.take.slate.number) == ("Tango", 1)
    assert desk.take.folder == "/takes/2023-11-15 Rehearsal/Tango/Take 001"
    assert desk.state.takes == ()


def test_a_session_goes_on_when_it_is_told_to() -> None:
    desk = Desk()
    assert desk.ok("continue-session Evening") == 'session "Evening" goes on as soon as its folder is found'
    desk.ok("continue-session")
    assert desk.done(OpenSession) == [
        OpenSession(name="Evening", newest=True),
        OpenSession(name="Rehearsal", newest=True),
    ]
