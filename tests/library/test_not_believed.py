"""What lies in a library and rigd never made is passed by or put aside; it costs itself only and is told once."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from take_maker import begin, closed_take, open_library, order_take, track

from rigd.library.library import Library
from rigd.library.session import SESSION_NAME, read_session
from rigd.library.walking import MOST_NOT_BELIEVED
from rigd.model.limits import LONGEST_NAME
from rigd.model.take import Slate
from rigd.takefile.journal import JOURNAL_NAME

DAY = "2025-06-01"


@pytest.mark.parametrize("name", [".rigd", ".rigd/lock", ".rigd/keeping", ".rigd/blackbox"])
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "wrong"])
def test_in_place_of_rigds_own_anything_is_put_aside_and_told(
    root: Path, tmp_path: Path, name: str, kind: str
) -> None:
    place, outside = root / name, tmp_path / "outside"
    place.parent.mkdir(parents=True)
    outside.mkdir()
    (outside / "precious").write_bytes(b"precious")
    match kind:
        case "link":
            place.symlink_to(outside)
        case "hard link":
            os.link(outside / "precious", place)
        case "pipe":
            os.mkfifo(place)
        case _ if name == ".rigd/lock":
            place.mkdir()
        case _:
            place.write_bytes(b"?")
    kind_before = stat.S_IFMT(place.lstat().st_mode)
    library = open_library(root)
    try:
        (told,) = library.not_believed()
        (aside,) = place.parent.glob(f"{place.name}.bad-*")
        assert str(place) in told and aside.name in told and "remove it" in told
        assert stat.S_IFMT(aside.lstat().st_mode) == kind_before
        assert library.not_believed() == []
        session = library.open_session("Band", date=DAY).folder
        closed_take(library, session)
    finally:
        library.close()
    assert os.listdir(outside) == ["precious"] and (outside / "precious").read_bytes() == b"precious"


def test_each_song_that_is_refused_is_told_once(library: Library) -> None:
    session = Path(library.open_session("Band", date=DAY).folder)
    sheet = json.loads((session / SESSION_NAME).read_bytes())
    sheet["songs"] = [
        {"name": "Out", "folder": "../../x", "next_take_number": 3},
        {"name": "Mine", "folder": ".rigd", "next_take_number": 3},
        {"name": "Many", "folder": "Many", "next_take_number": 1 << 70},
        {"name": "Good", "folder": "Good", "next_take_number": 3},
    ]
    (session / SESSION_NAME).write_text(json.dumps(sheet))
    for _ in range(2):
        opened = library.open_session("Band", date=DAY)
    told = library.not_believed()
    assert len(told) == 3 and all(str(session / SESSION_NAME) in each for each in told)
    for song, number in (("Out", 1), ("Mine", 1), ("Many", 1), ("Good", 3)):
        assert library.next_take_number(session_folder=opened.folder, song=song) == number
        plan = library.plan_take(
            session_folder=opened.folder,
            slate=Slate(session="Band", song=song, number=number),
            tracks=(track(1),),
        )
        assert Path(plan.folder).parent == session / song


def test_of_a_file_with_more_than_anybody_reads_the_first_are_told_and_that_there_are_more(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    session = Path(library.open_session("Band", date=DAY).folder)
    sheet = json.loads((session / SESSION_NAME).read_bytes())
    sheet["songs"] = [
        {"name": f"Song {number}", "folder": f"../{number}", "next_take_number": 3} for number in range(5_000)
    ]
    (session / SESSION_NAME).write_text(json.dumps(sheet))
    for _ in range(2):
        library.open_session("Band", date=DAY)
    told = library.not_believed()
    assert len(told) == MOST_NOT_BELIEVED + 1 and "has more" in told[-1]
    assert len(caplog.records) == len(told)


def test_what_a_session_says_of_itself_could_have_been_typed(library: Library) -> None:
    session = Path(library.open_session("Band", date=DAY).folder)
    sheet = json.loads((session / SESSION_NAME).read_bytes())
    for name in ("session", "date", "created_at", "rig", "song"):
        sheet[name] = f"a\x1b[2J\nb{'x' * 100_000}"
    (session / SESSION_NAME).write_text(json.dumps(sheet))
    found = read_session(session)
    assert found is not None
    assert len(found.session) <= 10 * LONGEST_NAME
    for text in (found.date, found.created_at, found.rig, found.song):
        assert text.startswith("a [2J b") and len(text) <= 10 * LONGEST_NAME


def test_a_song_whose_folder_is_no_folder_gets_another_and_keeps_its_count(
    library: Library, tmp_path: Path
) -> None:
    session = Path(library.open_session("Band", date=DAY).folder)
    library.choose_song(session_folder=str(session), song="Blue", next_take_number=7)
    library.save_session(str(session))
    (session / "Blue").symlink_to(tmp_path)
    opened = library.open_session("Band", date=DAY)
    order = order_take(library, opened.folder)
    assert order.folder == str(session / "Blue (2)" / "Take 007")
    (told,) = library.not_believed()
    assert str(session / "Blue") in told and "'Blue'" in told


@pytest.mark.parametrize("name", [JOURNAL_NAME, "01 Mic 1.wav"])
def test_a_take_that_is_left_open_because_of_a_hard_link_is_told(
    library: Library, tmp_path: Path, name: str
) -> None:
    order = order_take(library, library.open_session("Band", date=DAY).folder)
    begin(order)
    os.link(Path(order.folder) / name, tmp_path / "another name")
    for _ in range(2):
        list(library.catch_up(may_move=lambda: True))
    (told,) = library.not_believed()
    assert str(Path(order.folder) / name) in told and "hard link" in told


def test_a_take_whose_journal_is_a_link_is_told(library: Library, tmp_path: Path) -> None:
    order = order_take(library, library.open_session("Band", date=DAY).folder)
    begin(order)
    journal = Path(order.folder) / JOURNAL_NAME
    journal.rename(tmp_path / "elsewhere")
    journal.symlink_to(tmp_path / "elsewhere")
    list(library.catch_up(may_move=lambda: True))
    (told,) = library.not_believed()
    assert str(journal) in told and "a link" in told


@pytest.mark.parametrize(
    "says",
    [
        {"songs": [{"\ud800": 1}]},
        {"version": "\ud800"},
        {"format": "\ud800", "songs": "\ud800"},
        {"songs": [float("nan")]},
    ],
)
def test_a_session_of_somebody_elses_that_makes_no_sense_costs_itself_only(
    root: Path, library: Library, says: dict[str, object]
) -> None:
    theirs = root / "2025-05-31 Evil"
    (theirs / "Song" / "Take 001").mkdir(parents=True)
    (theirs / SESSION_NAME).write_text(json.dumps(says), "ascii")
    (theirs / "Song" / "Take 001" / "take.json").write_text(json.dumps({"format": "\ud800"}), "ascii")
    opened = library.open_session("Band", date=DAY)
    order = closed_take(library, opened.folder)
    for _ in library.catch_up(may_move=lambda: True):
        pass
    assert library.open_session("Band", newest=True).folder == opened.folder
    library.close()
    again = open_library(root)
    assert [take.take_id for take in again.open_session("Band", date=DAY).takes] == [order.take_id]
    again.close()
