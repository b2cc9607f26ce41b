"""What `rigd check` says of names that may mean another device tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.cli.identity import identity_warnings
from rigd.config.load import load_config


def warnings_of(folder: Path, text: str) -> list[str]:
    file = folder / "rig.toml"
    file.write_text(text)
    return identity_warnings(load_config(file))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[audio]\ndevice = "hw:1"', "a card's number"),
        ('[audio]\ndevice = "hw:CARD=2,DEV=1"', "a card's number"),
        ('[surface.a]\nkind = "serial"\nport = "/dev/ttyUSB0"', "order of plugging"),
        ('[surface.a]\nkind = "midi"\nport = "serial:/dev/ttyACM0"', "order of plugging"),
        ('[surface.a]\nkind = "midi"\nport = "system:midi_capture_1"', "order of plugging"),
    ],
)
def test_a_name_that_does_not_last_is_told(tmp_path: Path, text: str, told: str) -> None:
    (warning,) = warnings_of(tmp_path, text)
    assert told in warning


def test_names_that_last_are_passed_over(tmp_path: Path) -> None:
    text = """
[audio]
device = "hw:CARD=RIG,DEV=1"
[surface.a]
kind = "serial"
usb_serial = "8573"
[surface.b]
kind = "midi"
port = "a2j:FCB (capture): [0] FCB MIDI 1"
[surface.c]
kind = "midi"
port = "serial:/dev/ttyAMA0"
"""
    assert warnings_of(tmp_path, text) == []


def test_two_channels_of_one_name_are_told(tmp_path: Path) -> None:
    names = ("Kick", "Snare", "kick ", "OH", "OH", "OH")
    text = "[audio]\ndriver = 'simulated'\nchannels = 8\n" + "".join(
        f"[[channel]]\nname = {name!r}\n" for name in names
    )
    kick, overheads = warnings_of(tmp_path, text)
    assert 'name = "Kick" is the name of channels 1,3:' in kick and "channels 4-6" in overheads
