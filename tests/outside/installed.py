"""A package as pip leaves it: its modules and its metadata in a folder, which is put on the path of a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

KIT = Path(__file__).parent / "kit"
CONFIG = """
[audio]
driver = "simulated"
channels = 24
[audio.simulated]
signal = "counter"
"""


def install(target: Path, *, source: Path = KIT) -> Path:
    """`target` holds the package of `source`, with the entry points of its pyproject.toml."""
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    name = project["name"].replace("-", "_")
    shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    write_metadata(target, project["name"], project["version"], project["entry-points"])
    return target


def write_metadata(
    target: Path, name: str, version: str, entry_points: Mapping[str, Mapping[str, str]]
) -> None:
    """What importlib.metadata reads of a package."""
    folder = target / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{point} = {where}" for point, where in points.items())]
    (folder / "entry_points.txt").write_text("\n".join([*lines, ""]))


def path_with(target: Path) -> dict[str, str]:
    """The environment in which the package is installed."""
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(target), before] if before else [str(target)])}


def python(target: Path, *words: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    """A process that has the package, and these lines on its standard input."""
    environment = {**os.environ, **path_with(target)}
    return subprocess.run(
        [sys.executable, *words], env=environment, input=answers, capture_output=True, text=True
    )


def rigd(target: Path, *words: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    """rigd's command line, with the package installed."""
    return python(target, "-m", "rigd", *words, answers=answers)
