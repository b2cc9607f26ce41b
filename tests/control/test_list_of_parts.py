"""The list of parts: order, a failure in the middle, and what outlives the daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rigd.control.parts import DaemonPart, ProcessPart, RigPart, Running
from rigd.model.errors import AlreadyRunning, LinkError, PartError


class Log:
    """What was done, in order; `breaks` are doings that raise."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.breaks: dict[str, BaseException] = {}

    def note(self, doing: str) -> None:
        if doing in self.breaks:
            raise self.breaks[doing]
        self.done.append(doing)


class Told:
    """A thread or a link, which notes what is asked of it."""

    def __init__(self, name: str, log: Log) -> None:
        self._name, self._log = name, log

    def start(self, *, replace: bool = False) -> None:
        self._log.note(f"start {self._name}" + (" anew" if replace else ""))

    def stop(self) -> None:
        self._log.note(f"stop {self._name}")

    def stop_process(self) -> None:
        self._log.note(f"end {self._name}")


@pytest.fixture
def log() -> Log:
    return Log()


def parts(log: Log) -> Iterator[RigPart]:
    """As the daemon makes them: each when those before it run."""
    for name in ("library", "capture", "surfaces"):
        log.note(f"make {name}")
        what = Told(name, log)
        yield ProcessPart(name, what, replace=True) if name == "capture" else DaemonPart(name, what)


def test_parts_start_in_order_each_made_when_those_before_it_run_and_stop_in_reverse(log: Log) -> None:
    running = Running()
    running.start(parts(log))
    assert log.done == [
        "make library",
        "start library",
        "make capture",
        "start capture anew",
        "make surfaces",
        "start surfaces",
    ]
    log.done.clear()
    running.stop(leave_running=False)
    assert log.done == ["stop surfaces", "end capture", "stop library"]
    log.done.clear()
    running.stop(leave_running=False)
    assert log.done == []


def test_processes_are_left_running_and_nothing_else_is(log: Log) -> None:
    running = Running()
    running.start(parts(log))
    log.done.clear()
    running.stop(leave_running=True)
    assert log.done == ["stop surfaces", "stop capture", "stop library"]


@pytest.mark.parametrize(("leave_running", "capture"), [(False, "end capture"), (True, "stop capture")])
def test_a_part_that_cannot_start_is_named_and_what_runs_is_stopped_in_reverse(
    log: Log, leave_running: bool, capture: str
) -> None:
    log.breaks["start surfaces"] = LinkError("port 8000 is taken. Set another one")
    with pytest.raises(PartError) as told:
        Running().start(parts(log), leave_running=leave_running)
    assert str(told.value) == (
        "surfaces cannot be started: port 8000 is taken. Set another one. What ran already was stopped"
    )
    assert log.done[-2:] == [capture, "stop library"]


def test_a_part_that_breaks_is_named_and_its_traceback_is_in_the_log(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.breaks["start capture anew"] = KeyError("port")
    with pytest.raises(PartError, match="capture cannot be started: 'port'"):
        Running().start(parts(log))
    assert "capture broke as it was started" in caplog.text and "Traceback" in caplog.text


def test_a_part_that_cannot_even_be_made_stops_what_runs_and_its_error_goes_on(log: Log) -> None:
    log.breaks["make surfaces"] = AlreadyRunning("somebody is here")
    with pytest.raises(AlreadyRunning, match="somebody is here"):
        Running().start(parts(log))
    assert log.done[-2:] == ["end capture", "stop library"]


def test_ctrl_c_in_the_middle_of_the_start_stops_what_runs(log: Log) -> None:
    log.breaks["start surfaces"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        Running().start(parts(log))
    assert log.done[-2:] == ["end capture", "stop library"]


def test_a_part_that_breaks_as_it_stops_keeps_no_other_from_stopping(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running()
    running.start(parts(log))
    log.breaks["end capture"] = RuntimeError("its thread is gone")
    running.stop(leave_running=False)
    assert log.done[-2:] == ["stop surfaces", "stop library"]
    assert "capture broke as it was stopped" in caplog.text
