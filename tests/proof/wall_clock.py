"""A wall clock that is set by the test: that of the processes with its environment alone (clock_shim.c)."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path


class WallClock:
    """Of the processes that have its environment."""

    def __init__(self, folder: Path) -> None:
        shim, self._file = folder / "clock_shim.so", folder / "clock"
        source = Path(__file__).with_name("clock_shim.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", shim, source], check=True)
        self._file.write_bytes(bytes(16))
        self.environment = {"LD_PRELOAD": str(shim), "RIGD_TEST_CLOCK": str(self._file)}

    def set_ahead(self, seconds: float) -> None:
        """From now on it is so much ahead of the machine's."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("=q", round(seconds * 1e9)))

    def call_synchronised(self, synchronised: bool) -> None:
        """What the kernel says of it from now on."""
        with self._file.open("r+b", buffering=0) as file:
            file.seek(8)
            file.write(struct.pack("=q", 1 if synchronised else 2))
