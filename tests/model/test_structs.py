"""Whatever stands in JSON where something else belongs: one error says so, and nothing else comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from rigd.blackbox.assembly import Keep
from rigd.capture.settings import read_settings
from rigd.library.durable import DamagedFile, read_json
from rigd.library.session import SessionSheet
from rigd.library.sheet import TakeSheet
from rigd.model.commands import COMMANDS
from rigd.model.errors import InterfaceError, LinkError
from rigd.model.messages import MESSAGES, CaptureSettings, WriterSettings
from rigd.model.requests import ANSWERS, REQUESTS
from rigd.model.structs import loaded, structured
from rigd.wire.codec import Codec, to_plain
from tests.support.capture_run import runtime_folder
from tests.support.hostile import filled

HALF = "\ud800"
"""Half of a surrogate pair: Python's reader of JSON lets it through, and no text has it."""
KINDS: list[type[Struct]] = [
    *MESSAGES,
    *REQUESTS,
    *ANSWERS,
    *COMMANDS.values(),
    Keep,
    CaptureSettings,
    WriterSettings,
    TakeSheet,
    SessionSheet,
]
WRONG: list[Any] = [
    HALF,
    {HALF: 1},
    [HALF],
    {HALF: {HALF: HALF}},
    1 << 70,
    10**400,
    1e300,
    True,
    None,
    [],
    {},
]


def spoiled(plain: Any, wrong: Any) -> Iterator[Any]:
    """The same with `wrong` in one place, each place in turn; and with a key more."""
    yield wrong
    if isinstance(plain, dict):
        for key, value in plain.items():
            for other in spoiled(value, wrong):
                yield {**plain, key: other}
        yield {**plain, HALF: wrong}
    elif isinstance(plain, (list, tuple)):
        for place, value in enumerate(plain):
            for other in spoiled(value, wrong):
                yield [*plain[:place], other, *plain[place + 1 :]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_does_not_fit_is_one_error(kind: type[Struct]) -> None:
    plain = msgspec.to_builtins(filled(kind, "text"))
    assert structured(plain, kind) is not None
    for wrong in WRONG:
        for other in spoiled(plain, wrong):
            try:
                structured(other, kind)
            except msgspec.ValidationError as error:
                assert str(error)


@pytest.mark.parametrize("kind", [*MESSAGES, *REQUESTS, *ANSWERS], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("across_builds", [False, True])
def test_a_line_that_does_not_fit_is_an_error_of_the_link(kind: type[Struct], across_builds: bool) -> None:
    codec = Codec((kind,), across_builds=across_builds)
    plain = to_plain(filled(kind, "text"))
    for wrong in (HALF, {HALF: 1}):
        for other in spoiled(plain, wrong):
            try:
                codec.decode(json.dumps(other).encode())
            except LinkError as error:
                assert str(error)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_what_is_no_number_is_no_json(word: str) -> None:
    with pytest.raises(ValueError, match="is"):
        loaded(f'{{"value": [{word}]}}'.encode())
    assert loaded(b'{"value": [1e300, -0.0, 5]}') == {"value": [1e300, -0.0, 5]}


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_no_door_lets_in_what_is_no_number(tmp_path: Path, number: str) -> None:
    with pytest.raises(LinkError, match="is not JSON"):
        Codec(MESSAGES).decode(f'{{"type":"CaptureReport","measured_rate_hz":{number}}}'.encode())
    (tmp_path / "take.json").write_text(f'{{"duration_s": {number}}}', "ascii")
    with pytest.raises(DamagedFile):
        read_json(tmp_path / "take.json")
    with runtime_folder() as runtime:
        settings = msgspec.to_builtins(filled(CaptureSettings, "x"))
        text = json.dumps({**settings, "options": {"gain": 1.5}}).replace("1.5", number)
        (runtime / "capture.json").write_text(text, "ascii")
        with pytest.raises(InterfaceError, match=r"capture\.json"):
            read_settings(runtime)
