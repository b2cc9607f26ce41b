"""What every command shares: where the daemon is, how an answer is printed, and the exit codes.

A command ends with one of `ExitCode`; a RigError becomes its message on stderr, never a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rigd.api.client import SOCKET_NAME, ControlClient
from rigd.cli.plain_console import PlainConsole
from rigd.cli.which_rig import check_let_in, find_rig
from rigd.config.runtime_dir import resolve_runtime_dir
from rigd.model.errors import CommandError, ConfigError, NotRunning, RigError
from rigd.model.requests import CommandAnswer
from rigd.wire.codec import to_plain
from rigd.wire.plain_output import write_json, write_line


class ExitCode(IntEnum):
    """Documented in docs/commands.md."""

    DONE = 0
    REFUSED = 1
    """rigd understood and said no; the reason is on stderr."""
    USAGE = 2
    """The command line has not the command's form."""
    CONFIG = 3
    """The config has faults; each is on stderr."""
    NOT_RUNNING = 4
    """No rigd runs in this runtime folder."""
    ALREADY_RUNNING = 5
    """Another rigd has this runtime folder or library."""
    FAILED = 6
    """Something on this machine stands in the way; stderr says what, and the cure."""


AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]
RuntimeDir = Annotated[
    Path | None,
    typer.Option(
        "--runtime-dir",
        envvar="RIGD_RUNTIME_DIR",
        help="The runtime folder of the rigd that is meant; else your own, else the service's, in /run/rigd.",
        show_default=False,
    ),
]

out = PlainConsole(soft_wrap=True)


def fail(code: ExitCode, *lines: str) -> NoReturn:
    """Ends the command with this code; the message is on stderr, a line each."""
    for line in lines:
        write_line(line)
    raise typer.Exit(code)


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
    """A dataclass of the model, or a plain dict, as one JSON object."""
    plain = answer if isinstance(answer, dict | list) else to_plain(answer)
    write_json(plain)


def tell(answer: CommandAnswer, *, as_json: bool) -> None:
    """Prints what came of a command; a refusal ends with its code."""
    if as_json:
        print_json(answer)
    elif answer.accepted and answer.text:
        out.print(answer.text, markup=False)
    if not answer.accepted:
        if as_json:
            raise typer.Exit(ExitCode.REFUSED)
        fail(ExitCode.REFUSED, answer.text)


def do(runtime_dir: Path | None, as_json: bool, ask: Callable[[ControlClient], CommandAnswer]) -> None:
    """One command to the daemon, and what came of it."""
    with daemon(runtime_dir) as client:
        answer = ask(client)
    tell(answer, as_json=as_json)
