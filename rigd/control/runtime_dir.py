"""The runtime folder, in which the rig's processes meet: made for its owner alone, and for one rigd at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from rigd.model.errors import AlreadyRunning, RigError


def make_runtime_dir(path: Path) -> Path:
    """The folder in which the rig's processes meet, for its owner alone."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise RigError(
                f"runtime folder {path} belongs to somebody else; nothing was started. "
                "Set [rig] runtime_dir to one of yours"
            )
        path.chmod(0o700)
    except OSError as error:
        raise RigError(
            f"runtime folder {path} cannot be made ({error.strerror}); nothing was started. Set [rig] runtime_dir"
        ) from error
    return path


def only_one(runtime: Path) -> ExitStack:
    """This process is the runtime folder's rigd until the stack is closed. Raises AlreadyRunning at once."""
    held = ExitStack()
    lock = held.enter_context((runtime / "rigd.lock").open("a+"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        held.close()
        raise AlreadyRunning(
            f"rigd runs already here (pid {holder}, runtime folder {runtime}); it goes on untouched. "
            "See: rigd status. Two rigs on one machine need two runtime folders and two libraries"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return held
