from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tape_source import Source, geometry

from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A runtime folder: on tmpfs where there is one, as in life."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Source]]:
    """Makes a tape with its writing end and a source that plays into it; closed after the test."""
    with ExitStack() as opened:

        def make(
            *,
            channels: int = 3,
            capacity_frames: int = 4096,
            full_scale: float = PORTAUDIO_FULL_SCALE,
            origin_frame: int = 0,
            origin_position: int = 0,
        ) -> Source:
            tape = opened.enter_context(
                Tape.create(
                    folder / "tape",
                    geometry(channels=channels, capacity_frames=capacity_frames),
                    full_scale=full_scale,
                    origin_frame=origin_frame,
                    origin_position=origin_position,
                )
            )
            core = opened.enter_context(CaptureCore(tape))
            return Source(tape, core, origin_frame)

        yield make
