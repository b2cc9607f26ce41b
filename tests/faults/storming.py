"""What the tests of storms share: a pedal, the rig's events as they come, and what the daemon costs meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

PEDAL_PRESS = bytes((0xB0, 80, 127))
PEDAL_RELEASE = bytes((0xB0, 80, 0))


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
