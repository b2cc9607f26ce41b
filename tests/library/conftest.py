from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from take_maker import open_library
from two_volumes import TwoVolumes

from rigd.library.library import Library


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
