"""rigd's own audio driver is found without the list of what is installed, and is the one of that list."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from rigd.capture.driver import GROUP, OWN_DRIVERS, load_driver

LIGHT = """
import sys
import rigd.capture.process
from rigd.capture.driver import load_driver
load_driver("portaudio")
heavy = ("importlib.metadata", "email", "numpy", "pydantic", "rich", "asyncio", "sqlite3", "zipfile")
print(*(name for name in heavy if name in sys.modules))
"""


def test_own_drivers_are_those_that_are_installed() -> None:
    installed = {point.name: point.value for point in entry_points(group=GROUP)}
    own = {name: where for name, where in installed.items() if where.startswith("rigd.")}
    assert own == OWN_DRIVERS
    assert load_driver("portaudio").__name__ == "PortAudioDriver"


def test_capture_loads_nothing_heavy_before_its_first_block() -> None:
    loaded = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
