"""A start that gets on is given the time it needs; one that sleeps, is stopped or hangs is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigd.wire.start_progress import LONGEST_START_S, STANDS_STILL_S, StartProgress
from tests.support.patience import wait_for
from tests.support.tools import die_with_parent

BUSY = "while True: pass"
ASLEEP = "import time; time.sleep(600)"


@contextmanager
def running(program: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", program], preexec_fn=die_with_parent) as process:
        try:
            yield process.pid
        finally:
            process.kill()


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def used_ns(pid: int) -> int:
    on_cpu, in_queue, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(on_cpu) + int(in_queue)


def test_a_process_that_computes_or_waits_for_a_processor_gets_on_however_long() -> None:
    clock = Clock()
    progress = StartProgress(clock=clock)
    with running(BUSY) as pid:
        assert progress.stands_for_s(pid) == 0.0
        for _ in range(3):
            before = used_ns(pid)
            wait_for(lambda: used_ns(pid) > before + 1.5e8, "it computes")  # noqa: B023
            clock.now_s += 1.0
            assert progress.stands_for_s(pid) == 0.0
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "T", "it is stopped")
        clock.now_s += 1.0
        progress.stands_for_s(pid)
        clock.now_s += STANDS_STILL_S
        assert progress.stands_for_s(pid) >= STANDS_STILL_S, "a stopped one does not get on"
        clock.now_s += LONGEST_START_S
        assert progress.stands_for_s(pid) == float("inf"), "one that starts for ever never will"


def test_a_process_that_sleeps_does_not_get_on_and_the_next_one_begins_anew() -> None:
    clock = Clock()
    progress = StartProgress(clock=clock)
    with running(ASLEEP) as pid:
        state = Path(f"/proc/{pid}/wchan")
        wait_for(lambda: "nanosleep" in state.read_text(), "it sleeps") if state.read_text() != "0" else None
        wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "S", "it sleeps")
        progress.stands_for_s(pid)
        clock.now_s += 30.0
        progress.stands_for_s(pid)  # whatever its beginning used
        clock.now_s += STANDS_STILL_S
        assert progress.stands_for_s(pid) >= STANDS_STILL_S
        assert progress.stands_for_s(os.getpid()) == 0.0


def task(folder: Path, *, state: str, pages_read: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"7 (python3 x) {state} 1 2 3 4 5 6 7 8 {pages_read} 10 11\n")
    (folder / "schedstat").write_text("1000 1000 5\n")


@pytest.mark.parametrize(
    ("state", "pages_a_second", "gets_on"), [("S", 0, False), ("D", 0, True), ("S", 40, True)]
)
def test_a_process_that_waits_for_a_slow_disk_gets_on(
    tmp_path: Path, state: str, pages_a_second: int, gets_on: bool
) -> None:
    clock = Clock()
    progress = StartProgress(clock=clock, proc=tmp_path)
    for second in range(20):
        task(tmp_path / "7" / "task" / "7", state=state, pages_read=second * pages_a_second)
        stands_s = progress.stands_for_s(7)
        clock.now_s += 1.0
    assert (stands_s < 2.0) is gets_on
