"""One sync of a file system for several takes, and whom to believe where it fails. The writer's thread.

What the kernel could not write back it marks as clean, tells once and forgets: the next sync succeeds and says
nothing of it. So no file is synced once more to find out whether it is all right after all. Where several takes share
the file system each is asked for its own error, which the kernel tells file by file; where none owns up to it (a
disk's cache that could not be emptied, a file of the file system's own) it may be anyone's, and nobody is believed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from rigd.tape.kernel import sync_file_system

T = TypeVar("T")

log = logging.getLogger(__name__)


def sync_together(
    parties: Sequence[T], *, folder_fd: Callable[[T], int], sync_one: Callable[[T], None]
) -> tuple[list[T], list[tuple[T, Exception]]]:
    """Those whose files are durable, and the others, each with why. All are on one file system."""
    if not parties:
        return [], []
    try:
        sync_file_system(folder_fd(parties[0]))
        return list(parties), []
    except OSError as error:
        failure = OSError(error.errno, error.strerror, "the sync of its disk")
    if len(parties) == 1:
        return [], [(parties[0], failure)]
    log.warning("%s: %s; looking for the take that it belongs to", failure.filename, failure.strerror)
    good: list[T] = []
    bad: list[tuple[T, Exception]] = []
    for party in parties:
        try:
            sync_one(party)
            good.append(party)
        except Exception as error:
            bad.append((party, error))
    for party in parties[1:]:
        # The same error is told to every descriptor once. Nothing was written since it was looked for.
        with contextlib.suppress(OSError):
            sync_file_system(folder_fd(party))
    if bad:
        return good, bad
    return [], [(party, failure) for party in parties]
