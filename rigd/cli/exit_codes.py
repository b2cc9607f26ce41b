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


class HealthCode(IntEnum):
    """What `rigd health` ends with."""

    YES = 0
    """It records, or a start would not be refused."""
    NO = 1
    """It does not, and the line says why."""
    NOT_SURE = 2
    """Nobody answers who knows; a command line that is not understood ends so, too."""


class StateCode(IntEnum):
    """What `rigd status --exit-code` ends with, where rigd answers."""

    ROLLING = 0
    """A take rolls, or has its post-roll."""
    READY = 10
    """A start would not be refused."""
    NOT_READY = 11
    """The interface is heard, and a start would be refused."""
    OFFLINE = 12
    """Nothing is heard."""
    HALTED = 13
    """A fault stopped recording."""
