"""`rigd learn`: step on a switch, and paste what it prints. What it is, each kind of surface finds out itself."""

from __future__ import annotations

from pathlib import Path

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Option, whole_number
from rigd.cli.learning import learn as learn_control
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, errors_told, fail, out, print_json, socket_path
from rigd.config.kinds import SURFACES, Kinds
from rigd.hands.learning import LearnerMaker
from rigd.model.errors import ConfigError
from rigd.model.numbers import read_number
from rigd.wire.library_words import LibraryWords
from rigd.wire.plain_output import write_line


def learn(
    port: str, seconds: float, baud: int | None, kind: str, as_json: bool, runtime_dir: Path | None
) -> None:
    def connect() -> ControlClient:
        return ControlClient(socket_path(runtime_dir))

    with errors_told(), LibraryWords(lambda line: None):
        found, learned = learn_control(
            kinds_that_learn(kind), port, seconds=seconds, baud=baud, say=write_line, connect=connect
        )
    if as_json:
        print_json({"kind": found, **learned.facts})
    else:
        out.print_lines(learned.lines)


def kinds_that_learn(wanted: str = "") -> dict[str, LearnerMaker]:
    """The kind of surface that is asked for; all that can learn, where none is. One that is broken stands in nobody's
    way."""
    kinds = Kinds(SURFACES)
    if wanted and wanted not in kinds:
        fail(
            ExitCode.USAGE, f"--kind {wanted}: there is no such kind of surface; there is: {', '.join(kinds)}"
        )
    able: dict[str, LearnerMaker] = {}
    for name, maker in kinds.that_have("learner", *([wanted] if wanted else [])):
        if not isinstance(maker, ConfigError):
            able[name] = maker
        elif wanted:
            raise maker
    if not able:
        who = f"{wanted} cannot" if wanted else "no kind of surface can"
        fail(ExitCode.USAGE, f"{who} be learnt by what it sends; see: rigd devices")
    return able


LEARN = Command(
    name="learn",
    run=learn,
    about="Step on a switch; rigd tells what it is and prints the config to paste.",
    parts=(
        Argument(
            name="port",
            about='A port\'s name as `rigd devices` prints it, or a line ("serial:/dev/..."). None: all ports.',
            is_required=False,
            default="",
        ),
        Option(
            name="seconds",
            flags=("--seconds",),
            read=read_number,
            shown="SECONDS",
            about="How long to wait for the first press.",
            default=30.0,
        ),
        Option(
            name="baud",
            flags=("--baud",),
            read=whole_number,
            shown="BAUD",
            about="Of a line. None: looked for.",
        ),
        Option(
            name="kind",
            flags=("--kind",),
            shown="KIND",
            read=str,
            about="Which kind of surface it is. None: all that can be learnt are listened to.",
            default="",
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
