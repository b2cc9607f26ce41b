"""T22: what rigd reads back from a library was written by somebody else: song folders that lead out, numbers that no
disk has, orders to keep what lies elsewhere, rows of an index that point away. Each is refused, a person is told, it
costs itself only, and recording goes on in a good folder.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.library.index import INDEX_NAME
from tests.proof.figures import Figures
from tests.proof.load import full_load, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.outside_watch import OutsideWatch
from tests.support.patience import wait_for
from tests.support.rig import RigRun, is_settled

CONFIG = full_load(channels=2, period_frames=256, stall_s=1, keep_s=0, preroll_s=0)
EVIL = (
    "../../x",
    "/tmp/rigd-t22-abs",
    "..",
    ".",
    ".rigd",
    ".trash",
    "",
    "a/b",
    "new\nline",
    "x" * 200,
    "nul\0",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The library's, on a real disk."""
    found = Path(tempfile.mkdtemp(prefix="rigd-test-"))
    try:
        yield found
    finally:
        shutil.rmtree(found)


def rig_on(library: Path) -> RigRun:
    return RigRun(CONFIG, overrides=[f"rig.library={json.dumps(str(library))}"])


def good_session(library: Path) -> Path:
    """Of a rig that has recorded a take in it."""
    with rig_on(library) as rig:
        rig.say("song Good")
        start_take(rig, seconds=0.2)
        take = stop_take(rig)
        wait_for(lambda: is_settled(take), "nothing is left to do")
        return Path(take.folder).parent.parent


def test_song_folders_that_lead_out_are_refused_told_and_recorded_elsewhere(
    folder: Path, figures: Figures
) -> None:
    library = folder / "in" / "takes"
    session = good_session(library)
    sheet = json.loads((session / "session.json").read_bytes())
    sheet["songs"] += [
        {"name": f"Song {number}", "folder": evil, "next_take_number": 7} for number, evil in enumerate(EVIL)
    ]
    sheet["songs"].append({"name": "Far", "folder": "Far", "next_take_number": 1 << 70})
    (session / "session.json").write_text(json.dumps(sheet))
    beside = {path for place in (folder, folder / "in", library) for path in place.iterdir()}
    with rig_on(library) as rig:
        rig.await_state(lambda state: "look through" in str(state.faults), "it is told")
        assert str(session / "session.json") in str(rig.state().faults)
        assert all(repr(evil)[:20] in rig.logs().replace("\\\\", "\\") for evil in EVIL)
        takes = []
        for number in range(len(EVIL)):
            rig.say(f"song Song {number}")
            start_take(rig, seconds=0.1)
            takes.append(stop_take(rig, closed=2 + number))
        rig.say("song Far")
        assert rig.state().next_take_number == 1
        for number, take in enumerate(takes):
            assert take.failure == "" and Path(take.folder).parent == session / f"Song {number}"
            check_a(take.folder)
            check_b(take.folder)
    with rig_on(library) as rig:
        assert {take.take_id for take in takes} <= {take.take_id for take in rig.state().takes}, (
            "listed again"
        )
    assert {path for place in (folder, folder / "in", library) for path in place.iterdir()} == beside
    assert not Path("/tmp/rigd-t22-abs").exists()
    figures.record(
        "T22",
        "takes of songs whose folder leads out, lost or elsewhere",
        bound="0",
        measured=0,
        unit="takes",
        count=f"{len(EVIL)} folders in session.json",
        load="2 ch",
    )


def test_an_index_that_points_away_is_made_anew_from_the_folders(folder: Path) -> None:
    library = folder / "takes"
    session = good_session(library)
    take = next(session.glob("*/Take*"))
    outside = folder / "outside" / "Song" / "Take 001"
    shutil.copytree(take, outside)
    with contextlib.closing(sqlite3.connect(library / ".rigd" / INDEX_NAME)) as index, index:
        *row, checksum = index.execute("SELECT * FROM takes").fetchone()
        assert checksum == zlib.crc32(repr(tuple(row)).encode())
        row[:2] = "../outside/Song/Take 001", "../outside"
        stored = zlib.crc32(repr(tuple(row)).encode())
        index.execute("DELETE FROM takes")
        index.execute(f"INSERT INTO takes VALUES ({', '.join('?' * (len(row) + 1))})", (*row, stored))
    with OutsideWatch(folder / "outside") as watch, rig_on(library) as rig:
        rig.say("discard")
        wait_for(lambda: not take.exists(), "it is in the trash")
        assert watch.touched() == []
        assert list((library / ".rigd").glob(f"{INDEX_NAME}.bad-*"))


def test_another_programs_database_in_place_of_the_index_is_put_aside_as_it_is(folder: Path) -> None:
    library = folder / "takes"
    (library / ".rigd").mkdir(parents=True)
    path = library / ".rigd" / INDEX_NAME
    with contextlib.closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE theirs (what)")
        theirs.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    with rig_on(library) as rig:
        start_take(rig, seconds=0.1)
        check_a(stop_take(rig).folder)
    (aside,) = (library / ".rigd").glob(f"{INDEX_NAME}.bad-*")
    assert aside.read_bytes() == before, "not switched to a write-ahead log, and no table dropped"
