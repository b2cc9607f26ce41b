"""Which running rig a command means that names none: the user's own, else the one that runs as a service."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import sys
from enum import StrEnum
from pathlib import Path

from rigd.control.client import SOCKET_NAME
from rigd.control.machine.service import RUNTIME_DIR
from rigd.model.errors import RigError

SERVICE_DIR = Path(RUNTIME_DIR)
ANSWERS_WITHIN_S = 1.0


class NotLetIn(RigError):
    """A rig is there, and this user may not talk to it."""


class Door(StrEnum):
    """What there is in a runtime folder to knock at."""

    NONE = "none"
    CLOSED = "closed"  # there, or perhaps there, and not for this user
    OPEN = "open"


def find_rig(own: Path, service: Path = SERVICE_DIR) -> Path:
    """The runtime folder of the rig that is meant. Where both run it is the user's own, and stderr says so."""
    if own == service or door_of(service) is Door.NONE:
        return own
    if not _answers(own):
        return service
    print(
        f"two rigs run here: this is yours, in {own}; the service's is meant by: --runtime-dir {service}",
        file=sys.stderr,
    )
    return own


def check_let_in(runtime: Path) -> None:
    """Raises NotLetIn, with who is let in."""
    if door_of(runtime) is not Door.CLOSED:
        return
    me = _user(os.getuid())
    try:
        found = runtime.stat()
    except OSError as error:
        raise NotLetIn(
            f"{me} may not look for a rigd in {runtime} ({error.strerror}); nothing was done"
        ) from error
    owner = _user(found.st_uid)
    if found.st_mode & 0o010:
        group = _group(found.st_gid)
        raise NotLetIn(
            f"the rigd in {runtime} lets in {owner} and the group {group}; {me} is in neither, and nothing was done. "
            f"sudo adduser {me} {group}, then log in again"
        )
    raise NotLetIn(f"the rigd in {runtime} is {owner}'s alone; {me} is not let in, and nothing was done")


def door_of(runtime: Path) -> Door:
    """Says nothing of whether somebody answers there."""
    path = runtime / SOCKET_NAME
    try:
        path.lstat()
    except PermissionError:
        return Door.CLOSED
    except OSError:
        return Door.NONE
    return Door.OPEN if os.access(path, os.R_OK | os.W_OK) else Door.CLOSED


def _answers(runtime: Path) -> bool:
    if door_of(runtime) is not Door.OPEN:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(ANSWERS_WITHIN_S)
        try:
            stream.connect(str(runtime / SOCKET_NAME))
        except BlockingIOError:
            return True  # so many stand before the door that it takes no more just now
        except OSError:
            return False  # left by one that was killed
    return True


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
