"""`python -m rigd.writer RUNTIME_DIR [NAME]`: starts the writer process of that name ("writer", the primary volume's,
where none is given). Exit 0 when told to stop, 1 with a message on standard error when it cannot start."""

from __future__ import annotations

import gc
import resource
import sys
from pathlib import Path

from rigd.model.errors import RigError
from rigd.tape.holds import PRIMARY_WRITER
from rigd.wire.notify import Notifier
from rigd.wire.plain_log import log_to_stderr
from rigd.wire.plain_output import tell_broken, write_line
from rigd.writer.process import WriterProcess, hold_lock, read_settings


def main(arguments: list[str] | None = None) -> int:
    """Runs until told to stop."""
    words = sys.argv[1:] if arguments is None else arguments
    name = words[1] if len(words) == 2 else PRIMARY_WRITER
    if not 1 <= len(words) <= 2 or not (name.isascii() and name.isalnum()):
        write_line("usage: rigd-writer RUNTIME_DIR [NAME]")
        return 2
    log_to_stderr("rigd-writer: %(levelname)s: %(message)s")
    runtime = Path(words[0])
    try:
        lock = hold_lock(runtime, name)
        notifier = Notifier()
        notifier.ready("starts")
        notifier.await_settings(runtime / f"{name}.json")
        process = WriterProcess(
            read_settings(runtime, name), runtime, notifier=notifier, lock=lock, name=name
        )
    except (RigError, OSError) as error:
        write_line(f"rigd-writer: {error}")
        return 1
    # A file a channel and several takes at once: 1,024 descriptors are soon gone.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.freeze()
    process.run()
    return 0


def run() -> int:
    """The process's own entry: also what nobody caught goes to its log plain."""
    tell_broken("rigd-writer")
    return main()


if __name__ == "__main__":
    sys.exit(run())
