"""Fixtures of the writer room's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.capture_run import runtime_folder


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder on tmpfs."""
    with runtime_folder() as folder:
        yield folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library on the disk that temporary files are on."""
    return tmp_path / "library"
