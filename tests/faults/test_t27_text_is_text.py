"""T27: newlines, escapes, bidirectional marks and what cannot be seen, in any text of anybody's: on every terminal
and in every log it is shown as what it is, forges no line and moves no cursor."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rigd.cli.plain_console import PlainConsole
from rigd.cli.run_log import RunLog
from rigd.cli.take_list import take_list
from rigd.cli.view import Paper, live_view
from rigd.model.audit import AuditEntry
from rigd.model.commands import Rejected
from rigd.model.events import Event
from rigd.model.levels import Levels
from rigd.model.library import LibraryPage, SessionsPage
from rigd.model.messages import MESSAGES
from rigd.model.plain_text import MOST_MARKS, first_strange, plain_line
from rigd.model.requests import ANSWERS
from rigd.model.state import RigState
from rigd.model.units import Frame
from rigd.wire.codec import Codec, encode, to_plain
from rigd.wire.plain_log import PlainFormatter
from rigd.wire.plain_output import plain_json
from tests.api.test_control_socket import Bench, bench_at
from tests.proof.figures import Figures
from tests.support.by_hand import by_hand
from tests.support.desk import Desk
from tests.support.hostile import DIRECTIONS, ESCAPES, HOSTILE, LINES, TAME, UNSEEN, filled
from tests.support.patience import wait_for
from tests.support.records import NOTHING

RIGD = Path(__file__).parents[2] / "rigd"
MAY_PRINT = {"wire/plain_output.py", "wire/plain_log.py", "cli/plain_console.py", "tape/core_build.py"}
"""The two ways out, and the build, which runs before there is a rigd."""
PRINTING = {
    *("print", "Console", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write"),
    *("logging.basicConfig", "logging.StreamHandler", "logging.Formatter"),
}
MARKS_OF_DIRECTION = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
PROPER = [
    "Ωmega ü ñ Đặng",
    "日本語\u3000テスト",
    "한국어 ไทย தமிழ்",
    "نِقُود שָׁלוֹם",
    "می\u200cخو\u0627\u0647م",
    "ශ\u0dca\u200dරී",
    "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3",
    "\u0600\u0661",
]


def is_plain(line: str) -> bool:
    """Judged by other means than rigd's own."""
    categories = {unicodedata.category(letter) for letter in line if letter not in "\u200c\u200d\u0600"}
    return not categories & {"Cc", "Cs", "Cf", "Zl", "Zp"} and not set(line) & set(MARKS_OF_DIRECTION)


def all_plain(printed: str) -> None:
    for line in printed.split("\n"):
        assert is_plain(line), repr(line)


# The one function.


@given(st.text())
@example(HOSTILE)
def test_a_line_is_one_line_that_does_nothing_and_says_all(text: str) -> None:
    line = plain_line(text)
    assert is_plain(line) and "\n" not in line
    assert plain_line(line) == line
    letters = [letter for letter in text if letter.isalnum() and letter not in "\u115f\u1160\u3164\uffa0"]
    assert all(letter in line for letter in letters)


@pytest.mark.parametrize("text", PROPER)
def test_what_is_written_in_any_script_stays(text: str) -> None:
    assert plain_line(text) == text
    assert first_strange(text) == ""


@pytest.mark.parametrize("text", [ESCAPES, LINES, DIRECTIONS, UNSEEN[1:2]])
def test_what_acts_on_a_terminal_does_not(text: str) -> None:
    assert all(plain_line(letter).startswith("\\") for letter in text if not letter.isprintable())


def test_marks_pile_up_no_higher_than_a_line() -> None:
    shown = plain_line("e" + "\u0301" * 40)
    assert "\u0301" * MOST_MARKS in shown and "\u0301" * (MOST_MARKS + 1) not in shown


# No way round it.


