"""`rigd audit`: who gave which command, and what came of it."""

from __future__ import annotations

import time
from pathlib import Path

from rigd.cli.form import Command, Option, whole_number
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json
from rigd.model.audit import AuditEntry
from rigd.model.units import NS_PER_SECOND
from rigd.wire.codec import to_plain

SHOWN = 20


def audit(last: int, runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        entries = client.audit(last)
    if as_json:
        print_json({"type": "AuditAnswer", "entries": [to_plain(entry) for entry in entries]})
        return
    for entry in entries:
        if entry.lost:
            out.print(f"{entry.lost} commands before the next one could not be written down", style="yellow")
        out.print(entry_line(entry), style="" if entry.accepted else "yellow")
    if not entries:
        out.print("no command yet")


def entry_line(entry: AuditEntry) -> str:
    """'2026-03-01 21:04:11  ann (engineer)  gain 1-4 30: channels 1-4: 30 dB asked of preamp "desk"'."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.unix_ns / NS_PER_SECOND))
    by = ", ".join(filter(None, (entry.who, entry.control, entry.label and f'as "{entry.label}"')))
    held = " (held)" if entry.held else ""
    came = entry.answer if entry.accepted else f"REFUSED: {entry.answer}"
    return f"{at}  {by} ({entry.role})  {entry.command}{held}" + (f": {came}" if came else "")


AUDIT = Command(
    name="audit",
    run=audit,
    about="The last commands that anybody gave, refused ones too: who, when, what, and what came of it.",
    parts=(
        Option(
            name="last",
            flags=("--last", "-n"),
            read=whole_number,
            shown="N",
            about="So many.",
            default=SHOWN,
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
