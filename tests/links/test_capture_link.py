"""The judge of whether capture still hears anything, while it keeps what it hears off the tape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from rigd.links.capture_link import FIRST_FRAME_WITHIN_S, CaptureLink
from rigd.links.other_build import OtherBuild
from rigd.links.process_link import Stuck
from rigd.model.messages import CapturePhase, CaptureReport, TapeGeometry
from rigd.model.units import Frame
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from rigd.tape.view import TapeView

OPENING = CaptureReport(phase=CapturePhase.OPENING, device="Sim")
MEASURING = replace(
    OPENING, phase=CapturePhase.FAILED, failure="44,100 Hz", mismatch="44,100 Hz", measuring=True
)


LISTENING = replace(
    OPENING, phase=CapturePhase.LISTENING, sample_rate_hz=48_000, channels=1, period_frames=1024
)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Any]:
    """What the controller hears: reports, and reasons for a loss."""
    return []


@pytest.fixture
def link(tmp_path: Path, clock: Clock, told: list[Any]) -> Iterator[CaptureLink]:
    tape = TapeView(tmp_path)
    other = OtherBuild(tmp_path, lambda message: None)
    yield CaptureLink(
        runtime_dir=tmp_path, tape=tape, post=told.append, lost=told.append, other_build=other, clock=clock
    )
    tape.close()


def test_a_stream_that_is_only_measured_may_be_so_for_ever(link: CaptureLink, clock: Clock) -> None:
    link.connected()
    link.received(MEASURING)
    for _ in range(100):
        clock.now_s += FIRST_FRAME_WITHIN_S / 2
        link.tick()


def test_an_opening_may_not_and_neither_may_one_that_is_over(link: CaptureLink, clock: Clock) -> None:
    for reports in ((OPENING,), (MEASURING, replace(MEASURING, measuring=False))):
        link.connected()
        for report in reports:
            link.received(report)
        clock.now_s += FIRST_FRAME_WITHIN_S + 1
        with pytest.raises(Stuck):
            link.tick()


def test_one_that_failed_may_stay_as_long_as_it_says_and_no_longer(link: CaptureLink, clock: Clock) -> None:
    """It looks for the interface meanwhile; one that stays for ever is killed."""
    link.connected()
    link.received(OPENING)
    link.received(replace(OPENING, phase=CapturePhase.FAILED, failure="not found", stays_s=15.0))
    clock.now_s += 14.0
    link.tick()
    clock.now_s += FIRST_FRAME_WITHIN_S + 2
    with pytest.raises(Stuck):
        link.tick()


def test_a_tape_that_cannot_be_looked_at_is_told_once_and_so_is_that_it_can_again(
    link: CaptureLink, clock: Clock, told: list[Any], tmp_path: Path
) -> None:
    link.connected()
    (tmp_path / "tape").write_bytes(bytes(8192))
    link.received(LISTENING)
    for _ in range(5):
        clock.now_s += 0.2
        link.tick()
    assert told[0] == LISTENING
    (trouble,) = told[1:]
    assert "not a tape" in trouble
    geometry = TapeGeometry(channels=1, sample_rate_hz=48_000, capacity_frames=4096)
    Tape.create(tmp_path / "tape", geometry, full_scale=PORTAUDIO_FULL_SCALE).close()
    for _ in range(2):
        link.tick()
    assert told[2:] == [LISTENING]


def test_a_full_tape_is_no_silence_however_old_its_newest_block(
    link: CaptureLink, clock: Clock, tmp_path: Path
) -> None:
    block = np.zeros((1, 1024), np.float32)

    def play(core: CaptureCore, *, for_s: float) -> None:
        for _ in range(round(for_s * 48_000 / 1024)):
            clock.now_s += 1024 / 48_000
            core.feed(block, 1024, adc_time=0.0, monotonic_ns=round(clock.now_s * 1e9))

    geometry = TapeGeometry(channels=1, sample_rate_hz=48_000, capacity_frames=1 << 13)
    with (
        Tape.create(tmp_path / "tape", geometry, full_scale=PORTAUDIO_FULL_SCALE) as tape,
        CaptureCore(tape) as core,
        tape.take_hold(Frame(0), key=7),
    ):
        link.connected()
        link.received(LISTENING)
        for _ in range(200):
            play(core, for_s=0.022)
            link.tick()
            clock.now_s += 0.002  # as soon as it may look again
            link.tick()
        assert tape.counters().dropped_blocks > 100
        link.tick()
        clock.now_s += 0.5
        with pytest.raises(Stuck, match="no frame came in"):
            link.tick()


def test_a_capture_that_cannot_open_its_interface_counts_as_one_that_did_nothing(link: CaptureLink) -> None:
    """However long it stays to look for it, the next one is tried later; not so one that measures a rate."""
    for report, did_nothing in ((MEASURING, False), (replace(MEASURING, measuring=False), True)):
        link.connected()
        link.received(report)
        assert link._process._will_end is did_nothing
