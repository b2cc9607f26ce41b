"""Why a device node may not be opened: a group, a udev rule, or a service manager's filter. Each has its own cure."""

from __future__ import annotations

import errno
import grp
import os
import stat

CONSOLES = 4
"""The major number that consoles and on-board UARTs (ttyS) share."""
SEQUENCER = "/dev/snd/seq"


def why_refused(path: str, error: Exception) -> str | None:
    """What stands in the way and what to do; None where the error is not about rights."""
    number = getattr(error, "errno", None)
    if number not in (errno.EACCES, errno.EPERM):
        return None
    try:
        found = os.stat(path)
    except OSError:
        return f"{path} may not even be looked at by this user; rigd tries again"
    if number == errno.EPERM:
        # Of major 4 only the one line: the consoles have that number, too.
        major = os.major(found.st_rdev)
        line = f"DeviceAllow={path if major == CONSOLES else f'char-{major}'} rw"
        return (
            f"{path} is refused by the service manager's device filter, whatever groups the user is in; rigd tries "
            "again. Run: sudo rigd units, then: sudo systemctl restart rigd. Where that writes nothing: sudo "
            f"systemctl edit rigd, with [Service] and {line}, then the same restart"
        )
    group = _group(found.st_gid)
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o060 != 0o060 or found.st_gid in (os.getegid(), *os.getgroups()):
        return (
            f"{path} may not be opened by this user: its group is {group}, its mode {mode:04o}; rigd tries again. "
            "A udev rule gives it another: systemd/80-rigd.rules has examples"
        )
    return f"{path} may not be opened by this user; add it to the group {group} and log in again; rigd tries again"


def why_no_sequencer(path: str = SEQUENCER) -> str:
    """Why ALSA's MIDI cannot be used, and what to do."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        missing = f"ALSA's MIDI sequencer is missing ({path}: {error.strerror}); sudo modprobe snd-seq"
        return why_refused(path, error) or missing
    return f"ALSA's MIDI sequencer ({path}) did not answer, and does now; rigd tries again"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
