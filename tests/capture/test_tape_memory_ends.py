"""Capture whose tape finds no more memory while it already listens: it says so, and leaves nothing half made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rigd.capture.driver import load_driver
from rigd.capture.interface_opening import CaptureExit, InterfaceOpening
from rigd.model.messages import CapturePhase
from rigd.tape.tape import Tape
from tests.support.capture_run import settings_for
from tests.support.writer_run import small_disk

CAPACITY_FRAMES = 1 << 18
ROOM_BYTES = 12 << 20


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[InterfaceOpening]:
    """Opened, with the rest of the room taken by somebody else."""
    with small_disk(tmp_path / "small", ROOM_BYTES) as runtime, ExitStack() as stack:
        runtime.chmod(0o700)
        settings = settings_for("simulated", channels=8, capacity_frames=CAPACITY_FRAMES)
        opened = InterfaceOpening(
            settings, runtime, make_driver=lambda settings, at: load_driver(settings.driver)(settings, at)
        )
        opened.run()
        heard = opened.heard
        assert heard is not None, opened.report
        for end in (heard.tape.close, heard.core.close, heard.memory.stop, heard.driver.stop):
            stack.callback(end)
        assert opened.report.phase is CapturePhase.LISTENING
        (runtime / "ballast").write_bytes(bytes(5 << 20))
        yield opened


def test_capture_says_that_the_room_is_gone_and_gives_back_what_it_had(opening: InterfaceOpening) -> None:
    opening.take_memory()
    assert opening.report.phase is CapturePhase.FAILED
    assert "no room for" in opening.report.failure
    assert opening.exit_code is CaptureExit.TAPE
    assert opening.heard is not None
    assert not opening.heard.tape.path.exists()


def test_a_take_that_is_on_it_keeps_it(opening: InterfaceOpening) -> None:
    assert opening.heard is not None
    path = opening.heard.tape.path
    with Tape.attach(path, writable=True) as tape, tape.take_hold(tape.oldest_frame, key=7):
        opening.take_memory()
        assert opening.report.phase is CapturePhase.FAILED
        assert path.exists()
