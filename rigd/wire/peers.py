"""Who is at the other end of a Unix socket, by the kernel's own word (SO_PEERCRED, unix(7)). Any thread."""

from __future__ import annotations

import os
import pwd
import socket
import struct

from msgspec import Struct

from rigd.wire.own_folder import group_named, user_named

SO_PEERGROUPS = 59
"""The other groups of the other end (Linux 4.13, asm-generic/socket.h); Python has no name for it."""
MOST_GROUPS_BYTES = 1024
"""More takes no call of Python's."""


class Peer(Struct, frozen=True, kw_only=True):
    """Of a listener: as it was when it began to listen. Of who connected: as it was then."""

    pid: int
    uid: int
    gid: int


def peer_of(stream: socket.socket) -> Peer:
    """OSError where the socket is closed."""
    credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("iII", credentials)
    return Peer(pid=pid, uid=uid, gid=gid)


def is_let_in(stream: socket.socket, *, group: int | None = None) -> bool:
    """Who connected is this very user, root, or a member of that group."""
    try:
        peer = peer_of(stream)
    except OSError:
        return False
    if peer.uid in (0, os.geteuid()):
        return True
    return group is not None and (peer.gid == group or group in _groups_of(stream, peer))


def _groups_of(stream: socket.socket, peer: Peer) -> list[int]:
    try:
        packed = stream.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, MOST_GROUPS_BYTES)
    except OSError:  # so many that they do not fit
        try:
            return os.getgrouplist(pwd.getpwuid(peer.uid).pw_name, peer.gid)
        except KeyError:
            return []
    return list(struct.unpack(f"{len(packed) // 4}I", packed))


def who_is_let_in(group: int | None) -> str:
    """For a message."""
    users = dict.fromkeys((user_named(os.geteuid()), user_named(0)))
    groups = () if group is None else (f"the group {group_named(group)}",)
    return " and ".join((*users, *groups))