def prints(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    if called == "os.write":
        return ast.unparse(call.args[0]) in {"1", "2", "sys.stdout.fileno()", "sys.stderr.fileno()"}
    return called in PRINTING or called.endswith((".echo", ".secho", ".print_exc", ".print_exception"))


def test_nothing_in_rigd_prints_but_the_two_ways_out() -> None:
    found = []
    for path in sorted(RIGD.rglob("*.py")):
        name = str(path.relative_to(RIGD))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and prints(node):
                found.append((name, ast.unparse(node.func)))
    # The log of `rigd run` is set up there, with a PlainFormatter.
    found = [
        each for each in found if each[0] not in MAY_PRINT and each != ("cli/run.py", "logging.basicConfig")
    ]
    assert found == [], "print by rigd/wire/plain_output.py or rigd/cli/terminal.py"


@pytest.mark.parametrize(
    "drawn",
    [
        HOSTILE,
        Text(HOSTILE),
        Text.assemble(("a", "red"), (HOSTILE, "bold"), (HOSTILE, "green")),
        Group(Text(HOSTILE), Panel(HOSTILE)),
        Panel(Text("x"), title=HOSTILE.replace("[red]", "").replace("[/red]", "")),
    ],
    ids=["str", "Text", "styled", "nested", "title"],
)
def test_whatever_is_drawn_on_the_console_is_plain(drawn: Any) -> None:
    console = PlainConsole()
    with console.capture() as captured:
        console.print(drawn)
    all_plain(captured.get())


def test_a_cell_of_a_table_is_one_line_and_no_markup() -> None:
    table = Table()
    table.add_row(HOSTILE, "[/nonsense]")
    console = PlainConsole()
    console.width = 600
    with console.capture() as captured:
        console.print(table)
    all_plain(captured.get())
    assert len(captured.get().splitlines()) == 5 and "[/nonsense]" in captured.get()


# Every view and every message, with such a text in every field.


def drawn(state: RigState) -> str:
    console = PlainConsole()
    console.width = 5000
    levels = Levels(at_frame=Frame(9), peak_dbfs=(-3.0,), rms_dbfs=(-9.0,), clipped=(0,))
    event = filled(Event, state.song)
    with console.capture() as captured:
        paper = Paper(width=5000, height=60)
        console.print(Group(*live_view(state, levels, (event, event), paper)))
        for row in take_list(state.takes, state.sample_rate_hz, width=None):
            console.print_pieces(row)
    return captured.get()


def test_the_live_view_and_the_table_have_as_many_lines_as_with_tame_names() -> None:
    hostile, tame = drawn(filled(RigState, HOSTILE)), drawn(filled(RigState, TAME))
    all_plain(hostile)
    assert len(hostile.split("\n")) == len(tame.split("\n"))


COMMANDS = [
    ["status"],
    ["takes"],
    ["takes", "show", "1"],
    ["takes", "verify"],
    ["session", "show"],
    ["disk"],
    ["gain", "1"],
    ["recover"],
]


def told(bench: Bench, state: RigState, words: list[str]) -> str:
    if "show" in words:
        state = replace(state, take=None)  # or there would be two of that number
    bench.controller._published.replace(state)
    answer = by_hand(*words, "--runtime-dir", str(bench.path.parent))
    assert answer.code in (0, 1, 6) and answer.output.strip(), (words, answer.code)
    return answer.output


@pytest.fixture
def quiet_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("COLUMNS", "5000")
    with bench_at(tmp_path) as bench:
        yield bench


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_that_shows_something_shows_as_many_lines_as_with_tame_names(
    quiet_bench: Bench, words: list[str], figures: Figures
) -> None:
    hostile = told(quiet_bench, filled(RigState, HOSTILE), words)
    tame = told(quiet_bench, filled(RigState, TAME), words)
    all_plain(hostile)
    lines = hostile.split("\n")
    notes = sum(line.startswith("  note") for line in lines)
    more = HOSTILE.count("\n") * notes if words[:2] == ["takes", "show"] else 0  # a note may have lines
    forged = abs(len(lines) - len(tame.split("\n")) - more)
    figures.record(
        "T27",
        "lines forged by names, in what a command prints",
        bound="0",
        measured=forged,
        unit="lines",
        count=f"{len(lines)} lines, every text of the state hostile",
    )
    assert forged == 0


@pytest.mark.parametrize(
    "words", [["status"], ["takes"], ["takes", "show", "1"], ["session", "show"]], ids=" ".join
)
def test_json_has_no_character_that_acts_and_loses_none(quiet_bench: Bench, words: list[str]) -> None:
    printed = told(quiet_bench, filled(RigState, HOSTILE), [*words, "--json"])
    all_plain(printed)
    (line,) = printed.strip("\n").split("\n")
    assert HOSTILE in _texts(json.loads(line))


@pytest.mark.parametrize(
    "words", [["audit"], ["takes", "--all"], ["takes", "find", "x"], ["trash"], ["sessions"]], ids=" ".join
)
def test_what_is_read_from_a_disk_for_a_command_forges_no_line(quiet_bench: Bench, words: list[str]) -> None:
    printed = {}
    for text in (HOSTILE, TAME):
        entry, page = filled(AuditEntry, text), replace(filled(LibraryPage, text), next="")
        sessions = replace(filled(SessionsPage, text), next="")
        quiet_bench.server._answers._records = replace(
            NOTHING,
            audit=lambda last, before, told, entry=entry: told([entry] if before is None else []),  # type: ignore[misc]
            takes=lambda wanted, told, page=page: told(page),  # type: ignore[misc]
            sessions=lambda wanted, told, page=sessions: told(page),  # type: ignore[misc]
        )
        printed[text] = told(quiet_bench, filled(RigState, text), words)
    all_plain(printed[HOSTILE])
    assert printed[HOSTILE].count("\n") == printed[TAME].count("\n") > 0


@pytest.mark.parametrize("kind", [*MESSAGES, *ANSWERS], ids=lambda kind: kind.__name__)
def test_every_message_arrives_as_it_was_and_is_printed_plain(kind: type) -> None:
    message = filled(kind, HOSTILE)
    line = encode(message)
    assert line.count(b"\n") == 1 and Codec((kind,)).decode(line) == message
    printed = plain_json(to_plain(message))
    assert is_plain(printed) and json.loads(printed) == json.loads(json.dumps(to_plain(message)))


def _texts(plain: Any) -> set[str]:
    if isinstance(plain, dict):
        return set().union(*(_texts(each) for each in plain.values()), set())
    if isinstance(plain, list):
        return set().union(*(_texts(each) for each in plain), set())
    return {plain} if isinstance(plain, str) else set()


# Logs.


def logged(log: logging.Logger, *, error: BaseException | None = None) -> None:
    try:
        if error is not None:
            raise error
        log.warning("take %s: %s", HOSTILE, os.fsdecode(b"\xff\x1b[2J"))
    except BaseException:
        log.exception("%s broke", HOSTILE)


@pytest.mark.parametrize("error", [None, ValueError(f"{HOSTILE}\nINFO rigd: take 1 is safe")])
def test_a_record_is_one_line_and_a_traceback_stands_below_it(
    tmp_path: Path, error: BaseException | None
) -> None:
    log, handler = logging.Logger("t27"), RunLog(None, tmp_path / "rigd.log")
    handler.setFormatter(PlainFormatter("%(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    logged(log, error=error)
    handler.flush()
    text = wait_for(lambda: (tmp_path / "rigd.log").exists() and (tmp_path / "rigd.log").read_text(), "a log")
    all_plain(str(text))
    first, *further = str(text).rstrip("\n").split("\n")
    assert " t27: " in first and all(line.startswith("    ") for line in further)
    assert bool(further) == (error is not None)


def test_the_log_of_the_other_processes_is_plain_too() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("rigd-writer: %(levelname)s: %(message)s"))
    log = logging.Logger("t27")
    log.addHandler(handler)
    logged(log)
    assert is_plain(stream.getvalue().rstrip("\n")) and stream.getvalue().count("\n") == 1


# What is typed, and what a client calls itself.


@pytest.mark.parametrize("letter", ["\n", "\u2028", "\x1b", "\x9b", "\x7f", *MARKS_OF_DIRECTION])
@pytest.mark.parametrize("verb", ["song", "session", "rename", "mark", "note"])
def test_a_name_that_would_forge_a_line_is_refused(verb: str, letter: str) -> None:
    desk = Desk()
    desk.do("start")
    refused = desk.do(f"{verb} a{letter}b")
    if verb == "note" and letter == "\n":
        assert not isinstance(refused, Rejected), "a note may have lines"
    else:
        assert isinstance(refused, Rejected) and "plain text only" in refused.reason
        all_plain(refused.reason)


@pytest.mark.parametrize("text", PROPER)
def test_a_name_in_any_script_is_taken(text: str) -> None:
    desk = Desk()
    assert not isinstance(desk.do(f"song {text}"), Rejected)
    assert desk.state.song == text


def test_what_a_client_calls_itself_is_shown_plain(quiet_bench: Bench) -> None:
    with quiet_bench.raw() as stream:
        stream.sendall(b'{"type":"SubscribeRequest","id":0}\n')
        request = {"type": "TextRequest", "id": 1, "text": "lock", "origin": HOSTILE}
        stream.sendall(json.dumps(request).encode() + b"\n")
        heard = b""
        while b'"Event"' not in heard:
            heard += stream.recv(65536)
    event = next(json.loads(line) for line in heard.splitlines() if b'"Event"' in line)
    assert is_plain(event["origin"]) and event["origin"].startswith("x\\u001b[2J")
