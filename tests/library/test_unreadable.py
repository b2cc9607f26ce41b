"""Whatever lies in a library and cannot be read costs itself and nothing else: the index, listing, recovery, the
trash, the second volume and `takes verify` go on as though it were not there. It is named once.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from take_maker import begin, close, closed_take, open_library, track
from test_two_volumes import TwoVolumes

from rigd.library.library import Library
from rigd.library.walking import folders_in
from rigd.mirror.take_places import TakePlaces
from rigd.mirror.verify import find_takes
from rigd.model.take import Slate
from rigd.takefile.recovery import recover_library

DAY = "2025-06-01"


CAPABILITIES = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    """A library's folder. The test goes on without root's right to read what it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    had, without = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, had) == 0
    without[:] = had[:]
    without[0] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    assert libc.capset(header, without) == 0
    try:
        yield tmp_path / "library"
    finally:
        assert libc.capset(header, had) == 0
        for name, _, _ in os.walk(tmp_path):
            Path(name).chmod(0o700)


def lost_and_found(root: Path, session: Path) -> None:
    (root / "lost+found").mkdir()
    (root / "lost+found").chmod(0)


def closed_session(root: Path, session: Path) -> None:
    other = root / "2025-05-01 Band"
    (other / "Song" / "Take 001").mkdir(parents=True)
    other.chmod(0)


def closed_song(root: Path, session: Path) -> None:
    (session / "Closed").mkdir()
    (session / "Closed").chmod(0)


def closed_take_folder(root: Path, session: Path) -> None:
    (session / "Blue" / "Take 900").mkdir()
    (session / "Blue" / "Take 900").chmod(0)


def folder_without_search(root: Path, session: Path) -> None:
    (session / "Blue" / "Take 901").mkdir()
    (session / "Blue" / "Take 901" / "take.json").write_text("{}")
    (session / "Blue" / "Take 901" / "take.journal").write_text("")
    (session / "Blue" / "Take 901").chmod(0o444)


def files_without_permission(root: Path, session: Path) -> None:
    folder = session / "Blue" / "Take 902"
    folder.mkdir()
    for name in ("take.json", "take.journal"):
        (folder / name).write_text("{}")
        (folder / name).chmod(0)


def session_without_permission(root: Path, session: Path) -> None:
    other = root / "2025-05-02 Band"
    (other / "Song").mkdir(parents=True)
    (other / "session.json").write_text("{}")
    (other / "session.json").chmod(0)


def broken_json(root: Path, session: Path) -> None:
    for place in (root / "2025-05-03 Band" / "S" / "T", session / "Blue" / "Take 903"):
        place.mkdir(parents=True)
        (place / "take.json").write_bytes(b'{"format": "rigd take", \xff')
    (root / "2025-05-03 Band" / "session.json").write_bytes(b"[" * 100_000)


def links_to_nowhere(root: Path, session: Path) -> None:
    for place in (root / "link", session / "Song", session / "Blue" / "Take 904"):
        place.symlink_to("/nowhere/at/all")
    (session / "Blue" / "Take 905").mkdir()
    (session / "Blue" / "Take 905" / "take.json").symlink_to("take.json")


def pipes(root: Path, session: Path) -> None:
    (session / "Blue" / "Take 906").mkdir()
    other = root / "2025-05-04 Band"
    other.mkdir()
    for place in (
        root / "pipe",
        session / "pipe",
        other / "session.json",
        session / "Blue" / "Take 906" / "take.json",
        session / "Blue" / "Take 906" / "take.journal",
    ):
        os.mkfifo(place)


def names_that_are_not_utf8(root: Path, session: Path) -> None:
    for place in (os.fsencode(root), os.fsencode(session), os.fsencode(session / "Blue")):
        os.makedirs(place + b"/\xff\xfe\x80")
    take = os.fsencode(session / "Blue") + b"/\xc3("
    os.mkdir(take)
    with open(take + b"/take.json", "wb") as file:
        file.write(b"{}")


def folders_for_files(root: Path, session: Path) -> None:
    (root / "2025-05-05 Band" / "session.json").mkdir(parents=True)
    for name in ("take.json", "take.journal"):
        (session / "Blue" / "Take 907" / name).mkdir(parents=True)


THINGS = (
    lost_and_found,
    closed_session,
    closed_song,
    closed_take_folder,
    folder_without_search,
    files_without_permission,
    session_without_permission,
    broken_json,
    links_to_nowhere,
    pipes,
    names_that_are_not_utf8,
    folders_for_files,
)


