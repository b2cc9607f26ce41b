"""What a command that asks a running rig loads, and what it must not: its cost is nearly all of what it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.test_control_socket import bench_at

LOADED = """
import json, sys
from rigd.cli.main import main
sys.argv = ["rigd", *{words!r}]
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
LIBRARIES = {
    *("typer", "click", "rich", "pydantic", "numpy", "cffi", "rtmidi", "serial", "argparse"),
    *("mido", "alsa_midi", "logging", "subprocess", "asyncio", "sqlite3", "shutil"),
}
ROOMS = {"rules", "library", "doctor", "control", "links", "daemon", "capture", "tape", "writer"}
OF_THE_CONFIG = "rigd.config.runtime_dir"
"""All of the config that a client needs: which folder is meant."""
WHAT_IS_SHOWN = "rigd.hands.showing"
PLAIN = [
    "status",
    "status --json",
    "health",
    "health --json",
    "take start",
    "take start --json",
    "take keep 1",
    "take stop --json",
    "take next",
    "take mark a b",
    "take wait",
    "arm 1",
    "disarm --json",
    "lock",
    "gain 1",
    "gain 1 3 --json",
    "phantom 1 off",
    "session song x",
    "session show",
    "takes --json",
    "takes show 9",
    "disk --json",
    "do lock",
]


def loaded(line: str, folder: Path) -> set[str]:
    environment = {**os.environ, "RIGD_RUNTIME_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(words=line.split())],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout or done.returncode == 1, "it was answered"
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("line", PLAIN)
def test_what_asks_the_rig_one_thing_loads_neither_the_rig_nor_what_draws(line: str, tmp_path: Path) -> None:
    with bench_at(tmp_path) as bench:
        bench.tape.now_s += 1
        modules = loaded(line, tmp_path)
    assert "rigd.api.client" in modules
    assert modules & LIBRARIES == set()
    rooms = {name.split(".")[1] for name in modules if name.startswith("rigd.")}
    assert rooms & ROOMS == set()
    config = {name for name in modules if name.startswith("rigd.config.")}
    assert config <= {OF_THE_CONFIG}
    hands = {name for name in modules if name.startswith("rigd.hands.")}
    assert hands <= {WHAT_IS_SHOWN}


def test_without_a_rig_nothing_more_is_loaded_to_say_so(tmp_path: Path) -> None:
    environment = {**os.environ, "RIGD_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(words=["status"])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "rigd run" in done.stderr
    assert set(json.loads(done.stderr.splitlines()[-1])) & LIBRARIES == set()


def test_a_rig_without_a_terminal_loads_nothing_that_draws() -> None:
    """A live view costs 6 MB for as long as the rig runs, and a tenth of its start."""
    code = "import sys, rigd.cli.run; print('rich' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
