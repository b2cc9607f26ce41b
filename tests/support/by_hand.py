"""A command line in this process: what it printed and what it ended with."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import carry_out
from rigd.cli.main import command_line


class Done(NamedTuple):
    """As a terminal sees it: standard output and error in one."""

    code: int
    output: str


def by_hand(*words: str) -> Done:
    """`rigd WORDS`, with the whole command line loaded."""
    printed, code = io.StringIO(), ExitCode.DONE
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            carry_out(command_line([]), words, path="rigd")
        except SystemExit as ended:
            code = ExitCode(ended.code or 0)
    return Done(code, printed.getvalue())
