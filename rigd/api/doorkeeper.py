"""Who may talk to the rig at its control socket: its own user, root, and members of the group that a service lets in.

By the kernel's word on who connected, and not by the mode of a file alone, which somebody may have changed. The
socket's one thread.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from pathlib import Path

from rigd.links.runtime_folder import group_let_in
from rigd.model.requests import Failed
from rigd.wire.codec import encode
from rigd.wire.own_folder import user_named
from rigd.wire.peers import is_let_in, peer_of, who_is_let_in

log = logging.getLogger(__name__)


class Doorkeeper:
    """Of the socket at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turned_away: set[int] = set()
        """Users that the log names already."""

    def lets_in(self, stream: socket.socket) -> bool:
        """False: a stranger, who was told so and is out again. He takes no place, and nothing of his is read."""
        if is_let_in(stream):
            return True  # also where nobody can say whom the folder lets in, as it has just vanished
        with contextlib.suppress(OSError):
            group = group_let_in(self._path.parent)
            if is_let_in(stream, group=group):
                return True
            why, uid = f"this rig lets in {who_is_let_in(group)}", peer_of(stream).uid
            if uid not in self._turned_away:
                self._turned_away.add(uid)
                log.warning("%s; %s was turned away", why, user_named(uid))
            stream.setblocking(False)
            stream.send(encode(Failed(id=None, error=f"{why}; you are none of them")))
        stream.close()
        return False
