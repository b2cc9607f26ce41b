"""A terminal that takes no UTF-8: everything is said in what it takes, and no command ends because of a name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from rigd.cli.main import COMMANDS
from rigd.cli.signs import TWINS, names_utf8, shown
from rigd.model.units import Ns
from tests.api.test_control_socket import Bench, bench_at
from tests.support.by_hand import by_hand
from tests.support.patience import wait_for

ASCII = {"LC_ALL": "C"}
LATIN = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made, made.client() as client:
        assert client.say("song Für Elise 日本", at_ns=Ns(0)).accepted
        yield made


def environment(more: dict[str, str]) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    return {**plain, "TERM": "xterm", **more}


def in_a_terminal(bench: Bench, *words: str, more: dict[str, str]) -> bytes:
    """What the terminal gets."""
    master, line = os.openpty()
    command = [sys.executable, "-m", "rigd", *words, "--runtime-dir", str(bench.path.parent)]
    process = subprocess.Popen(
        command, stdin=line, stdout=line, stderr=line, env=environment(more), start_new_session=True
    )
    os.close(line)
    came = bytearray()

    def read() -> bool:
        try:
            came.extend(os.read(master, 65536))
        except OSError:
            return True
        return False

    wait_for(read, "the command ends", every_s=0)
    os.close(master)
    assert process.wait(60) == 0
    return bytes(came)


def test_the_c_locale_gets_ascii_and_all_of_it(bench: Bench) -> None:
    came = in_a_terminal(bench, "status", more=ASCII)
    assert came.isascii()
    assert b"F\\u00fcr Elise \\u65e5\\u672c" in came and b"* " in came


def test_a_utf_8_terminal_gets_utf_8(bench: Bench) -> None:
    assert "Für Elise 日本" in in_a_terminal(bench, "status", more={"LANG": "C.UTF-8"}).decode()


def test_what_does_not_go_there_is_an_escape_also_in_json(bench: Bench) -> None:
    command = [sys.executable, "-m", "rigd", "status", "--runtime-dir", str(bench.path.parent)]
    plain = subprocess.run(command, env=environment(LATIN), capture_output=True, timeout=60, check=True)
    assert "Für Elise \\u65e5\\u672c".encode("latin-1") in plain.stdout
    answer = subprocess.run(
        [*command, "--json"], env=environment(LATIN), capture_output=True, timeout=60, check=True
    )
    assert json.loads(answer.stdout)["state"]["song"] == "Für Elise 日本"


def test_each_sign_has_a_twin_of_its_width() -> None:
    assert all(cell_len(sign) == len(twin) == 1 and twin.isascii() for sign, twin in TWINS.items())
    assert shown("● REC · Für", "ascii") == "* REC . F\\u00fcr"


@pytest.mark.parametrize(
    ("locale", "is_utf8"),
    [
        ({"LANG": "C"}, False),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_CTYPE": "UTF-8", "LANG": "C"}, True),
        ({"LANG": "de_DE@euro"}, False),
        ({"LC_ALL": "", "LANG": "en_US.utf8"}, True),
        ({}, True),
    ],
)
def test_the_locale_says_what_the_terminal_takes(locale: dict[str, str], is_utf8: bool) -> None:
    assert names_utf8(locale) is is_utf8


def test_a_terminal_of_20_columns_loses_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    told = by_hand("--help").output
    assert all(f"\n  {name} " in told or f"\n  {name}\n" in told for name in COMMANDS)
