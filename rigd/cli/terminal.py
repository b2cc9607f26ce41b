"""What every command shares: where the daemon is, how an answer is printed, and what an error ends with.

A command ends with one of `ExitCode`; a RigError becomes its message on stderr, never a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rigd.api.client import SOCKET_NAME, ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Option
from rigd.cli.signs import Styled
from rigd.cli.which_rig import check_let_in, find_rig
from rigd.config.runtime_dir import resolve_runtime_dir
from rigd.model.errors import CommandError, ConfigError, NotRunning, RigError
from rigd.model.requests import CommandAnswer
from rigd.wire.codec import to_plain
from rigd.wire.plain_output import write_json, write_line, write_question

if TYPE_CHECKING:
    from rigd.cli.plain_console import PlainConsole

AS_JSON = Option(name="as_json", flags=("--json",), about="Answer as one JSON object.")


def config_option(about: str, *, is_required: bool = False, default: Path | None = None) -> Option:
    """--config of a command."""
    return Option(
        name="config",
        flags=("--config", "-c"),
        read=Path,
        shown="PATH",
        about=about,
        is_required=is_required,
        default=default,
    )


RUNTIME_DIR = Option(
    name="runtime_dir",
    flags=("--runtime-dir",),
    read=Path,
    shown="PATH",
    variable="RIGD_RUNTIME_DIR",
    about="The runtime folder of the rigd that is meant; else your own, else the service's, in /run/rigd.",
)

LEVELS_HZ = 10.0
"""How often somebody who watches gets levels."""


class Screen:
    """Standard output. Rich, which takes as long to load as most commands to be done, is there only once something is
    drawn, or has a colour that somebody sees."""

    @cached_property
    def console(self) -> PlainConsole:
        """For what is drawn."""
        from rigd.cli.plain_console import PlainConsole

        return PlainConsole(soft_wrap=True)

    def print(self, *pieces: str | Styled, style: str = "") -> None:
        """One line of these pieces; `style` is that of each that has none."""
        styled = [piece if isinstance(piece, tuple) else (piece, style) for piece in pieces]
        if any(style for _, style in styled) and _may_show_colour():
            self.console.print_pieces(styled)
        else:
            write_line("".join(words for words, _ in styled), to=sys.stdout)

    def print_rows(self, rows: Iterable[Sequence[Styled]]) -> None:
        """Lines of pieces."""
        for row in rows:
            self.print(*row)

    @staticmethod
    def width() -> int | None:
        """Columns of the terminal; None where it is none, and lines may be of any length."""
        from shutil import get_terminal_size  # only lists want to know

        return get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None

    def ask(self, question: str) -> None:
        """Without a line's end, so that the answer stands behind it."""
        write_question(question)

    def print_lines(self, block: str) -> None:
        """Several lines that rigd has put together, each of them plain already (`plain_line`)."""
        for line in block.split("\n"):
            self.print(line)


def _may_show_colour() -> bool:
    """Whether Rich is to be asked; it knows the terminal."""
    forced = (os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return (sys.stdout is not None and sys.stdout.isatty()) or any(forced)


out = Screen()


def fail(code: ExitCode, *lines: str) -> NoReturn:
    """Ends the command with this code; the message is on stderr, a line each."""
    for line in lines:
        write_line(line)
    raise SystemExit(code)


def refuse(why: str, *, as_json: bool) -> NoReturn:
    """What was asked cannot be done, and the rig need not be asked to say so: as its own refusals are told."""
    tell(CommandAnswer(id=0, accepted=False, text=why), as_json=as_json)
    raise SystemExit(ExitCode.REFUSED)


@contextmanager
def errors_told(*, but: type[RigError] | tuple[()] = ()) -> Iterator[None]:
    """RigErrors end the command with their message and the right code; `but` is left to the caller."""
    try:
        yield
    except but:
        raise
    except ConfigError as error:
        fail(ExitCode.CONFIG, *str(error).split("\n"))
    except NotRunning as error:
        fail(ExitCode.NOT_RUNNING, str(error))
    except CommandError as error:
        fail(ExitCode.REFUSED, str(error))
    except RigError as error:
        fail(ExitCode.FAILED, str(error))


def socket_path(runtime_dir: Path | None) -> Path:
    """Where the daemon answers: in that folder, else where the rig is that is meant. Raises RigError where this
    user may not talk to it. Whether who answers there is the rig is found out when it is connected to."""
    runtime = runtime_dir or find_rig(resolve_runtime_dir("", os.environ))
    check_let_in(runtime)
    return runtime / SOCKET_NAME


@contextmanager
def daemon(runtime_dir: Path | None) -> Iterator[ControlClient]:
    """A connection to the running daemon, errors told."""
    with errors_told(), ControlClient(socket_path(runtime_dir)) as client:
        yield client


def print_json(answer: Any) -> None:
    """A struct of the model, or a plain dict, as one JSON object."""
    plain = answer if isinstance(answer, dict | list) else to_plain(answer)
    write_json(plain)


def tell(answer: CommandAnswer, *, as_json: bool) -> None:
    """Prints what came of a command; a refusal ends with its code."""
    if as_json:
        print_json(answer)
    elif answer.accepted and answer.text:
        out.print(answer.text)
    if not answer.accepted:
        if as_json:
            raise SystemExit(ExitCode.REFUSED)
        fail(ExitCode.REFUSED, answer.text)


def do(runtime_dir: Path | None, as_json: bool, ask: Callable[[ControlClient], CommandAnswer]) -> None:
    """One command to the daemon, and what came of it."""
    with daemon(runtime_dir) as client:
        answer = ask(client)
    tell(answer, as_json=as_json)
