"""docs/commands.md and docs/config.md are made from the code; here they are compared with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from rigd.cli.exit_codes import ExitCode
from rigd.cli.reference import pages

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["commands.md", "commands.schema.json", "config.md"])
def test_a_page_says_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == pages()[name], "run: make docs"


def test_a_command_that_ctrl_c_ends_has_the_code_on_the_page() -> None:
    master, line = os.openpty()
    command = [sys.executable, "-m", "rigd", "learn", f"serial:{os.ttyname(line)}"]
    # A shell has SIGINT ignored for what it runs in the background, these tests among it.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as learn:
        assert learn.stderr is not None
        assert "press the switch" in learn.stderr.readline()
        learn.send_signal(signal.SIGINT)
    os.close(line)
    os.close(master)
    assert learn.returncode == ExitCode.INTERRUPTED
