"""Notices when the runtime folder, or a file in it, vanishes, makes it again, and tells.

A log-out, a cleaner of temporary files or a hand may take it at any moment. What records has it all open and mapped
and loses nothing; but nobody else would find it again: no command, no next daemon, no next writer. Each process
makes its own files anew within a second; the daemon also makes the folder, and says what happened. Thread
"rigd-folder": two looks a second, 0.1 ms each. It never touches audio.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from rigd.links.runtime_folder import make_runtime_dir
from rigd.model.errors import RigError
from rigd.model.inputs import FolderVanished
from rigd.wire.held_lock import HeldLock

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
OF_A_SERVICE = (
    "A service's folder is made by systemd: end the take by a pedal or a box, then: systemd-tmpfiles --create"
    " /etc/tmpfiles.d/rigd.conf && systemctl restart rigd.target"
)
"""A unit may write to the folder that was there when it started, and to no other of that name (ProtectSystem=)."""


class OwnFile(Struct, frozen=True, kw_only=True):
    """Something of the daemon's in the runtime folder."""

    name: str
    is_there: Callable[[], bool]
    make_again: Callable[[], None]
    """May be called when it is there. RigError, OSError: it could not be made; it is tried again."""


class FolderWatch:
    """Start it once `files` can be asked; stop it before any of them is closed."""

    def __init__(
        self,
        runtime: Path,
        *,
        lock: HeldLock,
        files: Sequence[OwnFile],
        post: Callable[[FolderVanished], None],
        cure: str = "",
        laid_down: bool = False,
    ) -> None:
        """`cure` says how the folder would stay, where that is known; `laid_down` as in `make_runtime_dir`."""
        self._runtime = runtime
        self._lock = lock
        self._files = tuple(files)
        self._post = post
        cure = cure or (OF_A_SERVICE if laid_down else "")
        self._cure = f". {cure}" if cure else ""
        self._laid_down = laid_down
        self._folder = _folder_at(runtime)
        self._told = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-folder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                self._look()
            except Exception:
                log.exception("watching the runtime folder failed; it goes on")

    def _look(self) -> None:
        folder = _folder_at(self._runtime)
        vanished = [file.name for file in self._files if not file.is_there()]
        whole = folder == self._folder
        if whole and self._lock.look() and not vanished:
            self._told = ""
            return
        try:
            make_runtime_dir(self._runtime, laid_down=self._laid_down)
            self._lock.look()
            for file in self._files:
                file.make_again()
        except (RigError, OSError) as error:
            why = error.__cause__ or error
            self._tell(
                f"the runtime folder {self._runtime} vanished and cannot be made again ({why}); it is tried again."
                " What records goes on and loses nothing, pedals and boxes work; the commands do not reach this rig"
                f" until then{self._cure}"
            )
            return
        self._folder = _folder_at(self._runtime)
        goes_on = "rigd made it again. What records goes on and nothing is lost"
        if whole:
            what = ", ".join(vanished or ["rigd.lock"])
            self._tell(
                f"{what} vanished from the runtime folder {self._runtime}; {goes_on}. Somebody deleted it, or a"
                " cleaner of temporary files did: see to it that none does"
            )
        else:
            self._tell(f"the runtime folder {self._runtime} vanished; {goes_on}{self._cure}")

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            log.warning("%s", text)
            self._post(FolderVanished(reason=text))


def _folder_at(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
