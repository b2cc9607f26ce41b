"""The trash is emptied: what was discarded is gone for good, and nothing else is touched, whatever lies there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from take_maker import NOON, closed_take, open_library

from rigd.library.library import Library
from rigd.model.library import TrashEmptied
from rigd.model.take import TakeOrder

NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(tmp_path: Path, clock: Clock) -> Iterator[Library]:
    library = open_library(tmp_path / "takes", now=clock)
    yield library
    library.close()


def discarded(library: Library, song: str = "Blue") -> tuple[TakeOrder, Path]:
    session = library.open_session("Band").folder
    order = closed_take(library, session, song=song)
    return order, library.discard(order.take_id).folder


def emptied(library: Library, *, older_than_s: float = 0, while_idle: bool = True) -> TrashEmptied:
    before_s = library._now().timestamp() - older_than_s
    return library.empty_trash(
        round(before_s * NS), is_of_any_age=not older_than_s, may_go_on=lambda: while_idle
    )


def test_discarded_takes_are_gone_and_the_good_ones_stay(library: Library) -> None:
    order, place = discarded(library)
    good = closed_take(library, library.open_session("Band").folder)
    found = emptied(library)
    assert found.takes == (order.take_id,) and found.size_bytes > 1000 and not found.problem
    assert not place.exists() and Path(good.folder, "take.json").exists()
    assert library.reader.take(order.take_id) is None
    assert library.reader.take(good.take_id) is not None


def test_only_what_is_old_enough(library: Library, clock: Clock) -> None:
    old, _ = discarded(library)
    clock.now = NOON + timedelta(days=31)
    young, place = discarded(library)
    assert emptied(library, older_than_s=30 * 86_400).takes == (old.take_id,)
    assert place.exists() and library.reader.take(young.take_id) is not None


def test_a_link_is_removed_and_what_it_points_to_stays(library: Library, tmp_path: Path) -> None:
    _, place = discarded(library)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (place / "a link").symlink_to(outside)
    (place / "a file").symlink_to(outside / "precious")
    (place / "inner").mkdir()
    (place / "inner" / "deeper").symlink_to(outside)
    elsewhere = place.with_name("linked take")
    elsewhere.symlink_to(outside)
    assert len(emptied(library).takes) == 1
    assert not place.exists() and elsewhere.is_symlink()
    assert (outside / "precious").read_text() == "x"


def test_a_trash_that_is_a_link_is_left_alone(library: Library, tmp_path: Path) -> None:
    _, place = discarded(library)
    moved = tmp_path / "moved"
    shutil.move(place.parent, moved)
    place.parent.symlink_to(moved)
    assert emptied(library).takes == ()
    assert (moved / place.name / "take.json").exists()


def test_what_is_no_take_stays(library: Library) -> None:
    _, place = discarded(library)
    other = place.with_name("somebody's folder")
    other.mkdir()
    (other / "notes.txt").write_text("x")
    emptied(library)
    assert (other / "notes.txt").exists()


def test_nothing_is_deleted_once_a_take_is_begun(library: Library) -> None:
    _, place = discarded(library)
    found = emptied(library, while_idle=False)
    assert found.takes == () and "a take was begun" in found.problem
    assert (place / "take.json").exists()


def test_the_copy_on_the_mirror_goes_as_well_and_nothing_else_there(tmp_path: Path, clock: Clock) -> None:
    from rigd.model.names import parse_naming

    mirror = tmp_path / "mirror"
    library = Library(tmp_path / "takes", naming=parse_naming(), now=clock, mirror=mirror)
    try:
        _, place = discarded(library)
        other, _ = discarded(library, song="Other")
        copy = mirror / place.relative_to(library.root)
        shutil.copytree(library.root, mirror, ignore=shutil.ignore_patterns(".rigd"))
        good = mirror / Path(other.folder).relative_to(library.root)
        shutil.copytree(copy, good)  # of the same id, and in no trash
        assert len(emptied(library).takes) == 2
        assert not copy.exists() and good.exists()
    finally:
        library.close()


def test_a_take_that_was_half_deleted_is_still_one_of_the_trash(library: Library) -> None:
    order, place = discarded(library)
    for path in place.iterdir():
        if path.name != "take.json":
            path.unlink()
    assert emptied(library).takes == (order.take_id,)
    assert not place.exists()
