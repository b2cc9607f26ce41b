"""False takes go to the trash of their session and come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from take_maker import append, begin, close, closed_take, open_library, order_take

from rigd.library.library import Library
from rigd.model.errors import LibraryError
from rigd.model.units import TakeId

DAY = "2025-06-01"


@pytest.fixture
def session(library: Library) -> Path:
    return Path(library.open_session("Band", date=DAY).folder)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, but for take.json and session.json."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".json"
    }


def false_take(folder: Path) -> bool:
    return bool(json.loads((folder / "take.json").read_bytes())["false_take"])


def test_a_discarded_take_is_in_the_trash_whole(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    before = tree(Path(order.folder))
    found = library.discard(order.take_id)
    assert found.folder == session / ".trash" / "Blue - Take 001"
    assert not Path(order.folder).exists()
    assert tree(found.folder) == before and false_take(found.folder)


def test_undo_brings_it_back_to_where_it_was(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    before = tree(session)
    library.discard(order.take_id)
    found = library.restore(order.take_id)
    assert str(found.folder) == order.folder and not found.sheet.false_take
    assert tree(session) == before and not false_take(found.folder)
    assert found.sheet.trashed_from == ""


def test_a_place_that_is_taken_by_then_gives_it_a_suffix(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    library.discard(order.take_id)
    again = order_take(library, str(session), number=1)
    begin(again)
    close(again)
    assert again.folder == order.folder
    assert library.restore(order.take_id).folder == Path(f"{order.folder} (2)")
    assert {take.folder for take in library.open_session("Band", date=DAY).takes} == {
        order.folder,
        f"{order.folder} (2)",
    }


def test_takes_of_the_same_name_lie_beside_each_other_in_the_trash(library: Library, session: Path) -> None:
    folders = []
    for _ in range(3):
        order = order_take(library, str(session), number=1)
        begin(order)
        close(order)
        library.file_take(Path(order.folder))
        folders.append(library.discard(order.take_id).folder.name)
    assert folders == ["Blue - Take 001", "Blue - Take 001 (2)", "Blue - Take 001 (3)"]


def test_a_number_thrown_away_is_not_used_again(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    library.discard(order.take_id)
    library.open_session("Band", date=DAY)
    assert library.next_take_number(session_folder=str(session), song="Blue") == 2


def test_trash_and_undo_work_after_a_restart_and_without_the_index(root: Path) -> None:
    library = open_library(root)
    session = library.open_session("Band", date=DAY).folder
    order = closed_take(library, session)
    library.discard(order.take_id)
    library.close()
    for path in (root / ".rigd").glob("index*"):
        path.unlink()
    library = open_library(root)
    opened = library.open_session("Band", date=DAY)
    assert opened.trashed == (order.take_id,) and opened.takes == ()
    assert opened.discarded_names == ((order.take_id, 'take 1 of "Blue"'),)
    assert str(library.restore(order.take_id).folder) == order.folder
    assert library.open_session("Band", date=DAY).trashed == ()
    library.close()


def test_discarding_twice_and_restoring_twice_is_no_harm(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    assert library.discard(order.take_id).folder == library.discard(order.take_id).folder
    assert (
        library.restore(order.take_id).folder == library.restore(order.take_id).folder == Path(order.folder)
    )


def test_a_rolling_take_is_never_moved(library: Library, session: Path) -> None:
    order = order_take(library, str(session))
    begin(order)
    library.open_session("Band", date=DAY)
    with pytest.raises(LibraryError, match="still open"):
        library.discard(order.take_id)
    assert Path(order.folder).is_dir()


def test_a_take_that_is_not_there_is_an_error_with_its_id(library: Library, session: Path) -> None:
    with pytest.raises(LibraryError, match="f00"):
        library.discard(TakeId("f00"))


def test_a_false_take_that_a_crash_left_in_its_place_is_moved_at_the_next_start(
    library: Library, session: Path
) -> None:
    order = order_take(library, str(session))
    begin(order)
    append(order.folder, replace(order.slate, false_take=True))
    close(order)
    assert library.open_session("Band", date=DAY).trashed == (order.take_id,)
    list(library.catch_up(may_move=lambda: False))
    assert Path(order.folder).is_dir()
    list(library.catch_up(may_move=lambda: True))
    assert not Path(order.folder).exists()
    assert false_take(session / ".trash" / "Blue - Take 001")


def test_nothing_is_moved_at_the_start_while_a_take_is_open(library: Library, session: Path) -> None:
    order, rolling = order_take(library, str(session)), order_take(library, str(session))
    begin(rolling)
    begin(order)
    append(order.folder, replace(order.slate, false_take=True))
    close(order)
    list(library.catch_up(may_move=lambda: True))
    assert Path(order.folder).is_dir()


def test_a_power_cut_during_undo_leaves_the_false_take_it_was(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    trashed = library.discard(order.take_id).folder
    trashed.rename(order.folder)  # the first half of restore
    list(library.catch_up(may_move=lambda: True))
    assert false_take(trashed)
    assert str(library.restore(order.take_id).folder) == order.folder


def test_what_a_person_drops_into_the_trash_is_a_false_take(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    (session / ".trash").mkdir()
    Path(order.folder).rename(session / ".trash" / "by hand")
    list(library.catch_up(may_move=lambda: True))
    opened = library.open_session("Band", date=DAY)
    assert opened.trashed == (order.take_id,) and false_take(session / ".trash" / "by hand")
    assert library.restore(order.take_id).folder == Path(order.folder)


def test_a_sheet_that_names_a_place_outside_does_not_lead_there(library: Library, session: Path) -> None:
    order = closed_take(library, str(session))
    trashed = library.discard(order.take_id).folder
    sheet = json.loads((trashed / "take.json").read_bytes())
    for evil in ("../../../x/y", "/etc/x", "a/..", "../x"):
        (trashed / "take.json").write_text(json.dumps({**sheet, "trashed_from": evil}))
        restored = library.restore(order.take_id).folder
        assert restored.parent == session / "Blue"
        restored.rename(trashed)


def test_a_trash_that_is_a_link_is_refused(library: Library, session: Path, tmp_path: Path) -> None:
    order = closed_take(library, str(session))
    (tmp_path / "elsewhere").mkdir()
    (session / ".trash").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LibraryError, match="is a link"):
        library.discard(order.take_id)
    assert Path(order.folder).is_dir() and not list((tmp_path / "elsewhere").iterdir())
