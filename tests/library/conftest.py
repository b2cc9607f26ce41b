from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dated_takes import Clock
from kept_box import Box
from take_maker import open_library
from two_volumes import TwoVolumes

from rigd.blackbox import splice as splicing
from rigd.library import durable
from rigd.library.library import Library
from tests.support.capture_run import runtime_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def library(root: Path) -> Iterator[Library]:
    library = open_library(root)
    yield library
    library.close()


@pytest.fixture
def volumes(tmp_path: Path) -> Iterator[TwoVolumes]:
    volumes = TwoVolumes(tmp_path)
    try:
        volumes.start()
        yield volumes
    finally:
        volumes.stop()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders in which no small file finds room, as on a full disk; more may be put in, and taken out."""
    folders: set[Path] = set()
    write_whole = durable.write_whole

    def write(path: Path, content: bytes, **how: Any) -> None:
        if path.parent in folders:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_whole(path, content, **how)

    monkeypatch.setattr(durable, "write_whole", write)
    return folders


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def band(root: Path, clock: Clock) -> Iterator[Library]:
    there = open_library(root, now=clock)
    yield there
    there.close()


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(splicing, "SLICE_BYTES", 64 << 10)  # so that a second of sound is many slices
    with runtime_folder() as runtime:
        yield Box(runtime, tmp_path)
