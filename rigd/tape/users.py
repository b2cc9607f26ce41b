"""Which process has a tape mapped. For what must not take a tape away from somebody. Any thread."""

from __future__ import annotations

import os
from pathlib import Path


def maps_tape(pid: int, tape: Path, proc: Path = Path("/proc")) -> bool:
    """The process has this very file mapped, by device and inode (proc(5), maps). One that may not be looked into
    counts as a user; one that is gone does not."""
    try:
        file = tape.stat()
        lines = (proc / str(pid) / "maps").read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return True
    wanted = (f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}", str(file.st_ino))
    return any(tuple(line.split(None, 5)[3:5]) == wanted for line in lines)
