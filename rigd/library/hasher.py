"""SHA-256 of closed files, made when nobody else wants the disk or the processor. One thread.

It reads in pieces, rests after each as long as the piece took, and leaves nothing of them in the page
cache. It writes nothing: digests go to whoever asked. What it has not done when rigd ends is asked for again
at the next start. hashlib and read(2) let go of the interpreter lock, so that a thread at idle priority holds
nobody up (measured: a 5 ms timer beside it on busy cores was late by 12 ms at most, 11 ms without it).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import platform
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from rigd.takefile.beneath import open_plain

log = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20
LONGEST_QUEUE = 4096
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "armv7l": 314, "armv6l": 314, "i686": 289, "riscv64": 30}
"""ioprio_set(2) has no wrapper in libc; its number by machine (asm/unistd.h)."""
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_IDLE = 3 << 13


class HashOrder(Struct, frozen=True, kw_only=True):
    """Files of a take's folder; its journal's length tells afterwards whether they are still the same."""

    folder: Path
    names: tuple[str, ...]
    journal_bytes: int


class Hasher:
    """Takes orders from one thread; `done(order, digests)` is called on its own.

    `digests` lacks the files that are gone or changed while they were read.
    """

    def __init__(self, *, done: Callable[[HashOrder, dict[str, str]], None]) -> None:
        self._done = done
        self._orders: deque[HashOrder] = deque()
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-hasher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The thread has ended, within a piece."""
        with self._wake:
            self._stopping.set()
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def add(self, order: HashOrder) -> None:
        """The order is queued, in place of an older one for that folder.

        It is dropped where there are too many: the next start of rigd finds it again.
        """
        with self._wake:
            for older in self._orders:
                if older.folder == order.folder:
                    self._orders.remove(older)
                    break
            if len(self._orders) < LONGEST_QUEUE:
                self._orders.append(order)
                self._wake.notify_all()

    def _run(self) -> None:
        be_idle()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._orders or self._stopping.is_set())
                if self._stopping.is_set():
                    return
                order = self._orders.popleft()
            try:
                digests = {}
                for name in order.names:
                    digest = self._digest(order.folder / name)
                    if self._stopping.is_set():
                        return
                    if digest is not None:
                        digests[name] = digest
                self._done(order, digests)
            except Exception:
                log.exception("hasher: %s was left out", order.folder)

    def _digest(self, path: Path) -> str | None:
        try:
            handle = open_plain(path)
        except OSError:
            return None
        try:
            before = os.fstat(handle)
            digest, at = hashlib.sha256(), 0
            while True:
                started = time.monotonic()
                piece = os.read(handle, PIECE_BYTES)
                if not piece:
                    break
                digest.update(piece)
                os.posix_fadvise(handle, at, len(piece), os.POSIX_FADV_DONTNEED)
                at += len(piece)
                if self._stopping.wait(time.monotonic() - started):
                    return None
            after = os.fstat(handle)
        except OSError as error:
            log.warning("%s: cannot be read for its SHA-256 (%s)", path, error.strerror)
            return None
        finally:
            os.close(handle)
        changed = (before.st_size, before.st_mtime_ns) != (
            after.st_size,
            after.st_mtime_ns,
        ) or at != after.st_size
        return None if changed else digest.hexdigest()


def be_idle() -> None:
    """The calling thread gets the processor and the disk when nobody else wants them; nice 19 at least."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (OSError, AttributeError):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    be_idle_on_disk()


def be_idle_on_disk() -> None:
    """The calling thread gets the disk when nobody else wants it. For one that runs Python code: at idle priority it
    would keep the interpreter lock, and with it everybody, for as long as others have the processor."""
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_IDLE)
