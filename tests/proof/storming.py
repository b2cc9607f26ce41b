"""What the tests of storms share: a pedal, the rig's events as they come, and what the daemon costs meanwhile."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import wait_for
from tests.support.rig import RigRun

PEDAL_PRESS = bytes((0xB0, 80, 127))
DESK = """
[[channel]]
name = "Kick"
preamp = "desk:1"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {port}
"""
_OVER = re.compile(
    r"is over after ([\d.]+) s: ([\d,]+) packets were taken, ([\d,]+) of them refused, and ([\d,]+) more"
)


def pedal_section(port: str, **binding: str | int) -> str:
    """A config's section for a pedal on that port; what its cc 80 does."""
    words = "\n".join(
        f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"'
        for key, value in binding.items()
    )
    return (
        f'\n[surface.pedal]\nkind = "midi"\nport = "{port}"\n'
        f'[[surface.pedal.binding]]\ncontrol = "cc 80"\n{words}\n'
    )


def rss_bytes(pid: int) -> int:
    """Resident memory of the process that is its own; the tape is shared memory and not in it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no RssAnon")


def cpu_seconds(pid: int) -> float:
    """What the process has used of the processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], part: float) -> float:
    """The value that so much of them do not pass; 0.99 for p99."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def log_lines(rig: RigRun) -> int:
    """How much the daemon has had to say."""
    return (rig.folder / "daemon.log").read_text("utf-8", "replace").count("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a desk's storm came to, by rigd's own word."""

    seconds: float
    taken: int
    refused: int
    """Of those that were taken."""
    dropped: int
    """That were read; the kernel drops more of them without telling."""


def await_intake(rig: RigRun, *, count: int = 1) -> Intake:
    """Once rigd has told that so many storms are over: the last one."""

    def told() -> list[tuple[str, ...]]:
        return _OVER.findall((rig.folder / "daemon.log").read_text("utf-8", "replace"))

    wait_for(lambda: len(told()) >= count, "rigd tells that the storm is over", within_s=60.0)
    seconds, *counts = told()[-1]
    taken, refused, dropped = (int(each.replace(",", "")) for each in counts)
    return Intake(seconds=float(seconds), taken=taken, refused=refused, dropped=dropped)
