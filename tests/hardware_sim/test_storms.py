"""A storm is the same for a seed, and its packets are what they say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hardware_sim.storms import (
    Storm,
    dated_bundles,
    double_notes,
    endless_sysex,
    halved,
    mutated,
    nested_bundles,
    osc_bundle,
    osc_message,
    random_bytes,
    running_status,
)
from rigd.wire.midi.parser import MidiParser
from rigd.wire.osc import OscError, OscMessage, decode_packet, encode_message


def test_a_seed_gives_the_same_storm_and_another_one_another() -> None:
    assert list(random_bytes(1000, seed=1)) == list(random_bytes(1000, seed=1))
    assert list(random_bytes(1000, seed=1)) != list(random_bytes(1000, seed=2))
    roots = [osc_message("/a", 1.0)]
    assert list(mutated(roots, count=50, seed=1)) == list(mutated(roots, count=50, seed=1))


def test_a_storm_sends_just_so_many_bytes() -> None:
    got = bytearray()
    with Storm(got.extend, random_bytes(1001, seed=1)) as storm:
        assert storm.wait(20).sent_bytes == len(got) == 1001
    got.clear()
    with Storm(got.extend, endless_sysex(10_000)) as storm:
        storm.wait(20)
    assert len(got) == 10_001 and got[0] == 0xF0 and max(got[1:]) < 0x80


def test_a_storm_that_is_stopped_ends_and_one_that_goes_on_says_so() -> None:
    got: list[bytes] = []
    with (
        Storm(got.append, halved(b"whole", pause_s=60.0)) as storm,
        pytest.raises(TimeoutError, match="not over"),
    ):
        storm.wait(0.05)
    assert got == [b"wh"]


def test_osc_is_osc() -> None:
    assert osc_message("/headamp/000/gain", 0.5) == encode_message("/headamp/000/gain", 0.5)
    assert decode_packet(osc_bundle(osc_message("/a", 1.0))) == (OscMessage("/a", (1.0,)),)
    for packet in dated_bundles(osc_message("/a", 1.0)):
        with pytest.raises(OscError, match="another time"):
            decode_packet(packet)
    with pytest.raises(OscError):
        decode_packet(nested_bundles(100))


def test_running_status_is_understood() -> None:
    parser = MidiParser()
    messages = [each for piece in running_status(500, seed=1) for each in parser.feed(piece)]
    assert sum(message[0] == 0xB0 for message in messages) == 500
    notes = [piece for piece in double_notes(60, times=2) if isinstance(piece, bytes)]
    assert notes == [b"\x90\x3c\x64", b"\x90\x3c\x64", b"\x80\x3c\x00"] * 2


def test_by_hand_it_goes_to_a_udp_port_and_to_a_tty(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hardware_sim.storms"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(20)
        subprocess.run(
            [*command, "osc", f"127.0.0.1:{line.getsockname()[1]}", "--count", "5"], check=True, timeout=60
        )
        assert decode_packet(line.recv(9000)) == (OscMessage("/headamp/000/gain", (0.5,)),)
    path = tmp_path / "tty"
    path.touch()
    subprocess.run([*command, "serial", str(path), "--count", "1000"], check=True, timeout=60)
    assert os.path.getsize(path) == 1000
