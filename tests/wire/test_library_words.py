"""What a library prints on the descriptor itself is no longer on the screen; what rigd prints is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rigd.wire.library_words import MOST_LINES, LibraryWords
from rigd.wire.plain_output import write_line
from tests.support.patience import wait_for


def test_a_librarys_words_are_passed_on_and_rigds_own_are_on_the_screen(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said: list[str] = []
    with LibraryWords(said.append):
        os.write(2, b"\nMidiInJack: message queue limit reached!!\n\n")
        write_line("listening on Foot: press the switch shortly, once")
        wait_for(lambda: said == ["MidiInJack: message queue limit reached!!"])
    os.write(2, b"afterwards\n")
    shown = capfd.readouterr().err
    assert "queue limit" not in shown
    assert "press the switch" in shown and "afterwards" in shown


def test_a_library_that_prints_for_ever_holds_up_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with LibraryWords(said.append):
        for _ in range(5 * MOST_LINES):
            os.write(2, b"x" * 900 + b"\n")
        wait_for(lambda: len(said) == MOST_LINES)
    assert capfd.readouterr().err == ""


def test_a_terminal_that_is_gone_is_held_no_longer() -> None:
    ours, theirs = os.openpty()
    code = (
        "import os\n"
        "from rigd.wire.library_words import LibraryWords\n"
        "with LibraryWords(print) as words:\n"
        "    words.let_go()\n"
        "    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n"
        "    held = [f for f in os.listdir('/proc/self/fd') if 'pts' in os.path.realpath(f'/proc/self/fd/{f}')]\n"
        "print(held)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60
    )
    os.close(ours)
    os.close(theirs)
    assert ended.stdout == "[]\n"


def test_without_a_stderr_nothing_is_done() -> None:
    code = (
        "import os; os.close(2)\n"
        "from rigd.wire.library_words import LibraryWords\n"
        "with LibraryWords(print): print('done')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "done\n"
