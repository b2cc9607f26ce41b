"""A disk that fails or is slow, for one process: libc's writes, syncs and allocations below a folder.

    with DiskShim(library) as shim:
        Popen(command, env={**os.environ, **shim.environment})
        shim.fail(Call.SYNC, errno.EIO, nth=shim.seen(Call.SYNC) + 1)

Builds disk_shim.c with `cc` in a folder of its own. Catches what goes through libc, from C and from Python's os
alike. A sync that fails loses what was written since the last good one, as a kernel may do: whoever syncs once
more, is told that all is well and believes it, has zeros where sound was. Any thread; what is set counts at once,
also for a process that runs.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from enum import IntEnum
from pathlib import Path
from types import TracebackType

SOURCE = Path(__file__).with_name("disk_shim.c")
FOLDER_BYTES = 4096
_KIND = struct.Struct("<6q")  # fault, from, times, delay_us; seen, failed
_WORD = struct.Struct("<q")
ENDING_BYTES = 64
_RATE, _LOST, _RETRIED = range(3)


class Call(IntEnum):
    """What the shim tells apart."""

    WRITE = 0
    """write, pwrite and their vectors."""
    SYNC = 1
    """fsync, fdatasync, syncfs."""
    ALLOCATE = 2
    """fallocate."""


class ShimError(Exception):
    """The shim could not be built."""


class DiskShim:
    """Everything below `below` goes through it, in every process that is started with `environment`; with `ending`
    only files whose names end so."""

    def __init__(self, below: Path, *, ending: str = "") -> None:
        self._below = below.resolve()
        self._home = Path(tempfile.mkdtemp(prefix="rigd-shim-"))
        self._library = self._home / "disk_shim.so"
        path = self._home / "control"
        command = ["cc", "-O1", "-shared", "-fPIC", "-w", str(SOURCE), "-o", str(self._library), "-ldl"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            self.close()
            raise ShimError(f"disk_shim.c was not built: {built.stderr.strip()}")
        self._words_at = _KIND.size * len(Call)
        ending_at = self._words_at + 3 * _WORD.size
        start = ending_at + ENDING_BYTES
        size = start + FOLDER_BYTES
        with path.open("w+b") as file:
            file.truncate(size)
            self._control = mmap.mmap(file.fileno(), size)
        name = os.fsencode(self._below)
        self._control[ending_at : ending_at + len(ending)] = ending.encode("ascii")
        self._control[start : start + len(name)] = name
        self.environment = {"LD_PRELOAD": str(self._library), "RIGD_DISK_SHIM": str(path)}

    def fail(self, call: Call, code: int = errno.EIO, *, nth: int = 1, times: int = 1) -> None:
        """The `nth` such call since the start fails with this errno, and so many; 0: all from there on."""
        self._put(call, 1, 0)  # off while it is changed
        self._put(call, 0, code)
        self._put(call, 2, times)
        self._put(call, 1, nth)

    def delay(self, call: Call, seconds: float) -> None:
        """Each such call takes so much longer."""
        self._put(call, 3, round(seconds * 1e6))

    def limit(self, bytes_per_second: int) -> None:
        """Writes take at least that long; 0: no longer than they do."""
        _WORD.pack_into(self._control, self._words_at + _WORD.size * _RATE, bytes_per_second)

    def heal(self) -> None:
        """Nothing fails and nothing waits any more."""
        self.limit(0)
        for call in Call:
            self._put(call, 0, 0, 0, 0, 0)

    def seen(self, call: Call) -> int:
        """So many such calls there were."""
        return self._get(call, 4)

    def failed(self, call: Call) -> int:
        """So many of them failed."""
        return self._get(call, 5)

    @property
    def lost_bytes(self) -> int:
        """So much was written and is gone, by syncs that failed."""
        return self._word(_LOST)

    @property
    def retried(self) -> int:
        """So many times a file was synced whose sync, or whose volume's while it was dirty, had failed before."""
        return self._word(_RETRIED)

    def _word(self, place: int) -> int:
        value: int = _WORD.unpack_from(self._control, self._words_at + _WORD.size * place)[0]
        return value

    def _put(self, call: Call, place: int, *values: int) -> None:
        for offset in range(len(values)):
            at = _KIND.size * call + _WORD.size * (place + offset)
            _WORD.pack_into(self._control, at, values[offset])

    def _get(self, call: Call, place: int) -> int:
        value: int = _WORD.unpack_from(self._control, _KIND.size * call + _WORD.size * place)[0]
        return value

    def close(self) -> None:
        """Its files are gone. A process that has it mapped keeps it."""
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> DiskShim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self.close()
