"""What a test needs of the machine: present, or the test is skipped with a reason; with CI=true it fails.

A missing package, and a right that root can have, must not turn a red build green, so in CI (CI=true) nothing is
skipped for one. The only exceptions are the members of `Exempt`, each by name: what no package brings and not even
root can get on some machines. No test skips in any other way.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import pytest

from hardware_sim.disks import can_mount

PACKAGES = {
    "mkfs.vfat": "dosfstools",
    "jackd": "jackd2",
    "jack_capture": "jack-capture",
    "ecasound": "ecasound",
    "sox": "sox",
    "ffprobe": "ffmpeg",
    "gcc": "gcc",
    "clang": "clang",
    "nsenter": "util-linux",
    "systemd-analyze": "systemd",
    "systemd-inhibit": "systemd",
    "busctl": "systemd",
    "dbus-daemon": "dbus-daemon",
    "pipewire": "pipewire",
    "pw-metadata": "pipewire-bin",
    "libportaudio.so.2": "libportaudio2",
    "libjack.so.0": "libjack-jackd2-0",
}
"""Tool or library -> Debian package."""


class Exempt(StrEnum):
    """What a machine, or the container that CI runs in, may lack, and nobody can install there."""

    REAL_TIME = "real-time scheduling (RLIMIT_RTPRIO or CAP_SYS_NICE)"
    """A kernel with CONFIG_RT_GROUP_SCHED gives a container no real-time budget, whatever rights it has."""
    MEMORY_CGROUP = "a memory cgroup that can be written"
    """Some kernels are built, or booted, without the memory controller."""
    OOM_SCORES = "the right to lower an OOM score (CAP_SYS_RESOURCE)"
    """Many containers and some virtual machines give it not even to root."""
    CGROUP_2 = "a cgroup 2 file system that can be written, with cgroup.kill"
    """A systemd in namespaces of its own lives in one; a container may have none, or one that is read-only."""
    FUSE = "FUSE (/dev/fuse), for disks that can be torn"
    """A container has the device only where it was given to it, and not every kernel has the file system."""
    SANITIZERS = "the run-time part of a second compiler's sanitizers"
    """Debian has clang's in a package of its own, which clang only recommends. gcc's come with it: not excused."""
    KEPT_ROOM = "a file system that keeps room behind a file's end (fallocate)"
    """The disk of the tests is of some kind, and not every kind can do that."""
    FAT = "a kernel that knows FAT (vfat)"
    """Those of small virtual machines are built without."""


def need_tool(name: str) -> Path:
    """The program's path."""
    found = shutil.which(name)
    if found is None:
        _not_installed(name)
    return Path(found)


def need_library(name: str) -> None:
    """The shared library can be loaded."""
    try:
        ctypes.CDLL(name)
    except OSError:
        _not_installed(name)


def need_jack_audio() -> None:
    """jackd, and a PortAudio to reach it with."""
    need_tool("jackd")
    need_library("libportaudio.so.2")


def need_mounts(*, write_cache: bool = False) -> None:
    """Disks can be made and mounted, which takes root; with `write_cache`, such that can be torn."""
    answer = can_mount()
    if not answer:
        lacking(answer.reason)
    if write_cache and not can_mount(write_cache=True):
        excused(Exempt.FUSE)


def need_root(what: str) -> None:
    """This runs as root, for `what`."""
    if os.geteuid() != 0:
        lacking(f"{what} needs root: run the tests as root")


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


def _not_installed(name: str) -> NoReturn:
    lacking(f"{name} is not installed: sudo apt install {PACKAGES.get(name, name)}")


def excused(what: Exempt) -> NoReturn:
    """The test is skipped, in CI too: this machine lacks what it cannot be given."""
    pytest.skip(f"this machine lacks {what}")


def lacking(reason: str) -> NoReturn:
    """The test is skipped; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (with CI=true nothing is skipped)", pytrace=False)
    pytest.skip(reason)
