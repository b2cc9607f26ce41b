"""The `rigd` command: puts the commands and their groups together. Each group is a file of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from rigd import __version__
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import HELP, Command, Group, Option, carry_out, show_help
from rigd.cli.signs import prepare_output
from rigd.wire.plain_output import tell_broken, write_line

COMMANDS = {
    "init": "init.INIT",
    "run": "run.RUN",
    "config": "config_shown.CONFIG",
    "check": "run.CHECK",
    "reload": "reload.RELOAD",
    "devices": "devices.DEVICES",
    "learn": "learn.LEARN",
    "doctor": "doctor.DOCTOR",
    "units": "units.UNITS",
    "status": "status.STATUS",
    "health": "health.HEALTH",
    "watch": "status.WATCH",
    "audit": "audit.AUDIT",
    "disk": "disk.DISK",
    "take": "take.TAKE",
    "takes": "takes.TAKES",
    "listen": "play.LISTEN",
    "session": "session.SESSION",
    "sessions": "sessions.SESSIONS",
    "trash": "trash.TRASH",
    "arm": "arm.ARM",
    "disarm": "arm.DISARM",
    "gain": "gain.GAIN",
    "nudge": "gain.NUDGE",
    "pad": "gain.PAD",
    "phantom": "gain.PHANTOM",
    "polarity": "gain.POLARITY",
    "set": "gain.SET",
    "lock": "arm.LOCK",
    "unlock": "arm.UNLOCK",
    "clear-fault": "arm.CLEAR_FAULT",
    "clear-clips": "arm.CLEAR_CLIPS",
    "do": "arm.DO",
    "recover": "recover.RECOVER",
    "shut-down": "arm.SHUT_DOWN",
    "demo": "demo.DEMO",
    "completion": "completion.COMPLETION",
}
"""The file beside this one and what in it the command is; in the order of `rigd --help`."""
ABOUT = "rigd records your band. Start with: rigd demo, or rigd init, then rigd run."


def about(version: bool) -> None:
    """Of `rigd` by itself."""
    if version:
        write_line(f"rigd {__version__}", to=sys.stdout)
        return
    show_help(command_line([]), "rigd")
    raise SystemExit(ExitCode.USAGE)


def command_line(words: Sequence[str]) -> Group:
    """The command line that understands `words`. Where the first word is a command only its file is imported: all of
    them cost many times what `rigd take start` has to do.
    """
    names = [words[0]] if words and words[0] in COMMANDS else list(COMMANDS)
    wants_help = HELP in words
    version = Option(name="version", flags=("--version",), about="Say which rigd this is.")
    return Group(
        name="rigd",
        about=ABOUT,
        commands=tuple(_loaded(name, with_example=wants_help) for name in names),
        alone=Command(name="rigd", run=about, about=ABOUT, parts=(version,)),
    )


def _loaded(name: str, *, with_example: bool) -> Command | Group:
    file, _, what = COMMANDS[name].partition(".")
    found: Command | Group = getattr(import_module(f"rigd.cli.{file}"), what)
    if with_example:
        from rigd.cli.examples import with_examples

        return with_examples(found, f"rigd {name}")
    return found


def main() -> None:
    """Entry point of the console script."""
    tell_broken("rigd")
    prepare_output()
    words = sys.argv[1:]
    try:
        carry_out(command_line(words), words, path="rigd")
    except KeyboardInterrupt:
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except OSError as error:
        if error.filename is not None:
            raise
        # Nobody takes what is printed: `rigd takes | head`, a full disk. Python would say so once more at its end.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise SystemExit(ExitCode.REFUSED) from None
        with contextlib.suppress(OSError, ValueError):
            write_line(f"what was to be printed could not be ({error.strerror})")
        raise SystemExit(ExitCode.FAILED) from None
