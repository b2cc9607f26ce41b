"""What is found in the runtime folder is attached to only where it is this rig's."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.links.start_settings import StartSettings
from rigd.model.errors import RigError
from rigd.model.messages import CaptureSettings, TapeGeometry, WriterSettings
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape

GEOMETRY = TapeGeometry(channels=2, sample_rate_hz=48_000, capacity_frames=1 << 12)


def settings(runtime: Path, library: str) -> StartSettings:
    capture = CaptureSettings(driver="simulated", device="", period_frames=1024, tape=GEOMETRY, options={})
    return StartSettings(runtime, capture, WriterSettings(library_root=library))


def test_a_rig_of_another_library_is_not_attached_to_while_its_take_is_open(tmp_path: Path) -> None:
    settings(tmp_path, "/takes/mine").write()
    with Tape.create(tmp_path / "tape", GEOMETRY, full_scale=PORTAUDIO_FULL_SCALE) as tape:
        settings(tmp_path, "/takes/other").refuse_another_library()  # nothing is open
        hold = tape.take_hold(tape.next_frame, key=7)
        settings(tmp_path, "/takes/mine").refuse_another_library()
        with pytest.raises(RigError, match="recorded into /takes/mine; the config says /takes/other"):
            settings(tmp_path, "/takes/other").refuse_another_library()
        hold.release()
