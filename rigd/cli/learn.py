"""`rigd learn`: step on a switch, and paste what it prints. What it is, is found out in learning.py."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rigd.api.client import ControlClient
from rigd.cli.form import Argument, Command, Option, number, whole_number
from rigd.cli.learning import learn as learn_pedal
from rigd.cli.learning import render
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, errors_told, out, print_json, socket_path
from rigd.wire.library_words import LibraryWords
from rigd.wire.plain_output import write_line


def learn(port: str, seconds: float, baud: int | None, as_json: bool, runtime_dir: Path | None) -> None:
    def connect() -> ControlClient:
        return ControlClient(socket_path(runtime_dir))

    with errors_told(), LibraryWords(lambda line: None):
        learned = learn_pedal(port, seconds=seconds, baud=baud, say=write_line, connect=connect)
    if as_json:
        print_json(msgspec.to_builtins(learned))
    else:
        out.print_lines(render(learned))


LEARN = Command(
    name="learn",
    run=learn,
    about="Step on a switch; rigd tells what it is and prints the config to paste.",
    parts=(
        Argument(
            name="port",
            about='A MIDI port\'s name, or "serial:/dev/...". None: all ports.',
            is_required=False,
            default="",
        ),
        Option(
            name="seconds",
            flags=("--seconds",),
            read=number,
            shown="SECONDS",
            about="How long to wait for the first press.",
            default=30.0,
        ),
        Option(
            name="baud",
            flags=("--baud",),
            read=whole_number,
            shown="BAUD",
            about="Of a serial line. None: looked for (MIDI, deej, rigd's own boxes).",
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
