"""Who may talk to the rig at its control socket: its own user, root, and members of the group that a service lets in.

By the kernel's word on who connected, and not by the mode of a file alone, which somebody may have changed. The
socket's one thread.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from pathlib import Path

from msgspec.structs import replace

from rigd.links.runtime_folder import group_let_in
from rigd.model.requests import Failed
from rigd.model.roles import Role
from rigd.rules.permissions import Principal
from rigd.wire.codec import encode
from rigd.wire.own_folder import user_named
from rigd.wire.peers import is_let_in, peer_of, who_is_let_in

log = logging.getLogger(__name__)

GROUP_ROLE = "[control] group_role"


class Doorkeeper:
    """Of the socket at `path`; `group_role` is what members of the group that is let in are there for."""

    def __init__(self, path: Path, *, group_role: Role) -> None:
        self._path = path
        self.group_role = group_role
        """May be set by any thread."""
        self._turned_away: set[int] = set()
        """Users that the log names already."""
        self._names: dict[int, str] = {}
        """Of users: the system is asked once for each."""

    def let_in(self, stream: socket.socket) -> Principal | None:
        """Who it is. None: a stranger, who was told so and is out again. He takes no place, and nothing of his is
        read."""
        if is_let_in(stream):  # also where nobody can say whom the folder lets in, as it has just vanished
            return Principal(name=self._name_of(stream), role=Role.OWNER)
        with contextlib.suppress(OSError):
            group = group_let_in(self._path.parent)
            if is_let_in(stream, group=group):
                name = self._name_of(stream)
                return Principal(name=name, role=self.group_role, role_set_by=GROUP_ROLE)
            why, uid = f"this rig lets in {who_is_let_in(group)}", peer_of(stream).uid
            if uid not in self._turned_away:
                self._turned_away.add(uid)
                log.warning("%s; %s was turned away", why, user_named(uid))
            stream.setblocking(False)
            stream.send(encode(Failed(id=None, error=f"{why}; you are none of them")))
        stream.close()
        return None

    def as_of_now(self, who: Principal) -> Principal:
        """Who came in as a member of the group is here as what members are now."""
        return replace(who, role=self.group_role) if who.role_set_by == GROUP_ROLE else who

    def _name_of(self, stream: socket.socket) -> str:
        try:
            uid = peer_of(stream).uid
        except OSError:  # gone again already
            return "nobody"
        if uid not in self._names:
            self._names[uid] = user_named(uid)
        return self._names[uid]
