"""F9: something on the machine takes all memory. The kernel kills it, and neither capture nor the writer.

The rig and the hog share a memory cgroup, so that the kernel runs its real choice (oom_badness) without hurting
anybody else. Where this process may not lower a score (CAP_SYS_RESOURCE), the hog is raised instead: what counts is
the distance between the two.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.links.out_of_memory import SPARED_SCORE, spare
from rigd.model.state import Transport
from tests.proof.figures import Figures, count
from tests.support.patience import wait_for
from tests.support.rig import RigRun, check_take
from tests.support.tools import CAP_SYS_RESOURCE, Exempt, die_with_parent, excused, has_capability, need_root

LIMIT_BYTES = 600 << 20
HOGS = count(ci=3, full=20)
CONFIG = """
[audio]
driver = "simulated"
channels = 16
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 20
keep_seconds = 5
"""
HOG = """
import sys
taken = []
while True:
    taken.append(bytearray(b"x" * (8 << 20)))
"""


class MemoryCgroup:
    """Processes in it share LIMIT_BYTES."""

    def __init__(self, folder: Path, *, limit: str) -> None:
        self.folder = folder
        self._limit = limit

    def limit(self, bytes_: int) -> None:
        (self.folder / self._limit).write_text(str(bytes_))
        with contextlib.suppress(OSError):  # no swap beside it, where there is any
            (self.folder / "memory.swap.max").write_text("0")

    def add(self, pid: int) -> None:
        (self.folder / "cgroup.procs").write_text(str(pid))


@pytest.fixture
def cgroup() -> Iterator[MemoryCgroup]:
    """Of version 1 or 2, whichever has the memory controller."""
    need_root("a memory cgroup")
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for _, place, kind, options, *_ in mounts:
        legacy = kind == "cgroup" and "memory" in options.split(",")
        folder = Path(place) / f"rigd-test-{uuid.uuid4().hex[:8]}"
        if not legacy and kind != "cgroup2":
            continue
        with contextlib.suppress(OSError):
            folder.mkdir()
            limit = "memory.limit_in_bytes" if legacy else "memory.max"
            if (folder / limit).exists():
                yield MemoryCgroup(folder, limit=limit)
                procs = folder / "cgroup.procs"
                wait_for(lambda procs=procs: not procs.read_text(), "the cgroup is empty")
                folder.rmdir()
                return
            folder.rmdir()
    excused(Exempt.MEMORY_CGROUP)


@pytest.mark.timeout(240)
def test_the_kernel_kills_what_takes_the_memory_and_the_take_is_whole(
    cgroup: MemoryCgroup, figures: Figures
) -> None:
    with RigRun(CONFIG) as rig:
        pids = {name: rig.pid_of(name) for name in ("capture", "writer")}
        cgroup.limit(LIMIT_BYTES)
        for pid in (*pids.values(), rig.daemon.pid):
            cgroup.add(pid)
        rig.say("start")
        rig.await_transport(Transport.ROLLING)
        rig.roll(1)

        def join() -> None:
            die_with_parent()
            cgroup.add(os.getpid())
            if not has_capability(CAP_SYS_RESOURCE):
                Path("/proc/self/oom_score_adj").write_text(str(-SPARED_SCORE))

        for _ in range(HOGS):
            hog = subprocess.Popen([sys.executable, "-c", HOG], preexec_fn=join)
            assert hog.wait(timeout=60) == -signal.SIGKILL
            rig.roll(0.5)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        check_take(take)
        assert {name: rig.pid_of(name) for name in pids} == pids
        how = "-900 for capture and writer" if has_capability(CAP_SYS_RESOURCE) else "+900 for the hog"
        figures.record(
            "F9",
            f"frames lost (in a memory cgroup, OOM score {how})",
            bound="0 frames",
            measured=sum(gap.length_frames for gap in take.gaps),
            unit="frames",
            count=f"{HOGS} hogs killed",
            load="16 ch/48 kHz/24 bit",
        )


def test_capture_and_writer_are_spared_by_the_daemon_that_starts_them(tmp_path: Path) -> None:
    if not has_capability(CAP_SYS_RESOURCE):
        spare(os.getpid())  # nothing is said and nothing breaks where it is not permitted
        excused(Exempt.OOM_SCORES)
    with RigRun(CONFIG) as rig:
        for name in ("capture", "writer"):
            score = Path(f"/proc/{rig.pid_of(name)}/oom_score_adj").read_text()
            assert int(score) == SPARED_SCORE


def test_the_score_is_written_for_the_process_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    spare(7, proc=tmp_path)
    assert (tmp_path / "7" / "oom_score_adj").read_text() == f"{SPARED_SCORE}\n"
    spare(8, proc=tmp_path)  # gone already
