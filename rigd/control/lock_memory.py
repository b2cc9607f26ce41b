"""Whether the rig is locked, in the runtime folder: who locked it did so against a foot, and a daemon that is started
anew is no reason to open it.

`keep` is called on the controller's thread: a file in memory comes or goes, and it waits for nobody.
"""

from __future__ import annotations

import logging
from pathlib import Path

from rigd.wire.own_folder import read_own, remove_own, replace_own

NAME = "rigd.locked"
log = logging.getLogger(__name__)


class LockMemory:
    """One file, which is there while the rig is locked."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._kept: bool | None = None
        """As the file was left last; None where it cannot be."""

    def read(self) -> bool:
        """An earlier daemon was locked, and nobody has unlocked the rig since."""
        try:
            read_own(self._path)
        except OSError:
            self._kept = False
        else:
            self._kept = True
            log.info("locked, as it was before rigd was started: a take only stops by a held control")
        return self._kept

    def keep(self, locked: bool) -> None:
        """The file says the same."""
        if locked is self._kept or self._kept is None:
            return
        try:
            if locked:
                replace_own(self._path, b"")
            else:
                remove_own(self._path)
        except OSError as error:
            self._kept = None
            log.warning("%s: %s; a restart of rigd forgets whether it is locked", self._path, error)
            return
        self._kept = locked
