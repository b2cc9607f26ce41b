"""Log records on their way out, each line plain (`model/plain_text.py`). Any thread.

Apart from `plain_output.py`: what asks a rig one thing has no log and need not load Python's.
"""

from __future__ import annotations

import logging

from rigd.model.plain_text import plain_line
from rigd.wire.plain_output import further

FIELDS = "rigd_fields"
"""The attribute of a record that holds what the journal gets as fields of their own."""


class PlainFormatter(logging.Formatter):
    """A record is one line; a traceback follows in lines that are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Without what an earlier handler left in the record."""
        record.message = record.getMessage()
        lines = [plain_line(self.formatMessage(record))]
        if record.exc_info:
            lines += further(super().formatException(record.exc_info))
        if record.stack_info:
            lines += further(record.stack_info)
        return "\n".join(lines)


def log_to_stderr(form: str) -> None:
    """Of a process whose stderr is its log."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
