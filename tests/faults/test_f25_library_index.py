"""F25: the library's index is deleted, cut short, damaged, or of the future. rigd starts as fast as ever and records
at once; the index is made anew from the folders, with every take, and the bad one is kept aside.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof.figures import Figures, count
from tests.proof.load import full_load, start_take
from tests.proof.oracle import check_a, check_b
from tests.support.rig import RigRun

CONFIG = full_load(channels=2, period_frames=256, stall_s=1, keep_s=0, preroll_s=0)
TAKES = 3
ROUNDS = count(ci=1, full=20)
Damage = Callable[[Path, random.Random], bool]


def delete(index: Path, chance: random.Random) -> bool:
    index.unlink()
    return False


def cut_short(index: Path, chance: random.Random) -> bool:
    """Anywhere. Where only bytes at the very end are gone that nothing used, SQLite reads zeros for them, and every
    row is there: then it is no damage. One byte alone SQLite takes for no file (unixFileSize in os_unix.c)."""
    whole = content_of(index)
    os.truncate(index, chance.randrange(1, index.stat().st_size))
    return index.stat().st_size > 1 and content_of(index) != whole


def flip_bits(index: Path, chance: random.Random) -> bool:
    content = bytearray(index.read_bytes())
    for _ in range(50):
        content[chance.randrange(100, len(content))] ^= 1 << chance.randrange(8)
    content[16] ^= 0xFF  # the page size, so that it is damaged for certain
    index.write_bytes(content)
    return True


def make_it_of_the_future(index: Path, chance: random.Random) -> bool:
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA user_version = 4711")
    connection.close()
    return True


def replace_with_noise(index: Path, chance: random.Random) -> bool:
    index.write_bytes(chance.randbytes(4096))
    return True


DAMAGES: tuple[Damage, ...] = (delete, cut_short, flip_bits, make_it_of_the_future, replace_with_noise)


@pytest.mark.timeout(count(ci=150, full=1800))
def test_whatever_became_of_the_index_no_take_is_missing(figures: Figures, tmp_path: Path) -> None:
    library = tmp_path / "takes"
    overrides = [f'rig.library="{library}"']
    index = library / ".rigd" / "index.sqlite3"
    with RigRun(CONFIG, overrides=overrides) as rig:
        for number in range(1, TAKES + 1):
            start_take(rig, seconds=0.1)
            rig.say("stop")
            rig.await_closed(number)
    takes, chance, ready_s = TAKES, random.Random(25), []
    for _ in range(ROUNDS):
        for damage in DAMAGES:
            for beside in index.parent.glob("index.sqlite3-*"):
                beside.unlink()
            aside = set(index.parent.glob("index.sqlite3.bad-*"))
            keeps = damage(index, chance)
            began = time.monotonic()
            with RigRun(CONFIG, overrides=overrides) as rig:
                ready_s.append(time.monotonic() - began)
                start_take(rig, seconds=0.1)
                rig.say("stop")
                takes += 1
                closed = rig.await_closed(takes)
                check_a(closed[-1].folder)
                check_b(closed[-1].folder)
            new = set(index.parent.glob("index.sqlite3.bad-*")) - aside
            assert bool(new) == keeps, f"{damage.__name__}: kept aside: {new}"
            there = {library / folder for folder in listed(index)}
            assert there == {Path(take.folder) for take in closed}, f"after {damage.__name__}"
    of = f"{len(ready_s)} damaged indexes"
    figures.record("F25", "takes missing", bound="0", measured=0, unit="takes", count=of, load="2 ch")
    figures.record(
        "F25", "start until ready", bound="<= 5 s", measured=max(ready_s), unit="s", count=of, load="2 ch"
    )


def content_of(index: Path) -> list[tuple[object, ...]] | None:
    """Every row of it, as SQLite finds them by itself; None where it is not sound. The file is left as it is."""
    connection = sqlite3.connect(f"file:{index}?mode=ro&immutable=1", uri=True)
    try:
        if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            return None
        return [
            row
            for table in ("sessions", "takes")
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY folder")
        ]
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()


def listed(index: Path) -> list[str]:
    """Folders of the takes that the index lists."""
    connection = sqlite3.connect(index)
    try:
        return [row[0] for row in connection.execute("SELECT folder FROM takes")]
    finally:
        connection.close()
