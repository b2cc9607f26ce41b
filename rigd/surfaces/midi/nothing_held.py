"""The messages by which a device says that nothing is held on it: they are no controls. Pure."""

from __future__ import annotations

_CONTROL_CHANGE = 0xB0
LETS_GO = frozenset({120, 121, *range(123, 128)})
"""Controllers by which a device says that nothing is held on a channel: all sound off, reset all controllers, all
notes off, and the four modes, which mean the latter too."""
SYSTEM_RESET = 0xFF


def lets_go(message: bytes) -> int | None:
    """The channel on which nothing is held any more; 0 for all of them, None where the message is about something
    else."""
    if message[0] == SYSTEM_RESET:
        return 0
    is_mode = len(message) == 3 and message[0] & 0xF0 == _CONTROL_CHANGE and message[1] in LETS_GO
    return (message[0] & 0x0F) + 1 if is_mode else None
