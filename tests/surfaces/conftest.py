from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.surfaces.box_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    before = set(threading.enumerate())
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)
    assert set(threading.enumerate()) <= before
