"""Anything at all as a config: a RigConfig or a ConfigError, and lines that are those of the keys."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigd.config.kinds import NoOptions
from rigd.config.lines import KeyPath, key_lines
from rigd.config.load import load_config
from rigd.config.sections import SECTION_NAMES
from rigd.model.errors import ConfigError
from rigd.preamps.x32.preamp import X32Settings
from rigd.surfaces.serial.settings import SerialSettings

EXAMPLES = [path.read_text() for path in sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))]
on_disk = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = (
    st.integers(-5, 70_000)
    | st.booleans()
    | st.floats()
    | st.sampled_from(
        ["x32", "serial", "portaudio", "desk:1", "toggle", "gain 1 3", "{take}", "cc 80", "mono"]
    )
    | st.text(max_size=12)
)
keys = st.sampled_from(
    [
        "kind",
        "name",
        "host",
        "port",
        "channels",
        "input",
        "preamp",
        "gang",
        "binding",
        "control",
        "tap",
        "gain",
    ]
) | st.text(max_size=6)
tables = st.recursive(
    st.dictionaries(keys, scalars, max_size=5),
    lambda inner: st.dictionaries(keys, scalars | inner | st.lists(inner | scalars, max_size=3), max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(
    st.sampled_from(SECTION_NAMES) | st.text(max_size=5), scalars | tables | st.lists(tables)
)


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(inner) for inner in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return (
            '"'
            + "".join(f"\\U{ord(letter):08x}" for letter in value if not 0xD800 <= ord(letter) < 0xE000)
            + '"'
        )
    return repr(value)


def tried(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
    try:
        load_config(
            path,
            surface_kinds={"serial": SerialSettings},
            preamp_kinds={"x32": X32Settings},
            driver_kinds={"portaudio": NoOptions, "simulated": NoOptions},
        )
    except ConfigError:
        return


@on_disk
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_a_config_or_a_config_error(tmp_path: Path, raw: bytes) -> None:
    tried(tmp_path / "rig.toml", raw)


@on_disk
@given(document=documents)
def test_any_toml_is_a_config_or_a_config_error(tmp_path: Path, document: dict[str, Any]) -> None:
    text = "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in document.items())
    tried(tmp_path / "rig.toml", text.encode())


@on_disk
@given(data=st.data())
def test_a_mutated_example_is_a_config_or_a_config_error(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(EXAMPLES)).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=4))
    tried(tmp_path / "rig.toml", bytes(raw))


def paths_of(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    here = {path} if path else set()
    members = (
        enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    )
    return here.union(*(paths_of(inner, (*path, key)) for key, inner in members))


@given(document=documents)
def test_every_key_of_any_document_has_its_line(document: dict[str, Any]) -> None:
    text = "\n\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in document.items())
    lines = key_lines(text)
    assert set(lines) == paths_of(tomllib.loads(text))
    assert all(text.count("\n", 0) + 1 >= line for line in lines.values())


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_key_of_the_examples_stands_on_the_line_it_is_said_to(text: str) -> None:
    lines = key_lines(text)
    assert set(lines) == paths_of(tomllib.loads(text))
    rows = text.splitlines()
    for path, line in lines.items():
        word = next(part for part in reversed(path) if isinstance(part, str))
        assert word in rows[line - 1]


WRITTEN_IN_EVERY_WAY = '''# a comment with [brackets] = "and" quotes
top.inner = 1
"quoted key".'other \\' = 2
[a . "b.c"]
text = """
[not.a.table]
key = "inside" """
raw = \'\'\'
[[neither]]\'\'\'
quotes = """four"""""
list = [ # here
  1, 2,
  { x = [ "]", '}' ], y = 3 }, # there
  "#",
]
[[row]]
name = 1
[[row.cell]]
z = 1
[[row.cell]]
z = 2
[row.note]
z = 3
[[row]]
[[row.cell]]
z = 4
last = 1979-05-27T07:32:00Z'''


def test_lines_are_right_in_whatever_way_toml_is_written() -> None:
    lines = key_lines(WRITTEN_IN_EVERY_WAY)
    assert set(lines) == paths_of(tomllib.loads(WRITTEN_IN_EVERY_WAY))
    wanted: dict[KeyPath, int] = {
        ("top", "inner"): 2,
        ("quoted key", "other \\"): 3,
        ("a", "b.c"): 4,
        ("a", "b.c", "text"): 5,
        ("a", "b.c", "raw"): 8,
        ("a", "b.c", "quotes"): 10,
        ("a", "b.c", "list"): 11,
        ("a", "b.c", "list", 1): 12,
        ("a", "b.c", "list", 2, "y"): 13,
        ("a", "b.c", "list", 3): 14,
        ("row",): 16,
        ("row", 0, "cell", 0): 18,
        ("row", 0, "cell", 1, "z"): 21,
        ("row", 0, "note", "z"): 23,
        ("row", 1): 24,
        ("row", 1, "cell", 0, "z"): 26,
        ("row", 1, "cell", 0, "last"): 27,
    }
    assert {path: lines[path] for path in wanted} == wanted
