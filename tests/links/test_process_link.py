"""A process of rigd's own is found or started, talked to, and started again; the process here is a small real one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigd.links.process_link import FIRST_TRIES_PAUSE_S, LONGEST_PAUSE_S, ProcessLink, Stuck, Upkeep
from rigd.model.messages import CapturePhase, CaptureReport, StopCapture
from rigd.wire.process_handle import ProcessHandle
from tests.support.listens import listens
from tests.support.patience import wait_for

PROCESS = """
import sys
import threading
from pathlib import Path
from rigd.model.messages import MESSAGES, CapturePhase, CaptureReport, StopCapture
from rigd.model.errors import LinkError
from rigd.wire.codec import Codec
from rigd.wire.link import Link, listen

door = listen(Path(sys.argv[1]) / "thing.sock")
while True:
    stream, _ = door.accept()
    link = Link(stream, Codec(MESSAGES))
    try:
        link.send(CaptureReport(phase=CapturePhase.LISTENING, device="a thing"))
        while not isinstance(link.receive(), StopCapture):
            pass
        sys.exit(0)
    except LinkError:
        pass
"""


class Notes:
    """A follower that writes down what it hears."""

    def __init__(self) -> None:
        self.reports: list[Any] = []
        self.lost_for: list[str] = []
        self.stuck = False

    def connected(self) -> None: ...

    def received(self, message: Any) -> None:
        self.reports.append(message)

    def tick(self) -> None:
        if self.stuck:
            self.stuck = False
            raise Stuck("it makes no progress")

    def lost(self, reason: str) -> None:
        self.lost_for.append(reason)


@pytest.fixture
def notes() -> Notes:
    return Notes()


def command(folder: Path) -> list[str]:
    return [sys.executable, "-c", PROCESS, str(folder)]


@contextlib.contextmanager
def linked(folder: Path, notes: Notes) -> Iterator[ProcessLink]:
    link = ProcessLink(name="thing", command=command(folder), runtime_dir=folder, follower=notes, tick_s=0.02)
    link.start()
    try:
        wait_for(lambda: bool(notes.reports), "the process reports")
        yield link
    finally:
        link.stop_process(StopCapture(), within_s=10.0)


def test_what_cannot_be_read_is_passed_by_and_what_follows_is_heard(
    tmp_path: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nonsense = (
        'link._stream.sendall(b\'{"type":"CaptureReport"}\\nno JSON\\n{"type":"CaptureReport"}\\n\' * 2)'
    )
    monkeypatch.setattr(
        sys.modules[__name__], "PROCESS", PROCESS.replace("link.send(", f"{nonsense}\n        link.send(")
    )
    with linked(tmp_path, notes):
        assert notes.reports == [CaptureReport(phase=CapturePhase.LISTENING, device="a thing")]
        assert notes.lost_for == []
    assert 2 <= caplog.text.count("was passed by") <= 5, "the same is logged once"


def test_a_process_is_started_and_what_it_says_is_passed_on(tmp_path: Path, notes: Notes) -> None:
    with linked(tmp_path, notes):
        assert notes.reports == [CaptureReport(phase=CapturePhase.LISTENING, device="a thing")]


def test_a_killed_process_is_started_again_and_its_loss_is_told_once(tmp_path: Path, notes: Notes) -> None:
    with linked(tmp_path, notes) as link:
        before = link.pid
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: link.pid not in (0, before) and len(notes.reports) == 2, "another process reports")
        assert notes.lost_for == ["rigd-thing ended"]
        assert link._pause_s == 0.0, "what somebody killed is started again at once, however short it lived"


def test_a_process_that_makes_no_progress_is_killed_and_started_again(tmp_path: Path, notes: Notes) -> None:
    with linked(tmp_path, notes) as link:
        before = link.pid
        process = ProcessHandle.of_number(before)
        notes.stuck = True
        wait_for(lambda: link.pid not in (0, before) and len(notes.reports) == 2, "another process reports")
        assert notes.lost_for == ["it makes no progress"]
        assert process.has_ended()


def test_a_process_that_runs_already_is_attached_to_and_outlives_the_link(
    tmp_path: Path, notes: Notes
) -> None:
    with subprocess.Popen(command(tmp_path)) as process:
        try:
            wait_for(lambda: listens(tmp_path / "thing.sock"), "it listens")
            link = ProcessLink(
                name="thing", command=command(tmp_path), runtime_dir=tmp_path, follower=notes, tick_s=0.02
            )
            link.start()
            wait_for(lambda: bool(notes.reports), "the process reports")
            assert link.pid == process.pid
            link.stop()
            assert process.poll() is None
            assert not notes.lost_for
        finally:
            process.kill()


def test_a_process_that_cannot_start_is_tried_again_and_costs_no_busy_loop(
    tmp_path: Path, notes: Notes
) -> None:
    tried = tmp_path / "tried"
    failing = [sys.executable, "-c", f"open({str(tried)!r}, 'a').write('x'); raise SystemExit(4)"]
    link = ProcessLink(name="thing", command=failing, runtime_dir=tmp_path, follower=notes, tick_s=0.02)
    link.start()
    try:
        wait_for(lambda: tried.exists() and len(tried.read_text()) >= 3, "it was tried three times")
        assert link._pause_s >= 2 * 0.25
    finally:
        link.stop()


def test_a_process_that_cannot_start_is_told_with_its_last_words(tmp_path: Path, notes: Notes) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('no such interface')"]
    link = ProcessLink(name="thing", command=failing, runtime_dir=tmp_path, follower=notes, tick_s=0.02)
    link.start()
    try:
        wait_for(lambda: bool(notes.lost_for), "it is told")
        assert "no such interface" in notes.lost_for[0]
    finally:
        link.stop()


def test_a_process_that_was_only_just_started_is_ended_with_the_rig(tmp_path: Path, notes: Notes) -> None:
    deaf = [sys.executable, "-c", "import time; time.sleep(60)"]
    link = ProcessLink(name="thing", command=deaf, runtime_dir=tmp_path, follower=notes, tick_s=0.02)
    link.start()
    wait_for(lambda: link._child is not None, "it was started")
    assert link._child is not None
    link.stop_process(StopCapture(), within_s=1.0)
    assert link._child.poll() is not None


def test_saying_something_to_a_process_that_stands_still_waits_for_nothing(
    tmp_path: Path, notes: Notes
) -> None:
    with linked(tmp_path, notes) as link:
        os.kill(link.pid, signal.SIGSTOP)
        long = CaptureReport(phase=CapturePhase.FAILED, device="x" * 100_000)
        try:
            before = len(threading.enumerate())
            for _ in range(20):
                link.send(long)  # far more than a socket takes
            assert len(threading.enumerate()) == before
            assert link.unsent
            assert not notes.lost_for
        finally:
            os.kill(link.pid, signal.SIGCONT)


def test_what_was_said_is_out_although_the_daemon_is_killed_right_after(tmp_path: Path) -> None:
    """The thread of the link has no part in it: it is held here where it hears a report."""
    hears, goes_on = threading.Event(), threading.Event()

    class Held(Notes):
        def received(self, message: Any) -> None:
            hears.set()
            goes_on.wait(30)

    link = ProcessLink(
        name="thing", command=command(tmp_path), runtime_dir=tmp_path, follower=Held(), tick_s=0.02
    )
    link.start()
    try:
        assert hears.wait(30)
        pid = link.pid
        link.send(StopCapture())
        assert link._child is not None and link._child.pid == pid
        assert link._child.wait(30) == 0, "it heard that it is to end"
    finally:
        goes_on.set()
        link.stop_process(StopCapture(), within_s=10.0)


def test_a_runtime_folder_that_vanished_is_made_again_for_the_next_process(
    tmp_path: Path, notes: Notes
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    prepared: list[bool] = []
    link = ProcessLink(
        name="thing",
        command=command(folder),
        runtime_dir=folder,
        follower=notes,
        tick_s=0.02,
        prepare=lambda: prepared.append(folder.is_dir()),
    )
    link.start()
    try:
        wait_for(lambda: len(notes.reports) == 1, "the process reports")
        before = link.pid
        shutil.rmtree(folder)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: len(notes.reports) == 2, "another process reports")
        assert prepared == [True, True]
    finally:
        link.stop_process(StopCapture(), within_s=10.0)


def test_a_supervised_process_is_waited_for_and_never_started_or_stopped(
    tmp_path: Path, notes: Notes
) -> None:
    never = [sys.executable, "-c", f"open({str(tmp_path / 'started')!r}, 'w')"]
    link = ProcessLink(
        name="thing",
        command=never,
        runtime_dir=tmp_path,
        follower=notes,
        tick_s=0.02,
        upkeep=Upkeep.SUPERVISED,
    )
    link.start()
    with subprocess.Popen(command(tmp_path)) as first:
        wait_for(lambda: len(notes.reports) == 1, "it is found")
        notes.stuck = True
        wait_for(lambda: first.poll() is not None, "what is stuck is killed all the same")
    with subprocess.Popen(command(tmp_path)) as second:
        try:
            wait_for(lambda: len(notes.reports) == 2 and link.pid == second.pid, "the next one is found")
            link.stop()
            assert second.poll() is None
        finally:
            second.kill()
    assert notes.lost_for == ["it makes no progress"]
    assert not (tmp_path / "started").exists()


SLOW = """
import time
until = time.process_time() + 1.5
while time.process_time() < until:
    pass
