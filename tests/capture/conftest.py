"""Fixtures of the capture room's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.capture_run import runtime_folder
from tests.support.jack_server import JackServer
from tests.support.tools import need_jack_audio


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder on tmpfs."""
    with runtime_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def jack() -> Iterator[JackServer]:
    """A JACK server with 64 silent inputs, for a whole file of tests."""
    need_jack_audio()
    with JackServer(channels=64) as server:
        yield server
