"""What running processes use, from /proc: processor time of all their threads, and memory of their own."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Of one process, over one stretch of steady state."""

    cpu: float
    """Processor seconds, user and system, of all threads, per second."""
    own_bytes: int
    """Proportional set size without the tape: pages shared with others count by their share."""
    tape_bytes: int
    """Its share of the tape's pages; the shares of all three processes together are the tape."""


def cpu_seconds(pid: int) -> float:
    """Of every thread the process has had (proc(5): utime and stime of /proc/PID/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory(pid: int) -> tuple[int, int]:
    """Bytes of its own, and its share of the tape (Pss of /proc/PID/smaps)."""
    own = tape = 0
    of_tape = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, _, rest = line.partition(" ")
        if not key.endswith(":"):
            of_tape = line.endswith("/tape")
        elif key == "Pss:":
            kilobytes = int(rest.split()[0])
            own, tape = (own, tape + kilobytes) if of_tape else (own + kilobytes, tape)
    return own * 1024, tape * 1024


def use_over(pids: Mapping[str, int], seconds: float) -> dict[str, Use]:
    """What each of them uses from now on, for so long."""
    began = time.monotonic()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    after = {name: cpu_seconds(pid) for name, pid in pids.items()}
    lasted = time.monotonic() - began
    used: dict[str, Use] = {}
    for name, pid in pids.items():
        own, tape = memory(pid)
        used[name] = Use(cpu=(after[name] - before[name]) / lasted, own_bytes=own, tape_bytes=tape)
    return used


def warm_memory(wanted_bytes: int) -> None:
    """So much free memory (at most half of what is available) was touched just now.

    In a virtual machine the first touch of a page costs the guest's kernel ten times as much as any other, and
    whoever runs first would pay it for those who run after.
    """
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    mmap.mmap(-1, min(wanted_bytes, available // 2), flags=flags).close()
