"""Which runtime folder is meant. Imports nothing of the config: every command of the command line asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SERVICE_RUNTIME_DIR = "/run/rigd"
"""As the units have it (RuntimeDirectory=)."""


def resolve_runtime_dir(configured: str, environ: Mapping[str, str]) -> Path:
    """Where the tape and the sockets go: as configured, else where the service manager says, else shared memory.

    Not $XDG_RUNTIME_DIR: it goes with the last login, and its place is not the user's to make it anew
    (docs/decisions/0024). One that an earlier rigd left there, with its tape, is still used.
    """
    if configured:
        return Path(configured).expanduser()
    if own := environ.get("RIGD_RUNTIME_DIR"):
        return Path(own)
    if service := environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        return Path(service)
    if (desktop := environ.get("XDG_RUNTIME_DIR")) and (Path(desktop) / "rigd" / "tape").exists():
        return Path(desktop) / "rigd"
    return Path(f"/dev/shm/rigd-{os.getuid()}")
