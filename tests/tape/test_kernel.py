"""The system call that Python lacks, against the real kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigd.tape.kernel import sync_file_system


def test_a_file_system_is_synced_and_a_bad_descriptor_is_an_error(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(fd, b"x" * 8192)
        sync_file_system(fd)
    finally:
        os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(fd)
