"""Another build of rigd: a copy of the package in a folder of its own, whose tape may have another layout.

with other_build(layout=99) as build:
    rig.run_build(build)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rigd
from tests.support.rig import RigRun

LAYOUT = re.compile(r"(#define RIGD_LAYOUT_VERSION\s+)\d+")


@contextmanager
def other_build(*, layout: int | None = None) -> Iterator[Path]:
    """The folder to import that build from. Without `layout` its tape is the same."""
    house = Path(rigd.__file__).parent.parent
    with tempfile.TemporaryDirectory(prefix="rigd-build-") as folder:
        copy = Path(folder)
        for package in ("rigd", "hardware_sim"):
            shutil.copytree(house / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        version = copy / "rigd" / "__init__.py"
        version.write_text(version.read_text("utf-8").replace(rigd.__version__, "99.0"), "utf-8")
        if layout is not None:
            header = copy / "rigd" / "tape" / "core.h"
            text, count = LAYOUT.subn(rf"\g<1>{layout}", header.read_text("utf-8"))
            assert count == 1, "core.h says its layout version once"
            header.write_text(text, "utf-8")
            command = [sys.executable, str(copy / "rigd" / "tape" / "core_build.py")]
            subprocess.run(command, check=True, capture_output=True, cwd=copy)
        yield copy


class TwoBuilds(RigRun):
    """A rig whose daemon is started from one build, then from another."""

    def change_build(self, folder: Path | None) -> None:
        """The daemon is killed and the other build's is there; None: the build under test."""
        self.kill_daemon()
        self._hang_up()
        for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
            self._environment.pop(name, None)
        if folder is not None:
            self._environment |= {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
        self.start()
        self.client()

    def build_of(self, name: str) -> str:
        """Where "capture" or "writer" was imported from: the path of the C core that it runs."""
        maps = Path(f"/proc/{self.pid_of(name)}/maps").read_text("utf-8")
        return next(line.split(None, 5)[5] for line in maps.splitlines() if "rigd/tape/_core" in line)
