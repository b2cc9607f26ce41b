"""F27: foreign, truncated and fuzzed files lie in the library. rigd starts, closes and lists what it can, leaves the
rest as it is, and records; it takes no longer and no more memory than it may, and every error is one it foresaw.

rigd has no parser child that might die, because it decodes nothing: of a sound file it reads its own header of 4,096
bytes, in the writer and in Python, and what is no such header says nothing. So nothing of it may end at all.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proof.figures import Figures, count, is_full
from tests.proof.load import full_load, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.roots import copy_take, take_roots
from tests.proof.spoil import put_foreign_things, spoil_folder
from tests.support.rig import RigRun

FOLDERS = count(ci=150, full=5300)
ROUNDS = count(ci=1, full=10)
"""Of so many folders each; two files of each are changed, on average. Ten rounds take some minutes on two cores."""
FILES = 100_000
"""That many at least, in full size."""
MOST_BYTES = 256_000_000
TREE = Path(__file__).resolve().parents[2]
CONFIG = full_load(channels=2, period_frames=256, stall_s=1, keep_s=0, preroll_s=0)


@pytest.fixture
def library() -> Iterator[Path]:
    """In memory, because it is filled and emptied again and again."""
    folder = Path(tempfile.mkdtemp(prefix="rigd-test-", dir="/dev/shm"))
    try:
        yield folder / "takes"
    finally:
        shutil.rmtree(folder)


def rig_on(library: Path) -> RigRun:
    return RigRun(CONFIG, overrides=[f'rig.library="{library}"'])


def good_take(library: Path) -> Path:
    """The folder of a whole take of rigd's own."""
    with rig_on(library) as rig:
        start_take(rig, seconds=0.2)
        return Path(stop_take(rig).folder)


@pytest.mark.timeout(count(ci=150, full=1800))
def test_fuzzed_takes_neither_stop_nor_slow_the_rig(library: Path, figures: Figures, tmp_path: Path) -> None:
    good = good_take(library)
    roots = take_roots(good, tmp_path / "roots")
    session, spoiled = good.parent.parent, Counter[str]()
    walks: list[Walk] = []
    most_bytes = 0
    for seed in range(ROUNDS):
        chance = random.Random(seed)
        for number in range(FOLDERS):
            if number == FOLDERS // 2:
                # These are rigd recover's; of the others the daemon and the writer of a rig are to make something.
                walks.append(recover(library, tmp_path))
            kind, copy = chance.choice(sorted(roots)), session / "Fuzz" / f"Take {number:05}"
            copy_take(roots[kind], copy)
            spoiled += spoil_folder(copy, chance, kind=kind)
        most_bytes = max(most_bytes, walks[-1].most_bytes, check_that_it_records(library))
        assert most_bytes <= MOST_BYTES
        shutil.rmtree(session / "Fuzz")
    assert spoiled.total() >= FILES or not is_full()
    assert all(spoiled[sort] for sort in ("WAV", "RF64", "FLAC", "take.journal", "take.json"))
    closed, left = sum(walk.closed for walk in walks), sum(walk.left for walk in walks)
    assert closed and left, "their files were opened"
    slowest = max(walks, key=lambda walk: walk.slowest_s)
    sorts = ", ".join(f"{many:,} {sort}" for sort, many in sorted(spoiled.items()))
    of = f"{spoiled.total():,} files ({sorts}) in {ROUNDS * FOLDERS:,} takes"
    outcome = (
        f"{of}; of one half {closed:,} were closed, {left:,} left as they were; the other half met a rig"
    )
    record = figures.record
    record(
        "F27",
        "daemon, writer or capture ended",
        bound="0",
        measured=0,
        unit="times",
        count=f"{outcome}; no decoder and no parser child",
        load="2 ch",
    )
    record(
        "F27",
        "time for all files of a take, the slowest",
        bound="<= 2 s",
        measured=slowest.slowest_s,
        unit="s",
        count=of,
        load="2 ch",
    )
    record(
        "F27",
        "memory of any process, at its peak",
        bound="<= 256 MB",
        measured=most_bytes / 1e6,
        unit="MB",
        count=of,
        load="2 ch",
    )


def test_pipes_devices_links_and_files_of_4_gib_in_their_place_hold_nothing_up(
    library: Path, tmp_path: Path
) -> None:
    good = good_take(library)
    put_foreign_things(good.parent.parent, good)
    recover(library, tmp_path)
    check_that_it_records(library)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What `rigd recover` cost in a library."""

    slowest_s: float
    """At one take."""
    closed: int
    left: int
    most_bytes: int


def recover(library: Path, folder: Path) -> Walk:
    """`rigd recover` has gone through the library."""
    config, times = folder / "recover.toml", folder / "times.json"
    config.write_text(f'[rig]\nlibrary = "{library}"\n{CONFIG}', "utf-8")
    command = [sys.executable, "-m", "tests.proof.stopwatch", str(times), "recover", "--config", str(config)]
    command += ["--runtime-dir", str(folder / "no-rig-runs-here")]
    with (folder / "recover.log").open("w+", errors="replace") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=TREE, preexec_fn=bound_memory)
        _, status, used = os.wait4(
            running.pid, 0
        )  # what this one used; the sum of all children would say less
        running.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read()
    assert running.returncode in (0, 6), f"{running.returncode}: {said[-4000:]}"
    check_log(said)
    found = json.loads(times.read_text())
    print(f"slowest: {found['slowest_s']:.3f} s, {found['slowest']}")
    return Walk(
        slowest_s=found["slowest_s"],
        closed=found["closed"],
        left=found["left"],
        most_bytes=1024 * used.ru_maxrss,
    )


def bound_memory() -> None:
    """A reader that believes a length in a file is stopped by it, not by this machine's end. Addresses are more than
    memory: libraries alone take half of that."""
    resource.setrlimit(resource.RLIMIT_AS, (4 * MOST_BYTES, 4 * MOST_BYTES))


def peak_bytes(pid: int) -> int:
    """The most memory that the process had, the tape's pages that it touched among it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no VmHWM")


def check_that_it_records(library: Path) -> int:
    """A rig on this library is ready and records; nothing of it ends, and nothing unforeseen is in its logs. The most
    memory that one of its processes had."""
    with rig_on(library) as rig:
        processes = rig.daemon.pid, rig.pid_of("writer"), rig.pid_of("capture")
        await_walked(rig)
        takes = len(rig.client().takes())
        start_take(rig, seconds=0.3)
        rig.say("stop")
        rig.await_state(lambda state: state.take is None, "the take is stopped")
        closed = rig.client().wait_closed(timeout_s=60)
        assert closed is not None
        newest = rig.client().takes()[-1]
        check_a(newest.folder)
        check_b(newest.folder)
        assert len(rig.client().takes()) == takes + 1
        assert processes == (rig.daemon.pid, rig.pid_of("writer"), rig.pid_of("capture"))
        assert rig.daemon.poll() is None
        check_log(rig.logs())
        folder = Path(newest.folder)
        most_bytes = max(peak_bytes(pid) for pid in processes)
    shutil.rmtree(folder)
    return most_bytes


def await_walked(rig: RigRun) -> None:
    """Writer and daemon have gone through the library: no more is found, and nothing more is said of it."""
    before: tuple[int, int] | None = None
    while before != (now := (len(rig.client().takes()), len(rig.logs()))):
        before = now
        rig.hear(1.0)


def check_log(text: str) -> None:
    """Nothing happened that nobody foresaw."""
    at = text.find("Traceback")
    assert at < 0, text[max(0, at - 500) : at + 4000]
