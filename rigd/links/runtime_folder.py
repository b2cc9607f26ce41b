"""The runtime folder, in which the rig's processes meet: for its owner alone, or with the group of a service, and for
one rigd at a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePath

from rigd.model.errors import AlreadyRunning, RigError
from rigd.wire.held_lock import HeldLock, LockTaken
from rigd.wire.own_folder import NotOwn, make_own_folder, user_named

LAST_SYSTEM_UID = 999
"""Of Debian and most others; logind has it built in."""

GROUP_MAY_ENTER = 0o750


def make_runtime_dir(path: Path, *, laid_down: bool = False) -> Path:
    """The folder in which the rig's processes meet, for its owner alone. `laid_down`: a service manager has made it
    and says whether its group may enter; nobody else may in any case, and none but the owner writes there. Raises
    RigError, with nothing in it opened, where it is not this user's own (`own_folder.py`)."""
    try:
        if laid_down:
            make_own_folder(path, most=GROUP_MAY_ENTER)
        else:
            make_own_folder(path, most=0o700, at_least=0o700)
    except NotOwn as error:
        raise RigError(
            f"runtime folder {path} is not {user_name()}'s own: {error.strerror}. Nothing in it was opened, nothing"
            " was started. See to that, or set [rig] runtime_dir to another folder"
        ) from error
    except OSError as error:
        raise RigError(
            f"runtime folder {path} cannot be made ({error.strerror}); nothing was started. Set [rig] runtime_dir"
        ) from error
    return path


def only_one(runtime: Path) -> HeldLock:
    """This process is the runtime folder's rigd until the lock is closed. Raises AlreadyRunning at once."""
    try:
        return HeldLock(runtime / "rigd.lock")
    except LockTaken as error:
        raise AlreadyRunning(
            f"rigd runs already here (pid {error.owner}, runtime folder {runtime}); it goes on untouched. "
            "See it: rigd watch. End it: rigd shut-down. Two rigs on one machine need two runtime folders and two "
            "libraries"
        ) from None
    except OSError as error:
        raise RigError(
            f"runtime folder {runtime}: rigd.lock cannot be made ({error.strerror}); nothing was started. "
            "Set [rig] runtime_dir"
        ) from error


def user_name() -> str:
    """Who runs this process; a number where it has no name."""
    return user_named(os.getuid()).removeprefix("user ")


def goes_with_login(runtime: Path, *, user: str, uid: int, root: Path = Path("/")) -> str:
    """What a person has to do so that the folder is not emptied when `user` logs out; empty where it stays."""
    if after := after_log_out(runtime, user=user, uid=uid, root=root):
        return (
            f"the runtime folder {runtime} is taken away when {user} logs out; {after}. So that it stays: "
            f"{linger(user)}"
        )
    return ""


def linger(user: str) -> str:
    """The command after which `user` has never logged out."""
    return f"loginctl enable-linger {user}"


def after_log_out(runtime: PurePath, *, user: str, uid: int, root: Path = Path("/")) -> str:
    """What becomes of a rig whose runtime folder goes when `user` logs out; empty where it stays.

    logind takes /run/user/UID away at the last log-out, and what a user who is no system user has in /dev/shm
    (logind.conf(5), RemoveIPC); a user who lingers has not logged out (loginctl(1)).
    """
    in_session = runtime.is_relative_to(f"/run/user/{uid}")
    in_memory = runtime.is_relative_to("/dev/shm") and uid > LAST_SYSTEM_UID
    if not (in_session or in_memory) or not (root / "run/systemd/system").is_dir():
        return ""
    if (root / "var/lib/systemd/linger" / user).exists():
        return ""
    if in_session:
        return "the rig goes on, and the commands do not reach it until the next login"
    return "rigd makes it again within a second, and says so"


def control_socket_mode(runtime: Path) -> int:
    """0660 where this process's own group may enter the runtime folder, else 0600."""
    return 0o600 if group_let_in(runtime) is None else 0o660


def group_let_in(runtime: Path) -> int | None:
    """This process's own group, where it may enter the runtime folder; else nobody but its owner and root may."""
    found = runtime.stat()
    may = found.st_mode & stat.S_IXGRP and found.st_gid == os.getegid()
    return found.st_gid if may else None
