"""Lines and JSON on their way to a terminal, a log or a pipe that people read, each line plain
(`model/plain_text.py`). Log records go by `wire/plain_log.py`; the other way out is Rich's console
(`cli/plain_console.py`).

Nothing else prints; a test looks (tests/faults/test_t27_text_is_text.py). Any thread.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

from rigd.model.plain_text import plain_line, plain_pieces

INDENT = "    "
"""Before each further line of a record: nothing that is logged can look like another record."""


def write_line(line: str, *, to: TextIO | None = None) -> None:
    """One line on stderr, or there. Raises OSError where nobody takes it."""
    print(plain_line(line), file=sys.stderr if to is None else to, flush=True)


def write_question(question: str) -> None:
    """On stdout, without a line's end: the answer stands behind it."""
    print(plain_line(question), end="", flush=True)


def write_json(plain: Any) -> None:
    """One line of JSON on stdout. It says what the data says; what cannot be seen, or does not go there, stands in it
    as an escape."""
    takes_all = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    print(plain_json(plain, as_ascii=not takes_all), flush=True)


def plain_json(plain: Any, *, as_ascii: bool = False) -> str:
    text = json.dumps(plain, ensure_ascii=as_ascii)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        piece if piece == shown else json.dumps(piece)[1:-1] for piece, shown in plain_pieces(text)
    )


def write_exception(who: str) -> None:
    """The one that is being handled, with its traceback, on stderr. A log that is full or gone ends nothing."""
    kind, error, trace = sys.exc_info()
    _write_broken(f"{who}: this broke", kind, error, trace)


def tell_broken(who: str) -> None:
    """From now on what nobody caught is told on stderr, plain: an exception's text may be anybody's."""

    def tell(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, where: str
    ) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return  # no fault, and nothing to tell
        _write_broken(f"{who}: this broke{where}", kind, error, trace)

    sys.excepthook = lambda kind, error, trace: tell(kind, error, trace, "")
    threading.excepthook = lambda args: tell(
        args.exc_type,
        args.exc_value,
        args.exc_traceback,
        f" in thread {args.thread.name}" if args.thread else "",
    )


def _write_broken(
    line: str, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None:
    with contextlib.suppress(OSError, ValueError):
        write_line(line)
        for each in further("".join(traceback.format_exception(kind, error, trace))):
            write_line(each)


def further(text: str) -> list[str]:
    """Each line of a traceback, below the line that it belongs to."""
    return [INDENT + plain_line(line) for line in text.rstrip("\n").split("\n")]
