"""What ends `rigd run`: Ctrl-C that is meant, SIGTERM; never a terminal. And its log, which waits for no terminal."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rigd.cli.run_log import MOST_WAITING, RunLog
from rigd.cli.stopping import AGAIN_WITHIN_S, Answer, Conduct, last_words, open_takes
from tests.support.desk import Desk
from tests.support.patience import wait_for


class Person:
    """Presses Ctrl-C on a rig whose clock is set by hand."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.now_s = 0.0
        self.told: list[str] = []
        self._conduct = Conduct(state=lambda: self.desk.state, say=self.told.append, clock=lambda: self.now_s)

    def sends(self, number: int) -> Answer:
        return self._conduct.answer(number)

    def presses_ctrl_c(self) -> Answer:
        return self.sends(signal.SIGINT)


def test_ctrl_c_ends_a_rig_that_records_nothing_at_once() -> None:
    person = Person()
    assert person.presses_ctrl_c() is Answer.END
    assert not person.told


def test_ctrl_c_while_a_take_rolls_ends_the_rig_when_it_comes_twice_within_three_seconds() -> None:
    person = Person()
    person.desk.ok("start")
    assert person.presses_ctrl_c() is Answer.GO_ON
    assert "Ctrl-C again within 3 s" in person.told[-1]
    person.now_s += AGAIN_WITHIN_S + 0.1
    assert person.presses_ctrl_c() is Answer.GO_ON, "the first one is long ago"
    person.now_s += AGAIN_WITHIN_S - 0.1
    assert person.presses_ctrl_c() is Answer.END


def test_a_locked_rig_whose_take_rolls_does_not_end_by_ctrl_c_however_often() -> None:
    person = Person()
    person.desk.ok("start")
    person.desk.ok("lock")
    for _ in range(3):
        assert person.presses_ctrl_c() is Answer.GO_ON
        assert "rigd unlock" in person.told[-1] and "rigd shut-down --hold" in person.told[-1]
    person.desk.ok("unlock")
    assert person.presses_ctrl_c() is Answer.GO_ON, "what was pressed while it was locked does not count"
    assert person.presses_ctrl_c() is Answer.END


@pytest.mark.parametrize(("number", "key"), [(signal.SIGTSTP, "Ctrl-Z"), (signal.SIGQUIT, "Ctrl-\\")])
def test_a_key_that_stops_or_kills_programs_does_neither_to_a_rig(number: int, key: str) -> None:
    person = Person()
    for _ in range(2):
        assert person.sends(number) is Answer.GO_ON
        assert f"{key} does not stop a rig" in person.told[-1]
    person.desk.ok("start")
    person.presses_ctrl_c()
    assert person.sends(number) is Answer.GO_ON, "it is no second Ctrl-C"


def test_a_hang_up_detaches_and_a_service_manager_s_word_ends() -> None:
    person = Person()
    person.desk.ok("start")
    assert person.sends(signal.SIGHUP) is Answer.DETACH
    assert person.sends(signal.SIGTSTP) is Answer.GO_ON
    assert person.sends(signal.SIGTERM) is Answer.END


def test_the_last_words_tell_where_the_take_is_and_that_it_is_safe() -> None:
    desk = Desk()
    desk.ok("start")
    were_open = open_takes(desk.state)
    folder = desk.take.folder
    desk.now_s += 5
    assert "goes on without the daemon" in last_words(desk.state, were_open, leaves_running=True)
    desk.ok("stop")
    assert "is not yet safe" in last_words(desk.state, were_open, leaves_running=False)
    desk.close(desk.state.takes[-1])
    words = last_words(desk.state, were_open, leaves_running=False)
    assert "is safe: every byte is on the disk" in words and folder in words


SIGNALS = """
import os, signal, sys
from rigd.cli.stopping import Signals
signals = Signals()
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    os.kill(os.getpid(), number)
while (number := signals.next(0.0)) is not None:
    print(signal.Signals(number).name)
"""


@pytest.mark.parametrize("ignored", [(), (signal.SIGHUP,), (signal.SIGHUP, signal.SIGINT)])
def test_a_signal_that_was_ignored_when_rigd_was_started_stays_ignored(ignored: tuple[int, ...]) -> None:
    def set_signals() -> None:
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    ended = subprocess.run(
        [sys.executable, "-c", SIGNALS], capture_output=True, text=True, preexec_fn=set_signals, timeout=60
    )
    came = {"SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"} - {signal.Signals(number).name for number in ignored}
    assert set(ended.stdout.split()) == came, ended.stderr


def logger(log: RunLog) -> logging.Logger:
    own = logging.Logger("test")
    own.addHandler(log)
    return own


def test_a_log_whose_terminal_is_gone_goes_on_in_a_file(tmp_path: Path) -> None:
    master, line = os.openpty()
    log = RunLog(line, tmp_path / "rigd.log")
    logger(log).warning("before")
    log.flush()
    assert b"before" in os.read(master, 4096)
    os.close(master)
    logger(log).warning("after")
    log.flush()
    os.close(line)
    assert (tmp_path / "rigd.log").read_text("utf-8").endswith("after\n")


def test_a_log_whose_terminal_stands_still_holds_up_nobody(tmp_path: Path) -> None:
    master, line = os.openpty()
    log = RunLog(line, tmp_path / "rigd.log")
    own = logger(log)

    def lines_wait() -> bool:
        for number in range(2 * MOST_WAITING):
            own.warning("%0100d", number)  # far more than a terminal takes that nobody reads
        return log._lines.full()

    wait_for(lines_wait, "the terminal takes nothing more, and whoever logs goes on")
    os.close(master)  # lets the thread go
    log.flush()
    os.close(line)


def test_a_log_waits_for_its_folder_and_finds_it_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "rigd.log"
    log = RunLog(None, path)
    own = logger(log)
    own.warning("early")
    log.flush()
    path.parent.mkdir()
    own.warning("late")
    wait_for(lambda: path.exists() and "late" in path.read_text("utf-8"), "the file is written")
    assert [line.split()[-1] for line in path.read_text("utf-8").splitlines()] == ["early", "late"]
