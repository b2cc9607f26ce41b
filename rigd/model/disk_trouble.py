"""What kinds of trouble a disk can have, their words, and what they mean for a take. Pure.

Each kind has a cure of its own: a quota is not mended by what `df` shows, and a share that was exported anew not by
another cable.
"""

from __future__ import annotations

import errno
import re
from enum import StrEnum


class DiskTrouble(StrEnum):
    """Why a write did not succeed."""

    FULL = "full"
    QUOTA = "quota"  # there is room, and this user may not have it
    READ_ONLY = "read-only"
    TOO_LONG = "file too long"  # no file of that volume, or process, may be longer
    STALE = "stale"  # the share is there, and what was opened on it is not
    UNREACHABLE = "unreachable"  # nobody answers for it
    ERROR = "error"


_BY_CODE = {
    errno.ENOSPC: DiskTrouble.FULL,
    errno.EDQUOT: DiskTrouble.QUOTA,
    errno.EROFS: DiskTrouble.READ_ONLY,
    errno.EFBIG: DiskTrouble.TOO_LONG,
    errno.ESTALE: DiskTrouble.STALE,
    errno.ENOTCONN: DiskTrouble.UNREACHABLE,
    errno.ETIMEDOUT: DiskTrouble.UNREACHABLE,
    errno.EHOSTDOWN: DiskTrouble.UNREACHABLE,
    errno.EHOSTUNREACH: DiskTrouble.UNREACHABLE,
}
_CURES = {
    DiskTrouble.QUOTA: "this user's quota on that volume is used up, whatever room it has: delete what it need "
    "not keep there, or have the quota raised (quota -s)",
    DiskTrouble.READ_ONLY: "the volume takes no writes any more, as a kernel does it after an error of the disk: "
    "see dmesg, and mount it for writing",
    DiskTrouble.TOO_LONG: "that volume, or a limit of this process, takes no longer files: record to ext4, XFS or "
    "exFAT, and see ulimit -f",
    DiskTrouble.STALE: "the network share was taken away or exported anew (stale file handle): unmount it and mount "
    "it again",
    DiskTrouble.UNREACHABLE: "nobody answers for that volume: see to the network and the server, or to the process "
    "that mounts it",
    DiskTrouble.ERROR: "check the disk and its cable",
}
NO_ROOM = (DiskTrouble.FULL, DiskTrouble.QUOTA)
"""A write of fewer bytes may still succeed: as much as fits is kept. Nothing more goes there until somebody has made
room."""
OF_WRITES = (*NO_ROOM, DiskTrouble.READ_ONLY, DiskTrouble.TOO_LONG)
"""Reading never has those."""
NO_FRESH_FOLDER = {
    DiskTrouble.FULL: "the disk is full",
    DiskTrouble.QUOTA: "the quota of this user is used up",
    DiskTrouble.READ_ONLY: "the disk is read-only",
    DiskTrouble.TOO_LONG: "its disk takes no longer files",
}
"""Those that another folder on the same volume has, too, and how that is said."""


_ENDED = re.compile(
    r"disk write failed after [0-9:]+ \((No space left on device|(?:Disk q|Q)uota exceeded)\b"
)
"""As takefile/failures.py says it, with the C library's words."""


def full_disk_ended(failure: str) -> str:
    """'disk full', 'quota used up': where no more than that ended a take, which is whole up to there. Empty where it
    failed by something else, or did not fail."""
    found = _ENDED.search(failure)
    return "" if found is None else "disk full" if found[1].startswith("No") else "quota used up"


def trouble_of(code: int | None) -> DiskTrouble:
    """By errno."""
    return DiskTrouble.ERROR if code is None else _BY_CODE.get(code, DiskTrouble.ERROR)


def cure_of(trouble: DiskTrouble) -> str:
    """What it is and what to do, as the end of a message; empty for a full disk, which the message names already."""
    return _CURES.get(trouble, "")
