"""Every room has a face, and every file on it is used from outside: what stands there for nobody is taken off."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
OPEN_ROOMS = {"rigd.model", "rigd.hands", "rigd.wire", "rigd.cli"}
"""Words and ends of wires are everybody's, file by file; nobody imports the command line."""
OF_KINDS = {"rigd.surfaces", "rigd.preamps"}
"""Each kind in it is a room."""
TESTED = ("rigd", "hardware_sim")


def contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    linter = project["tool"]["importlinter"]
    return [each for each in linter["contracts"] if each["type"] == "protected"]


def faces() -> Iterator[tuple[str, str, str]]:
    """Room, who may look ("rigd" or "hardware_sim"), and at which file."""
    for contract in contracts():
        (room,) = contract["allowed_importers"]
        for line in contract.get("ignore_imports", ()):
            who, _, file = line.partition(" -> ")
            yield room, who.removesuffix(".**"), file


def rooms() -> set[str]:
    inside = {each.parent for each in (ROOT / "rigd").glob("*/__init__.py")}
    named = {f"rigd.{each.name}" for each in inside} - OPEN_ROOMS - OF_KINDS
    kinds = {
        each.parent for room in OF_KINDS for each in (ROOT / room.replace(".", "/")).glob("*/__init__.py")
    }
    return named | {".".join(each.relative_to(ROOT).parts) for each in kinds}


def test_every_room_has_a_face() -> None:
    walled = {contract["allowed_importers"][0] for contract in contracts()}
    assert rooms() - walled == set()
    for contract in contracts():
        assert contract["protected_modules"] == [f"{contract['allowed_importers'][0]}.*"], contract["name"]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*TESTED)


def test_every_file_on_a_face_is_used_from_outside_its_room(imports: grimp.ImportGraph) -> None:
    dead = [
        f"{who}.** -> {file}"
        for room, who, file in faces()
        if not any(
            each == who or (each.startswith(f"{who}.") and not f"{each}.".startswith(f"{room}."))
            for each in imports.find_modules_that_directly_import(file)
        )
    ]
    assert dead == []
