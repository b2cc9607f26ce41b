"""One daemon a library (F26)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from take_maker import open_library

from rigd.model.errors import LibraryError

HOLDER = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from take_maker import open_library
library = open_library(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(root: Path) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    program = HOLDER.format(tests=str(here), root=str(here.parents[1]))
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    return holder


def let_go(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_a_second_daemon_is_refused_at_once_and_told_who_has_the_library(root: Path) -> None:
    holder = hold(root)
    try:
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        began = time.monotonic()
        with pytest.raises(LibraryError) as caught:
            open_library(root)
        assert time.monotonic() - began < 1.0
        assert f"process {holder.pid}" in str(caught.value) and str(root) in str(caught.value)
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
        assert holder.poll() is None
    finally:
        let_go(holder)


def test_the_lock_of_a_killed_daemon_is_free(root: Path) -> None:
    holder = hold(root)
    os.kill(holder.pid, signal.SIGKILL)
    let_go(holder)
    open_library(root).close()


def test_a_closed_library_can_be_opened_again_by_the_same_process(root: Path) -> None:
    open_library(root).close()
    open_library(root).close()


def test_a_root_that_is_a_file_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "library").write_text("a file")
    with pytest.raises(LibraryError, match="library"):
        open_library(tmp_path / "library")