def all_of_them(root: Path, session: Path) -> None:
    for put in THINGS:
        put(root, session)


@pytest.mark.parametrize("put", [*THINGS, all_of_them], ids=lambda put: put.__name__)
def test_what_cannot_be_read_costs_itself_only(
    shelf: Path, put: Callable[[Path, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    library = open_library(shelf)
    session = Path(library.open_session("Band", date=DAY).folder)
    orders = [closed_take(library, str(session)) for _ in range(3)]
    library.close()
    wanted = [order.take_id for order in orders]
    put(shelf, session)
    (shelf / ".rigd" / "index.sqlite3").unlink()
    caplog.set_level(logging.WARNING)

    assert not [each for each in recover_library(shelf, skip=lambda folder: False) if each is not None] or (
        put in (files_without_permission, folder_without_search, pipes, folders_for_files, all_of_them)
    )
    library = open_library(shelf)
    try:
        opened = library.open_session("Band", date=DAY)
        assert opened.folder == str(session)
        assert [take.take_id for take in opened.takes] == wanted
        index_of(library)
        assert library.catalogue.fault == "" and not library.catalogue.incomplete
        listed = library.reader.takes()
        assert [row.take_id for row in listed if row.take_id] == wanted
        assert str(session.relative_to(shelf)) in {row.folder for row in library.reader.sessions()}
        before = len(caplog.records)
        index_of(library)
        assert len(caplog.records) == before, "named once"

        # The trash, and back.
        trashed = library.discard(orders[1].take_id)
        assert trashed.folder.parent == session / ".trash"
        assert library.restore(orders[1].take_id).folder == Path(orders[1].folder)
        new = library.plan_take(
            session_folder=str(session),
            slate=Slate(session="Band", song="Blue", number=4),
            tracks=(track(1),),
        )
        assert not os.path.lexists(new.folder)

        # The second volume's walk and verify.
        mirror = shelf.parent / "nothing"
        places = TakePlaces(shelf, mirror, go_on=lambda: None)
        assert places.look_through() == set(wanted)
        found = {folder for folder, _ in find_takes(shelf, None)}
        assert {Path(order.folder) for order in orders} <= found
    finally:
        library.close()


def test_what_cannot_be_read_is_named(shelf: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = open_library(shelf)
    try:
        session = Path(library.open_session("Band", date=DAY).folder)
        closed_take(library, str(session))
        lost_and_found(shelf, session)
        closed_take_folder(shelf, session)
        index_of(library)
        index_of(library)
    finally:
        library.close()
    told = [record.getMessage() for record in caplog.records]
    for name in ("lost+found", "Take 900"):
        assert len([line for line in told if name in line and "It is passed by" in line]) == 1, told


def test_a_disk_that_fails_within_a_folder_gives_what_it_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    scandir = os.scandir

    class Failing:
        """The third entry cannot be had."""

        def __init__(self, path: Path) -> None:
            self._entries = scandir(path)
            self._left = 2

        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *of: object) -> None:
            self._entries.close()

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            for entry in self._entries:
                if not self._left:
                    raise OSError(5, "Input/output error")
                self._left -= 1
                yield entry

    monkeypatch.setattr(os, "scandir", Failing)
    told: list[tuple[Path, OSError]] = []
    found = list(folders_in(tmp_path, lambda path, error: told.append((path, error))))
    assert len(found) == 2 and [path for path, _ in told] == [tmp_path]


def index_of(library: Library) -> None:
    for _ in library.catch_up(may_move=lambda: True):
        pass
    # What the keeper notes once a walk is over.
    library.catalogue.incomplete = bool(library.catalogue.fault)


def test_the_second_volume_gets_every_take_all_the_same(shelf: Path) -> None:
    volumes = TwoVolumes(shelf.parent)
    try:
        session = Path(volumes.session)
        orders = [volumes.order() for _ in range(2)]
        for order in orders:
            begin(order)
            close(order)
            volumes.file(order)
        all_of_them(volumes.here, session)
        (volumes.there / "2025-05-01 Band").mkdir(parents=True)
        lost_and_found(volumes.there, volumes.there)
        volumes.start()
        for order in orders:
            volumes.await_same(order)
            assert (Path(volumes.twin(order).folder) / "take.journal").is_file()
    finally:
        volumes.stop()
