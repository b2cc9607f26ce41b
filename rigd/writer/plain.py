"""Opens files that rigd may not have made itself. A pipe or a device under the name of a take's file holds nobody up.

Any thread.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_plain(path: Path | str, flags: int, *, mode: int = 0o640, dir_fd: int | None = None) -> int:
    """A descriptor of a regular file, as os.open; OSError, at once, where it is none."""
    # Without O_NONBLOCK it would wait for somebody to open the other end of a pipe.
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return fd
