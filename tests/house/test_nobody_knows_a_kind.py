"""Nothing but a kind itself knows it by name: what the rest asks of a kind, it asks of all that are installed."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from rigd.config.kinds import GROUPS

ROOT = Path(__file__).resolve().parents[2]
KNOW_NONE = ("config", "control", "cli", "doctor", "api", "links", "rules", "hands", "daemon.py")
ALLOWED = {
    ("rigd/config/sections.py", "portaudio"): "a default has to be one",
    ("rigd/cli/take_list.py", "simulated"): "what is said of a take, not a kind",
    ("rigd/cli/view.py", "simulated"): "what is said of a take, not a kind",
    ("rigd/cli/doctor.py", "portaudio"): "the version of a library, for a report of trouble",
}


def kinds() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {name for group in GROUPS for name in project["entry-points"].get(group, {})}


def files() -> Iterator[Path]:
    for room in KNOW_NONE:
        path = ROOT / "rigd" / room
        yield from path.rglob("*.py") if path.is_dir() else [path]


def test_no_kind_is_named_outside_of_its_folder() -> None:
    names = kinds()
    named = {
        (str(file.relative_to(ROOT)), node.value)
        for file in files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    }
    assert names >= {"midi", "serial", "x32", "portaudio"}
    assert named == set(ALLOWED)


def test_no_kind_is_imported_outside_of_its_folder() -> None:
    folders = ("rigd.surfaces.", "rigd.preamps.", "rigd.capture.portaudio", "hardware_sim")
    imported = [
        (str(file.relative_to(ROOT)), node.module)
        for file in files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(folders)
    ]
    assert imported == []
