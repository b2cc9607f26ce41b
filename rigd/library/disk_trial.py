"""How fast is the take volume, and how long does it stall: found out by writing to it for about a second.

A thread of its own a trial: a disk that stands still must hold up neither the start nor anything else. The file has
no name while it is written, so that nothing is left behind even by a kill; it is small, and is broken off when a
take begins.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rigd.model.disk_trouble import cure_of, trouble_of
from rigd.model.disk_words import DiskMeasured, Measurement
from rigd.model.errors import RigError
from rigd.takefile.beneath import open_file, remove

log = logging.getLogger(__name__)

TRIAL_NAME = "trial"
TRIAL_S = 1.0
STEP_BYTES = 1 << 20
MOST_BYTES = 32 << 20
SHARE_OF_ROOM = 8
"""At most one part in so many of what is free is written."""
STOP_WAIT_S = 2.0


def try_disk(
    folder: Path,
    *,
    root: Path | None = None,
    may_go_on: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Measurement | None:
    """What the volume of `folder` did; None where it was broken off. Raises OSError where it failed.

    `root` is the library that the folder lies in. Steps of 1 MiB, each made durable: the longest is the stall.
    """
    volume = os.statvfs(folder)
    most = min(MOST_BYTES, volume.f_bavail * volume.f_frsize // SHARE_OF_ROOM)
    if most < STEP_BYTES:
        return _failed("there is too little room on it to try it out; free some space")
    content = os.urandom(STEP_BYTES)  # a file system that packs must not look faster than it is
    path = folder / TRIAL_NAME
    file = open_file(root or folder, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    try:
        remove(root or folder, path)
        begun = before = clock()
        written, longest_s = 0, 0.0
        while written + STEP_BYTES <= most and before - begun < TRIAL_S:
            if not may_go_on():
                return None
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
            os.fdatasync(file)
            now = clock()
            longest_s, before = max(longest_s, now - before), now
            written += STEP_BYTES
        took_s = max(before - begun, 1e-6)
    finally:
        os.close(file)
    return Measurement(
        bytes_per_second=round(written / took_s), longest_stall_s=longest_s, bytes_written=written
    )


def _failed(why: str) -> Measurement:
    return Measurement(bytes_per_second=0, longest_stall_s=0.0, bytes_written=0, failure=why)


class DiskTrial:
    """The controller's DiskPort. `folder` is rigd's own in the library, which is `root`."""

    def __init__(
        self,
        folder: Path,
        *,
        root: Path | None = None,
        post: Callable[[DiskMeasured], None],
        may_go_on: Callable[[], bool],
    ) -> None:
        self._folder, self._root, self._post, self._may_go_on = folder, root, post, may_go_on
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """A trial is made when the controller asks for one."""

    def measure(self) -> None:
        """A trial is under way; what came of it is posted. Called by one thread, for one trial at a time."""
        self._thread = threading.Thread(target=self._run, name="rigd-disk-trial", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No trial is under way, but for one that hangs in a disk that stands still."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        measurement: Measurement | None
        try:
            measurement = try_disk(
                self._folder,
                root=self._root,
                may_go_on=lambda: not self._stopping.is_set() and self._may_go_on(),
            )
        except OSError as error:
            cure = cure_of(trouble_of(error.errno)) or "see to the disk"
            measurement = _failed(f"{error.strerror} ({self._folder}); {cure}")
        except Exception as error:
            log.exception("the disk could not be tried out")
            measurement = _failed(f"an error inside rigd ({error!r}); see its log")
        try:
            self._post(DiskMeasured(measurement=measurement))
        except RigError as error:
            log.warning("disk trial: %s", error)
