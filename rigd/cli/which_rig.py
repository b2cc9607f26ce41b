"""Which running rig a command means that names none: the user's own, else the one that runs as a service."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from rigd.api.client import SOCKET_NAME
from rigd.config.runtime_dir import SERVICE_RUNTIME_DIR
from rigd.model.errors import LinkError, RigError
from rigd.wire.link import connected
from rigd.wire.own_folder import group_named, user_named
from rigd.wire.plain_output import write_line

SERVICE_DIR = Path(SERVICE_RUNTIME_DIR)


class NotLetIn(RigError):
    """A rig is there, and this user may not talk to it."""


class Entrance(StrEnum):
    """What there is in a runtime folder to knock at."""

    NONE = "none"
    CLOSED = "closed"  # there, or perhaps there, and not for this user
    OPEN = "open"


def find_rig(own: Path, service: Path = SERVICE_DIR) -> Path:
    """The runtime folder of the rig that is meant. Where both run it is the user's own, and stderr says so."""
    if own == service or door_of(service) is Entrance.NONE:
        return own
    if not _answers(own):
        return service
    write_line(
        f"two rigs run here: this is yours, in {own}; the service's is meant by: --runtime-dir {service}"
    )
    return own


def check_let_in(runtime: Path) -> None:
    """Raises NotLetIn, with who is let in."""
    if door_of(runtime) is not Entrance.CLOSED:
        return
    me = user_named(os.getuid())
    try:
        found = runtime.stat()
    except OSError as error:
        raise NotLetIn(
            f"{me} may not look for a rigd in {runtime} ({error.strerror}); nothing was done"
        ) from error
    owner = user_named(found.st_uid)
    if found.st_mode & 0o010:
        group = group_named(found.st_gid)
        raise NotLetIn(
            f"the rigd in {runtime} lets in {owner} and the group {group}; {me} is in neither, and nothing was done. "
            f"sudo adduser {me} {group}, then log in again"
        )
    raise NotLetIn(f"the rigd in {runtime} is {owner}'s alone; {me} is not let in, and nothing was done")


def door_of(runtime: Path) -> Entrance:
    """Says nothing of whether somebody answers there."""
    path = runtime / SOCKET_NAME
    try:
        path.lstat()
    except PermissionError:
        return Entrance.CLOSED
    except OSError:
        return Entrance.NONE
    return Entrance.OPEN if os.access(path, os.R_OK | os.W_OK) else Entrance.CLOSED


def _answers(runtime: Path) -> bool:
    if door_of(runtime) is not Entrance.OPEN:
        return False
    try:
        connected(runtime / SOCKET_NAME, timeout_s=0.0).close()
    except LinkError as error:  # left by one that was killed; or a stranger's, which is no rig of this user's
        # Where so many stand before the door that it takes no more just now, somebody is there.
        return isinstance(error.__cause__, BlockingIOError)
    return True
