"""What a command ends with."""

from __future__ import annotations

from enum import IntEnum


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
    INTERRUPTED = 130
    """Ctrl-C came before the command was done; as shells have it, 128 and the signal."""
