"""The runtime folder, in which the rig's processes meet: for its owner alone, or with the group of a service, and for
one rigd at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import ExitStack
from pathlib import Path

from rigd.model.errors import AlreadyRunning, RigError

GROUP_MAY_ENTER = 0o750


def make_runtime_dir(path: Path, *, laid_down: bool = False) -> Path:
    """The folder in which the rig's processes meet, for its owner alone. `laid_down`: a service manager has made it
    and says whether its group may enter; nobody else may in any case, and none but the owner writes there."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise RigError(
                f"runtime folder {path} belongs to somebody else; nothing was started. "
                "Set [rig] runtime_dir to one of yours"
            )
        path.chmod(stat.S_IMODE(path.stat().st_mode) & GROUP_MAY_ENTER if laid_down else 0o700)
    except OSError as error:
        raise RigError(
            f"runtime folder {path} cannot be made ({error.strerror}); nothing was started. Set [rig] runtime_dir"
        ) from error
    return path


def only_one(runtime: Path) -> ExitStack:
    """This process is the runtime folder's rigd until the stack is closed. Raises AlreadyRunning at once."""
    held = ExitStack()
    # For its owner alone: a lock that others may open is one that others may hold.
    handle = os.open(runtime / "rigd.lock", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    lock = held.enter_context(os.fdopen(handle, "a+"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        held.close()
        raise AlreadyRunning(
            f"rigd runs already here (pid {holder}, runtime folder {runtime}); it goes on untouched. "
            "See it: rigd watch. End it: rigd shut-down. Two rigs on one machine need two runtime folders and two "
            "libraries"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return held


def control_socket_mode(runtime: Path) -> int:
    """0660 where this process's own group may enter the runtime folder, else 0600."""
    found = runtime.stat()
    return 0o660 if found.st_mode & stat.S_IXGRP and found.st_gid == os.getegid() else 0o600
