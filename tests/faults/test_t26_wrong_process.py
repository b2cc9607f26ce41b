"""T26: a lock of a process that is gone names a number that another process has by now; a stranger calls himself what
rigd's own processes are called. Nobody is killed but who holds the lock, or was started by rigd."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigd.links.process_link import ProcessLink, Upkeep
from rigd.model.messages import StopCapture
from rigd.wire import process_handle
from rigd.wire.process_handle import ProcessHandle
from tests.links.test_process_link import PROCESS, Notes
from tests.proof.figures import Figures
from tests.support import stranger
from tests.support.patience import wait_for
from tests.support.tools import need_root

SLEEPS = "import time; time.sleep(600)"
FOR_A_SHELL_TOO = '''""":"
read wait
":"""
'''
"""In front of a program of Python: a shell that is to run the same text waits."""
HOLDS = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(fd, fcntl.LOCK_EX)
os.ftruncate(fd, 0)
os.pwrite(fd, sys.argv[2].encode() or f"{os.getpid()}\\n".encode(), 0)
print("holds", flush=True)
time.sleep(600)
"""

LISTENS = """
import socket, sys, time
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen()
print("listens", flush=True)
time.sleep(600)
"""


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def supervised(folder: Path, notes: Notes) -> Iterator[None]:
    """A link to a process that a service manager is to start, and never does."""
    link = ProcessLink(
        name="thing",
        command=["none"],
        runtime_dir=folder,
        follower=notes,
        tick_s=0.02,
        upkeep=Upkeep.SUPERVISED,
    )
    link.start()
    try:
        yield
    finally:
        link.stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands still is given up after a moment, and not after ten seconds."""
    monkeypatch.setattr("rigd.links.process_link.STANDS_STILL_S", 0.2)
    monkeypatch.setattr("rigd.wire.start_progress.LOOK_EVERY_S", 0.05)


def was_killed(bystander: subprocess.Popen[str] | subprocess.Popen[bytes]) -> bool:
    """Somebody else ended it before this does: a SIGKILL that is on its way goes before any other signal."""
    bystander.terminate()
    return bystander.wait() != -signal.SIGTERM


def record(figures: Figures, killed: int, count: str) -> None:
    figures.record(
        "T26", "bystanders killed", bound="0", measured=killed, unit="processes", count=count, load=""
    )


def test_a_bystander_whose_number_stands_in_a_stale_lock_is_not_killed(
    tmp_path: Path, figures: Figures
) -> None:
    notes = Notes()
    with running(SLEEPS, "rigd-thing", "rigd.thing", str(tmp_path)) as bystander:
        (tmp_path / "thing.lock").write_text(f"{bystander.pid}\n")
        with supervised(tmp_path, notes):
            wait_for(lambda: len(notes.lost_for) >= 3, "it was given up three times")
        killed = was_killed(bystander)
    assert not killed
    record(figures, killed, "given up 3 times")


def test_the_one_who_holds_the_lock_is_killed_whatever_it_calls_itself_and_whoever_the_file_names(
    tmp_path: Path, figures: Figures
) -> None:
    notes = Notes()
    with (
        running(SLEEPS, "rigd") as bystander,
        running(HOLDS, str(tmp_path / "thing.lock"), f"{bystander.pid}\n") as holder,
    ):
        assert holder.stdout is not None and holder.stdout.readline() == "holds\n"
        with supervised(tmp_path, notes):
            wait_for(lambda: holder.poll() is not None, "who keeps everybody else from starting is killed")
            wait_for(lambda: len(notes.lost_for) >= 2, "it was given up once more")
        killed = was_killed(bystander)
    assert not killed
    record(figures, killed, "1 stuck holder of the lock")


def test_a_bystander_who_only_reads_the_lock_is_not_killed(tmp_path: Path, figures: Figures) -> None:
    notes, lock = Notes(), tmp_path / "thing.lock"
    reads = (
        "import os, sys, time; os.open(sys.argv[1], os.O_RDONLY); print('reads', flush=True); time.sleep(600)"
    )
    lock.touch()
    with running(reads, str(lock), "rigd") as bystander:
        assert bystander.stdout is not None and bystander.stdout.readline() == "reads\n"
        lock.write_text(f"{bystander.pid}\n")
        with supervised(tmp_path, notes):
            wait_for(lambda: len(notes.lost_for) >= 2, "it was given up twice")
        killed = was_killed(bystander)
    assert not killed
    record(figures, killed, "given up 2 times")


def test_a_stranger_s_process_of_the_same_command_is_neither_waited_for_nor_killed(
    tmp_path: Path, figures: Figures
) -> None:
    need_root("to be somebody else")
    notes = Notes()
    words = [sys.executable, "-c", FOR_A_SHELL_TOO + PROCESS, str(tmp_path)]
    with subprocess.Popen(
        words, executable="/bin/sh", user=stranger.NUMBER, group=stranger.NUMBER, extra_groups=[],
        stdin=subprocess.PIPE, cwd="/",
    ) as bystander:  # fmt: skip
        told = Path(f"/proc/{bystander.pid}/cmdline").read_bytes().split(b"\0")[:-1]
        assert [os.fsdecode(word) for word in told] == words
        link = ProcessLink(name="thing", command=words, runtime_dir=tmp_path, follower=notes, tick_s=0.02)
        link.start()
        try:
            wait_for(lambda: bool(notes.reports), "the rig's own process is started")
            assert link.is_own
        finally:
            link.stop_process(StopCapture(), within_s=10.0)
            killed = was_killed(bystander)
    assert not killed
    record(figures, killed, "1 start beside it")


@pytest.mark.parametrize("kernel", ["6.5", "before 6.5"])
def test_a_listener_is_known_by_a_handle_on_older_kernels_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    if kernel != "6.5":
        monkeypatch.setattr(process_handle, "SO_PEERPIDFD", 9_999)  # as a kernel that has never heard of it
    with running(LISTENS, str(tmp_path / "s")) as listens, socket.socket(socket.AF_UNIX) as stream:
        assert listens.stdout is not None and listens.stdout.readline() == "listens\n"
        stream.connect(str(tmp_path / "s"))
        assert ProcessHandle.of_listener(stream).pid == listens.pid
        listens.kill()
        listens.wait()
        if kernel != "6.5":
            with pytest.raises(ProcessLookupError):
                ProcessHandle.of_listener(stream)
        else:
            with contextlib.suppress(ProcessLookupError):
                assert ProcessHandle.of_listener(stream).has_ended()


def test_a_handle_is_of_its_process_and_of_none_that_gets_its_number_later(figures: Figures) -> None:
    """The number is given out again at once, as it is after 32,768 others."""
    need_root("to have a number given out again")
    first = subprocess.Popen(["sleep", "600"])
    handle = ProcessHandle.of_number(first.pid)
    assert not handle.has_ended()
    first.kill()
    first.wait()

    def again() -> subprocess.Popen[bytes] | None:
        Path("/proc/sys/kernel/ns_last_pid").write_text(f"{first.pid - 1}")
        second = subprocess.Popen(["sleep", "600"])
        if second.pid == first.pid:
            return second
        second.kill()
        second.wait()
        return None

    second = wait_for(again, "the number is given out again")
    assert handle.has_ended()
    handle.kill()
    killed = was_killed(second)
    assert not killed
    record(figures, killed, "1 number given out again")
