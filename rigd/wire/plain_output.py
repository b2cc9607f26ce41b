"""Lines, JSON and log records on their way to a terminal, a log or a pipe that people read, each line plain
(`model/plain_text.py`). The other way out is Rich's console (`cli/plain_console.py`).

Nothing else prints; a test looks (tests/faults/test_t27_text_is_text.py). Any thread.
"""

from __future__ import annotations

import contextlib
import json
import logging
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


def write_json(plain: Any) -> None:
    """One line of JSON on stdout. It says what the data says; what cannot be seen stands in it as an escape."""
    print(plain_json(plain))


def plain_json(plain: Any) -> str:
    text = json.dumps(plain, ensure_ascii=False)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        piece if piece == shown else json.dumps(piece)[1:-1] for piece, shown in plain_pieces(text)
    )


class PlainFormatter(logging.Formatter):
    """A record is one line; a traceback follows in lines that are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Without what an earlier handler left in the record."""
        record.message = record.getMessage()
        lines = [plain_line(self.formatMessage(record))]
        if record.exc_info:
            lines += _further(super().formatException(record.exc_info))
        if record.stack_info:
            lines += _further(record.stack_info)
        return "\n".join(lines)


def log_to_stderr(form: str) -> None:
    """Of a process whose stderr is its log."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def write_exception(who: str) -> None:
    """The one that is being handled, with its traceback, on stderr. A log that is full or gone ends nothing."""
    _write_broken(f"{who}: this broke", traceback.format_exc())


def tell_broken(who: str) -> None:
    """From now on what nobody caught is told on stderr, plain: an exception's text may be anybody's."""

    def tell(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, where: str
    ) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return  # no fault, and nothing to tell
        _write_broken(f"{who}: this broke{where}", "".join(traceback.format_exception(kind, error, trace)))

    sys.excepthook = lambda kind, error, trace: tell(kind, error, trace, "")
    threading.excepthook = lambda args: tell(
        args.exc_type,
        args.exc_value,
        args.exc_traceback,
        f" in thread {args.thread.name}" if args.thread else "",
    )


def _write_broken(line: str, trace: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        write_line(line)
        for each in _further(trace):
            write_line(each)


def _further(text: str) -> list[str]:
    return [INDENT + plain_line(line) for line in text.rstrip("\n").split("\n")]
