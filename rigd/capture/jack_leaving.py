"""How this process leaves a JACK server in good order, which PortAudio cannot in any reasonable time.

PortAudio takes its ports off the server one by one and waits a period for each: 1.4 s for 64, 8 s for 256. A client
that just ends is worse for everybody else: the kernel first stops its threads, then gives back its memory, and closes
its sockets last, and until then the server waits for it in each period, an xrun each (3 to 6 with a tape of 2 GB).

So the server is told first, by the end of the connection (jackd2, JackSocketServerChannel: it then takes the client
out of its graph, as after a crash), while the client's own thread still answers it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

_SERVER_SOCKET = "jack_"
"""jackd2's begin with it: jack_SERVER_UID_NUMBER, in /dev/shm or where it was built to have them."""
OWN_DESCRIPTORS = Path("/proc/self/fd")


def leave_servers(*, within_s: float) -> bool:
    """Every JACK server that this process is a client of has let go of it; False where there was none. From then on
    nothing of JACK may be called any more: the process is to end. OSError where one does not answer."""
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(each) for each in _connections()]
        for connection in connections:
            connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            connection.settimeout(within_s)
            while connection.recv(4096):  # the server closes its end last of all
                pass
    return bool(connections)


def _connections() -> Iterator[socket.socket]:
    for name in os.listdir(OWN_DESCRIPTORS):
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            found = socket.socket(fileno=os.dup(int(name)))
            if _is_server(found):
                yield found
            else:
                found.close()


def _is_server(found: socket.socket) -> bool:
    try:
        peer = found.getpeername()
    except OSError:
        return False
    return isinstance(peer, str) and os.path.basename(peer).startswith(_SERVER_SOCKET)
