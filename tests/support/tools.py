"""What a test needs of the machine: present, or the test is skipped with a reason; with CI=true it fails.

A missing package must not turn a red build green, so in CI (CI=true) nothing is skipped for one.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from pathlib import Path
from typing import NoReturn

import pytest

from hardware_sim.disks import can_mount

PACKAGES = {
    "jackd": "jackd2",
    "jack_capture": "jack-capture",
    "ecasound": "ecasound",
    "sox": "sox",
    "ffprobe": "ffmpeg",
    "gcc": "gcc",
    "nsenter": "util-linux",
    "systemd-analyze": "systemd",
    "libportaudio.so.2": "libportaudio2",
    "libjack.so.0": "libjack-jackd2-0",
}
"""Tool or library -> Debian package."""


def need_tool(name: str) -> Path:
    """The program's path."""
    found = shutil.which(name)
    if found is None:
        _lacking(name)
    return Path(found)


def need_library(name: str) -> None:
    """The shared library can be loaded."""
    try:
        ctypes.CDLL(name)
    except OSError:
        _lacking(name)


def need_jack_audio() -> None:
    """jackd, and a PortAudio to reach it with."""
    need_tool("jackd")
    need_library("libportaudio.so.2")


def need_mounts() -> None:
    """Loop devices can be made and mounted."""
    answer = can_mount()
    if not answer:
        _not_here(answer.reason)


CAP_SYS_RESOURCE = 24
"""Raises hard limits and lowers OOM scores; many containers and some virtual machines give it not even to root."""


def has_capability(number: int) -> bool:
    """This process has it (capabilities(7))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line for line in lines if line.startswith("CapEff:")).split()[1]
    return bool(int(effective, 16) >> number & 1)


def die_with_parent() -> None:
    """For `preexec_fn`: the program is killed when the test's process is, however that ends (prctl(2))."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _lacking(name: str) -> NoReturn:
    _not_here(f"{name} is not installed: sudo apt install {PACKAGES.get(name, name)}")


def _not_here(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (with CI=true nothing is skipped)", pytrace=False)
    pytest.skip(reason)
