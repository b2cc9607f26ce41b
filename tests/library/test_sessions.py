"""Sessions, songs, numbers and the planning of takes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from take_maker import NOON, begin, close, closed_take, open_library, order_take, track

from rigd.library.library import Library
from rigd.model.errors import LibraryError
from rigd.model.names import parse_naming
from rigd.model.take import Slate

DAY = "2025-06-01"


def test_a_session_is_a_folder_with_its_name_as_typed(library: Library, root: Path) -> None:
    opened = library.open_session("AC/DC: Live?", date=DAY)
    folder = Path(opened.folder)
    assert folder.parent == root and folder.name == f"{DAY} AC-DC- Live"
    sheet = json.loads((folder / "session.json").read_bytes())
    assert sheet["format"] == "rigd session" and sheet["version"] == 1
    assert (sheet["session"], sheet["date"], sheet["rig"]) == ("AC/DC: Live?", DAY, "Studio B")


def test_a_session_without_a_date_is_todays(library: Library) -> None:
    assert library.open_session("Band").date == DAY


def test_the_same_session_of_the_same_day_is_opened_again_with_its_takes(
    library: Library, root: Path
) -> None:
    first = library.open_session("Band", date=DAY)
    order = closed_take(library, first.folder)
    library.save_session(first.folder)
    library.close()
    library = open_library(root)
    again = library.open_session("Band", date=DAY)
    library.close()
    assert again.folder == first.folder
    assert [take.take_id for take in again.takes] == [order.take_id]
    assert (again.song, again.next_take_number) == ("Blue", 2)


def test_another_day_or_spelling_is_another_session(library: Library) -> None:
    folders = [
        library.open_session("Band", date=DAY).folder,
        library.open_session("Band", date="2025-06-02").folder,
        library.open_session("BAND", date=DAY).folder,
        library.open_session("Band?", date=DAY).folder,
    ]
    assert len({folder.casefold() for folder in folders}) == 4


def test_a_folder_that_is_not_rigds_is_never_used(library: Library, root: Path) -> None:
    foreign = root / f"{DAY} Band"
    foreign.mkdir()
    (foreign / "holiday.jpg").write_bytes(b"jpg")
    opened = library.open_session("Band", date=DAY)
    assert Path(opened.folder).name == f"{DAY} Band (2)"
    assert os.listdir(foreign) == ["holiday.jpg"]


def test_a_session_that_has_lost_its_session_json_is_known_by_its_takes(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    closed_take(library, opened.folder)
    sheet = Path(opened.folder) / "session.json"
    sheet.write_bytes(b'{"format": "rigd ses')
    again = library.open_session("Band", date=DAY)
    assert again.folder == opened.folder and len(again.takes) == 1
    assert again.next_take_number == 1 and again.song == ""
    assert library.next_take_number(session_folder=again.folder, song="Blue") == 2
    assert json.loads(sheet.read_bytes())["session"] == "Band"
    assert len(list(Path(opened.folder).glob("session.json.bad-*"))) == 1


@pytest.mark.parametrize("place", ["..", "../../outside", "/tmp", ".trash", ""])
def test_a_session_json_of_somebody_else_puts_no_song_outside_the_session(
    library: Library, place: str
) -> None:
    sheet = Path(library.open_session("Band", date=DAY).folder) / "session.json"
    songs = [{"name": "Blue", "folder": place, "next_take_number": 1}]
    sheet.write_text(json.dumps({**json.loads(sheet.read_bytes()), "songs": songs}))
    opened = library.open_session("Band", date=DAY)
    slate = Slate(session="Band", song="Blue", number=1)
    plan = library.plan_take(session_folder=opened.folder, slate=slate, tracks=(track(1),))
    assert plan.folder == f"{opened.folder}/Blue/Take 001"


def test_a_session_json_of_a_newer_rigd_is_left_alone(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    sheet = Path(opened.folder) / "session.json"
    sheet.write_text('{"version": 99, "all": "new"}')
    again = library.open_session("Band", date=DAY)
    assert again.folder != opened.folder
    assert sheet.read_text() == '{"version": 99, "all": "new"}'


def test_a_take_is_planned_as_the_template_says(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    plan = library.plan_take(
        session_folder=opened.folder,
        slate=Slate(session="Band", song="Blue / Red", number=3),
        tracks=(track(1, "Kick In"), track(2, "Kick Out"), track(11, "../Snare")),
    )
    assert plan.folder == f"{opened.folder}/Blue - Red/Take 003"
    assert [file.name for file in plan.files] == ["01 Kick In.wav", "02 Kick Out.wav", "11 Snare.wav"]
    assert [file.channels for file in plan.files] == [(1,), (2,), (11,)]


def test_a_polyphonic_take_is_one_file_with_all_channels(root: Path) -> None:
    library = open_library(root, layout="poly")
    opened = library.open_session("Band", date=DAY)
    plan = library.plan_take(
        session_folder=opened.folder,
        slate=Slate(session="Band", song="Blue", number=3),
        tracks=(track(1), track(5)),
    )
    library.close()
    assert [(file.name, file.channels) for file in plan.files] == [("Blue Take 003.wav", (1, 5))]


def test_no_two_takes_are_ever_planned_into_one_folder(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    folders = [order_take(library, opened.folder, number=3).folder for _ in range(3)]
    assert [Path(folder).name for folder in folders] == ["Take 003", "Take 003 (2)", "Take 003 (3)"]


def test_a_folder_that_is_there_already_is_never_planned(library: Library, root: Path) -> None:
    opened = library.open_session("Band", date=DAY)
    library.choose_song(session_folder=opened.folder, song="Blue", next_take_number=1)
    library.save_session(opened.folder)
    (Path(opened.folder) / "Blue" / "take 001").mkdir(parents=True)
    library.close()
    library = open_library(root)
    library.open_session("Band", date=DAY)
    order = order_take(library, opened.folder, number=1)
    library.close()
    assert Path(order.folder).relative_to(opened.folder).as_posix() == "Blue/Take 001 (2)"


def test_a_song_never_uses_a_folder_that_is_not_rigds(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    (Path(opened.folder) / "blue").mkdir()
    library.open_session("Band", date=DAY)
    order = order_take(library, opened.folder)
    assert Path(order.folder).relative_to(opened.folder).as_posix() == "Blue (2)/Take 001"


def test_songs_that_differ_in_case_only_have_folders_of_their_own(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    folders = [
        Path(order_take(library, opened.folder, song=song).folder).parent.name
        for song in ("Verse", "VERSE", "Verse", "session.json")
    ]
    assert folders == ["Verse", "VERSE (2)", "Verse", "session.json (2)"]


def test_channels_of_the_same_name_have_files_of_their_own(root: Path) -> None:
    library = Library(root, naming=parse_naming(mono_file="{name}"), now=lambda: NOON)
    opened = library.open_session("Band", date=DAY)
    plan = library.plan_take(
        session_folder=opened.folder,
        slate=Slate(session="Band", song="Blue", number=1),
        tracks=(track(1, "Kick"), track(2, "KICK"), track(3, "///")),
    )
    library.close()
    assert [file.name for file in plan.files] == ["Kick.wav", "KICK (2).wav", "03.wav"]


def test_each_song_counts_its_own_takes(library: Library) -> None:
    opened = library.open_session("Band", date=DAY)
    numbers = [
        order_take(library, opened.folder, song=song).slate.number for song in ("Blue", "Blue", "Red", "Blue")
    ]
    assert numbers == [1, 2, 1, 3]


def test_the_next_number_outlives_a_restart_also_when_a_person_set_it(library: Library, root: Path) -> None:
    opened = library.open_session("Band", date=DAY)
    library.choose_song(session_folder=opened.folder, song="Blue", next_take_number=40)
    library.save_session(opened.folder)
    library.close()
    library = open_library(root)
    again = library.open_session("Band", date=DAY)
    library.close()
    assert (again.song, again.next_take_number) == ("Blue", 40)


def test_a_number_that_a_take_has_is_not_given_twice_after_a_crash(library: Library, root: Path) -> None:
    opened = library.open_session("Band", date=DAY)
    library.choose_song(session_folder=opened.folder, song="Blue", next_take_number=1)
    library.save_session(opened.folder)
    for _ in range(3):  # session.json does not hear of these
        order = order_take(library, opened.folder)
        begin(order)
        close(order)
    library.close()
    library = open_library(root)
    again = library.open_session("Band", date=DAY)
    library.close()
    assert (again.next_take_number, len(again.takes)) == (4, 3)


def test_a_take_that_still_rolls_is_not_among_the_closed_ones_but_its_number_is_used(
    library: Library,
) -> None:
    opened = library.open_session("Band", date=DAY)
    begin(order_take(library, opened.folder))
    again = library.open_session("Band", date=DAY)
    assert again.takes == ()
    assert library.next_take_number(session_folder=opened.folder, song="Blue") == 2


def test_nothing_is_planned_in_a_session_that_is_not_open(library: Library, root: Path) -> None:
    with pytest.raises(LibraryError, match="is not open"):
        library.plan_take(
            session_folder=str(root / "elsewhere"),
            slate=Slate(session="Band", song="Blue", number=1),
            tracks=(track(1),),
        )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(session=st.text(max_size=80), song=st.text(max_size=80), name=st.text(max_size=80))
def test_any_typed_names_make_folders_inside_the_library(
    library: Library, session: str, song: str, name: str
) -> None:
    opened = library.open_session(session, date=DAY)
    slate = Slate(
        session=session, song=song, number=library.next_take_number(session_folder=opened.folder, song=song)
    )
    plan = library.plan_take(session_folder=opened.folder, slate=slate, tracks=(track(1, name),))
    folder = Path(plan.folder)
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / plan.files[0].name).write_bytes(b"")
    inside = (folder / plan.files[0].name).resolve().relative_to(library.root)
    assert len(inside.parts) == 4
    library.save_session(opened.folder)
    again = library.open_session(session, date=DAY)
    assert again.folder == opened.folder and again.session == session


def test_other_names_are_those_of_what_is_planned_from_then_on(library: Library) -> None:
    session = library.open_session("Band", date=DAY).folder
    slate = Slate(session="Band", song="Blue", number=1)
    before = library.plan_take(session_folder=session, slate=slate, tracks=(track(1),))
    naming = parse_naming(
        take_folder="{session_date} {session}/{song}/T{take}", mono_file="{name}", poly_file="all {take}"
    )
    library.use(naming=naming, layout="poly", rig="Studio C")
    after = library.plan_take(session_folder=session, slate=replace(slate, number=2), tracks=(track(1),))
    assert [Path(plan.folder).name for plan in (before, after)] == ["Take 001", "T2"]
    assert [plan.files[0].name for plan in (before, after)] == ["01 Mic 1.wav", "all 2.wav"]
    assert Path(before.folder).parent == Path(after.folder).parent, "the song's folder is there"
    other = library.open_session("Other", date=DAY).folder
    assert json.loads((Path(other) / "session.json").read_bytes())["rig"] == "Studio C"
