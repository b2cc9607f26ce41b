"""Nothing but a kind itself knows it by name: what the rest asks of a kind, it asks of all that are installed."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def texts(file: Path) -> Iterator[str]:
    """Every text in it that the program has, which those that only describe it are not."""
    tree = ast.parse(file.read_text("utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def names_in(text: str, names: set[str]) -> set[str]:
    """Kinds that are the text, or are named in it as a config would: a line to paste names them as well."""
    any_of = "|".join(map(re.escape, sorted(names)))
    as_config = re.compile(rf"""["'](?:{any_of})["']|\[(?:audio\.)?(?:{any_of})\]""")
    found = {match.strip("\"'[]").removeprefix("audio.") for match in as_config.findall(text)}
    return found | ({text} & names)


def test_no_kind_is_named_outside_of_its_folder() -> None:
    names = kinds()
    named = {
        (str(file.relative_to(ROOT)), name)
        for file in files()
        for text in texts(file)
        for name in names_in(text, names)
    }
    assert names >= {"midi", "serial", "x32", "portaudio"}
    assert named == set(ALLOWED)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("midi", "midi"), ('driver = "simulated"', "simulated"), ("[audio.portaudio]\n", "portaudio")],
)
def test_a_line_of_a_config_names_a_kind(text: str, kind: str) -> None:
    assert names_in(text, kinds()) == {kind}
    assert names_in(f"on a {kind} line", kinds()) == set()


def test_no_kind_is_imported_outside_of_its_folder() -> None:
    folders = (
        "rigd.surfaces.",
        "rigd.preamps.",
        "rigd.capture.portaudio",
        "rigd.capture.devices",
        "hardware_sim",
    )
    wires = ("rigd.wire.midi", "rigd.wire.osc")  # those that one kind of device is reached by
    imported = [
        (str(file.relative_to(ROOT)), node.module)
        for file in files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith((*folders, *wires))
    ]
    assert imported == []
