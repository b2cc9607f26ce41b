"""Whether somebody may come in at a socket: its file is there a moment before anybody listens."""

from __future__ import annotations

import socket
from pathlib import Path


def listens(path: Path) -> bool:
    """By coming in, and leaving at once."""
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(path)) == 0
