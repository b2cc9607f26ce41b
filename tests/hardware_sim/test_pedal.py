"""The simulated pedal under a person's fingers, as a program of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tomllib
import tty

from tests.support.patience import wait_for


def read_until(stream: int, wanted: bytes) -> bytes:
    got = bytearray()

    def has_come() -> bool:
        if select.select([stream], [], [], 0.1)[0]:
            got.extend(os.read(stream, 4096))
        return wanted in got

    wait_for(has_come, f"{wanted!r}", every_s=0.0, instead=lambda: bytes(got))
    return bytes(got)


def test_a_person_can_play_the_pedal_by_keys() -> None:
    command = [sys.executable, "-m", "hardware_sim.pedal", "--pty", "--number", "81", "--channel", "2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = read_until(process.stdout.fileno(), b"q quit").decode()
        port = tomllib.loads(told.split("t tap")[0])["surface"]["pedal"]["port"]
        line = os.open(port.removeprefix("serial:"), os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(line)
            process.stdin.write(b"td")
            process.stdin.flush()
            heard = read_until(line, bytes.fromhex("B1517F B15100") * 3)
            assert heard == bytes.fromhex("B1517F B15100") * 3
            os.write(line, bytes.fromhex("B0507F"))
            read_until(process.stdout.fileno(), b"lamps: cc 80 = 127")
        finally:
            os.close(line)
        process.stdin.write(b"q")
        process.stdin.flush()
        assert process.wait(20) == 0
        assert not os.path.lexists(port.removeprefix("serial:"))
