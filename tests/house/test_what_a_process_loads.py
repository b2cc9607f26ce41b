"""What each process loads before it is of use: a killed writer or capture is back sooner the less it is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = "import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
NEVER = {
    "typer",
    "click",
    "rich",
    "pydantic",
    "numpy",
    "argparse",
    "asyncio",
    "concurrent",
    "secrets",
    "hmac",
}
"""pydantic is where a person writes (decision 33); the rest is for terminals, tests, or nobody."""
UNWANTED = {
    "rigd.writer.__main__": {
        "email",
        "shutil",
        "subprocess",
        "dataclasses",
        "ctypes",
        "sqlite3",
        "importlib.metadata",
    },
    "rigd.capture.__main__": {"logging", "subprocess", "dataclasses", "ctypes", "sqlite3"},
    "rigd.api.client": {"logging", "subprocess", "dataclasses", "shutil", "email", "importlib.metadata"},
}
ROOMS = {
    "rigd.writer.__main__": {"writer", "takefile", "tape", "rules", "wire", "model"},
    "rigd.capture.__main__": {"capture", "tape", "wire", "model"},
    "rigd.api.client": {"api", "wire", "model"},
}


@pytest.mark.parametrize("module", list(UNWANTED))
def test_a_process_loads_its_own_rooms_and_no_library_that_it_does_not_need(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)], capture_output=True, text=True, check=True
    )
    modules = set(json.loads(done.stdout))
    assert modules & (NEVER | UNWANTED[module]) == set()
    assert {name.split(".")[1] for name in modules if name.startswith("rigd.")} <= ROOMS[module]


@pytest.mark.parametrize("driver", ["portaudio", "simulated"])
def test_capture_s_driver_brings_no_library_with_it_that_a_block_does_not_need(driver: str) -> None:
    line = f"rigd.capture.__main__, rigd.capture.driver as found; found.load_driver({driver!r})"
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=line)], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout)) & NEVER == set()


def test_the_daemon_loads_nothing_of_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module="rigd.daemon")],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(done.stdout))
    assert modules & {"typer", "click", "rich", "numpy", "argparse", "asyncio", "rigd.cli"} == set()
