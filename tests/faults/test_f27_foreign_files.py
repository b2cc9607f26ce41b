"""F27: foreign, truncated and fuzzed files lie in the library. rigd starts, closes and lists what it can, leaves the
rest as it is, and records; it takes no longer and no more memory than it may, and every error is one it foresaw.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.figures import Figures, count
from tests.faults.load import full_load, start_take, stop_take
from tests.faults.oracle import check_a, check_b
from tests.faults.spoil import put_foreign_things, spoil_folder
from tests.support.rig import RigRun

FOLDERS = count(ci=120, full=1000)
ROUNDS = count(ci=1, full=52)
"""Of so many folders each; a little under two files of each are changed."""
MOST_BYTES = 256 << 20
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


@pytest.mark.timeout(count(ci=150, full=5400))
def test_fuzzed_takes_neither_stop_nor_slow_the_rig(library: Path, figures: Figures, tmp_path: Path) -> None:
    good = good_take(library)
    session, files, slowest_s, most_bytes = good.parent.parent, 0, 0.0, 0
    for seed in range(ROUNDS):
        chance = random.Random(seed)
        for number in range(FOLDERS):
            copy = session / "Fuzz" / f"Take {number:05}"
            shutil.copytree(good, copy)
            files += spoil_folder(copy, chance)
        took_s, used_bytes = recover(library, tmp_path)
        slowest_s, most_bytes = max(slowest_s, took_s / FOLDERS), max(most_bytes, used_bytes)
        check_that_it_records(library)
        shutil.rmtree(session / "Fuzz")
    of = f"{files:,} files in {ROUNDS * FOLDERS:,} takes"
    figures.record(
        "F27", "daemon or writer ended", bound="0", measured=0, unit="times", count=of, load="2 ch"
    )
    figures.record(
        "F27",
        "time for a take, on average",
        bound="<= 2 s",
        measured=slowest_s,
        unit="s",
        count=of,
        load="2 ch",
    )
    figures.record(
        "F27", "memory", bound="<= 256 MB", measured=most_bytes / 1e6, unit="MB", count=of, load="2 ch"
    )


def test_pipes_devices_links_and_files_of_4_gib_in_their_place_hold_nothing_up(
    library: Path, tmp_path: Path
) -> None:
    good = good_take(library)
    put_foreign_things(good.parent.parent, good)
    recover(library, tmp_path)
    check_that_it_records(library)


def recover(library: Path, folder: Path) -> tuple[float, int]:
    """`rigd recover` has gone through the library: how long it took, and how much memory."""
    config = folder / "recover.toml"
    config.write_text(f'[rig]\nlibrary = "{library}"\n{CONFIG}', "utf-8")
    command = [sys.executable, "-m", "rigd", "recover", "--config", str(config)]
    command += ["--runtime-dir", str(folder / "no-rig-runs-here")]
    began = time.monotonic()
    with (folder / "recover.log").open("w+", errors="replace") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=bound_memory)
        _, status, used = os.wait4(
            running.pid, 0
        )  # what this one used; the sum of all children would say less
        running.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read()
    assert running.returncode in (0, 6), f"{running.returncode}: {said[-4000:]}"
    check_log(said)
    return time.monotonic() - began, 1024 * used.ru_maxrss


def bound_memory() -> None:
    """A reader that believes a length in a file is stopped by it, not by this machine's end."""
    resource.setrlimit(resource.RLIMIT_AS, (4 * MOST_BYTES, 4 * MOST_BYTES))


def check_that_it_records(library: Path) -> None:
    """A rig on this library is ready and records; nothing of it ends, and nothing unforeseen is in its logs."""
    with rig_on(library) as rig:
        processes = rig.daemon.pid, rig.pid_of("writer"), rig.pid_of("capture")
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
    shutil.rmtree(folder)


def check_log(text: str) -> None:
    """Nothing happened that nobody foresaw."""
    at = text.find("Traceback")
    assert at < 0, text[max(0, at - 500) : at + 4000]