"""


def test_a_start_that_gets_on_is_not_killed_however_long_it_takes(
    tmp_path: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It computes three times as long as one that stands still is waited for."""
    monkeypatch.setattr("rigd.links.process_link.STANDS_STILL_S", 0.5)
    monkeypatch.setattr("rigd.wire.start_progress.LOOK_EVERY_S", 0.1)
    slow = [sys.executable, "-c", SLOW + PROCESS, str(tmp_path)]
    link = ProcessLink(name="thing", command=slow, runtime_dir=tmp_path, follower=notes, tick_s=0.02)
    link.start()
    try:
        wait_for(lambda: link._child is not None, "it is started")
        first = link._child
        wait_for(lambda: bool(notes.reports), "it reports")
        assert link._child is first and first is not None and link.pid == first.pid
        assert not notes.lost_for
    finally:
        link.stop_process(StopCapture(), within_s=10.0)


def test_a_start_that_stands_still_is_killed_and_tried_again(
    tmp_path: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rigd.links.process_link.STANDS_STILL_S", 0.5)
    monkeypatch.setattr("rigd.wire.start_progress.LOOK_EVERY_S", 0.1)
    hangs = f"import time, os\nopen({str(tmp_path / 'tried')!r}, 'a').write('x')\ntime.sleep(600)\n"
    link = ProcessLink(
        name="thing",
        command=[sys.executable, "-c", hangs],
        runtime_dir=tmp_path,
        follower=notes,
        tick_s=0.02,
    )
    link.start()
    tried = tmp_path / "tried"
    try:
        wait_for(lambda: tried.exists() and len(tried.read_text()) >= 2, "it was killed and tried again")
    finally:
        link.stop_process(StopCapture(), within_s=1.0)


def test_a_process_whose_socket_was_deleted_is_waited_for_and_not_started_twice(
    tmp_path: Path, notes: Notes
) -> None:
    with subprocess.Popen(command(tmp_path)) as process:
        try:
            wait_for(lambda: listens(tmp_path / "thing.sock"), "it listens")
            hidden = tmp_path / "thing.sock.hidden"
            (tmp_path / "thing.sock").rename(hidden)
            link = ProcessLink(
                name="thing", command=command(tmp_path), runtime_dir=tmp_path, follower=notes, tick_s=0.02
            )
            found = threading.Event()
            looked = link._found_running

            def look() -> int:
                pid = looked()
                if pid:
                    found.set()
                return pid

            link._found_running = look  # type: ignore[method-assign]
            link.start()
            assert found.wait(30)
            hidden.rename(tmp_path / "thing.sock")
            wait_for(lambda: bool(notes.reports), "it is found")
            assert link.pid == process.pid and link._child is None
            link.stop()
        finally:
            process.kill()


def test_why_it_cannot_start_is_logged_once_and_after_a_minute_it_is_tried_later_and_later(
    tmp_path: Path, notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = [100.0]
    failing = [sys.executable, "-c", "import sys; sys.exit('no such disk')"]
    link = ProcessLink(
        name="thing",
        command=failing,
        runtime_dir=tmp_path,
        follower=notes,
        tick_s=0.02,
        clock=lambda: now_s[0],
    )
    with caplog.at_level("INFO"):
        link.start()
        try:
            wait_for(lambda: len(notes.lost_for) >= 3, "it was tried three times")
        finally:
            link.stop()
    assert caplog.text.count("cannot start: no such disk") == 1 and caplog.text.count("thing started") == 1
    pauses = []
    for _ in range(20):
        now_s[0] += 10.0
        link._note_life(0.1)
        pauses.append(link._pause_s)
    assert (
        max(pauses[:5]) == FIRST_TRIES_PAUSE_S and pauses[-1] == LONGEST_PAUSE_S and pauses == sorted(pauses)
    )
    link._note_life(1.0)
    assert link._pause_s == 0.0


def test_one_that_says_it_will_end_has_done_no_work_however_long_it_stays(
    tmp_path: Path, notes: Notes
) -> None:
    link = ProcessLink(
        name="thing", command=command(tmp_path), runtime_dir=tmp_path, follower=notes, tick_s=0.02
    )
    link.start()
    try:
        wait_for(lambda: bool(notes.reports), "the process reports")
        link.will_end()
        link.send(StopCapture())
        wait_for(lambda: bool(notes.lost_for), "it ended")
        assert link._pause_s > 0.0
    finally:
        link.stop_process(StopCapture(), within_s=10.0)
