"""The desk's UDP line in a flood: no more is read than a processor can spare, and it is open again afterwards."""

from __future__ import annotations

import socket
import time

from rigd.model.units import Ns
from rigd.preamps.desk_line import MOST_IN_A_WINDOW, WINDOW_S, DeskLine


def test_of_a_flood_so_much_is_read_in_a_window_and_the_bell_is_heard_all_the_while() -> None:
    now_s = [100.0]
    bell, rung = socket.socketpair()
    bell.setblocking(False)
    with bell, rung, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as desk:
        desk.bind(("127.0.0.1", 0))
        line = DeskLine("127.0.0.1", desk.getsockname()[1], clock=lambda: now_s[0])
        line.open(Ns(1))
        line.send(b"hello")
        _, rig = desk.recvfrom(100)

        def read_all() -> int:
            count = 0
            while packets := line.wait(bell, 0.0):
                count += len(packets)
            return count

        read = 0
        while read < MOST_IN_A_WINDOW:
            for _ in range(64):  # fewer than the kernel keeps
                desk.sendto(b"x", rig)
            read += read_all()
        assert read <= MOST_IN_A_WINDOW + 64
        desk.sendto(b"x", rig)
        assert read_all() == 0
        rung.send(b"!")
        at = time.monotonic()
        assert line.wait(bell, 60.0) == []
        assert time.monotonic() - at < 30
        now_s[0] += WINDOW_S
        assert read_all() >= 1
        line.close()
