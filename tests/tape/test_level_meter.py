"""Meters: what is shown is what was heard since the last look."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.model.levels import FLOOR_DBFS
from rigd.tape.tape import Tape


def feed(source, rows: np.ndarray) -> None:
    source.core.feed(rows.astype(np.float32), rows.shape[1], adc_time=0.0, monotonic_ns=0)


def test_silence_is_at_the_floor_and_a_sine_is_3_db_under_its_peak(start) -> None:
    source = start(channels=3)
    meter = source.tape.level_meter()
    assert meter.read().peak_dbfs == (FLOOR_DBFS,) * 3
    wave = np.sin(np.arange(4800) * 2 * np.pi * 1000 / 48_000)
    for part in np.split(np.stack([0 * wave, wave * 0.5, -wave * 0.9999]), 12, axis=1):
        feed(source, part)
    levels = meter.read()
    assert levels.at_frame == 4800
    assert levels.peak_dbfs == pytest.approx((FLOOR_DBFS, -6.02, 0.0), abs=0.01)
    assert levels.rms_dbfs == pytest.approx((FLOOR_DBFS, -9.03, -3.01), abs=0.01)
    assert levels.clipped == (0, 0, 0)


def test_each_read_is_of_what_came_since_the_one_before(start) -> None:
    source = start(channels=1)
    loud, quiet = source.tape.level_meter(), source.tape.level_meter()
    feed(source, np.full((1, 100), 0.5))
    assert loud.read().peak_dbfs[0] == pytest.approx(-6.02, abs=0.01)
    feed(source, np.full((1, 100), -0.25))
    last = loud.read()
    assert last.peak_dbfs[0] == last.rms_dbfs[0] == pytest.approx(-12.04, abs=0.01)
    assert quiet.read().peak_dbfs[0] == pytest.approx(-6.02, abs=0.01)
    assert loud.read() == last, "no block has come: the levels are the last ones, and at_frame says so"


@pytest.mark.parametrize(
    ("sample", "clips"),
    [(1.0, 1), (-1.0, 1), (2.5, 1), (8388607 / 8388608, 1), (8388606 / 8388608, 0), (-0.999, 0)],
)
def test_samples_at_full_scale_of_either_kind_count_as_clipped(start, sample: float, clips: int) -> None:
    source = start(channels=2)
    meter = source.tape.level_meter()
    rows = np.zeros((2, 50))
    rows[1, [3, 17, 49]] = sample
    feed(source, rows)
    feed(source, rows)
    assert meter.read().clipped == (0, 6 * clips)


def test_absurd_samples_give_finite_levels(start) -> None:
    source = start(channels=4)
    meter = source.tape.level_meter()
    rows = np.full((4, 64), 0.5, np.float32)
    rows[0, 5] = np.nan
    rows[1, 5] = np.inf
    rows[2, 5] = 3e38
    rows[3, 5] = 1e-42
    feed(source, rows)
    levels = meter.read()
    assert np.isfinite(levels.peak_dbfs).all()
    assert np.isfinite(levels.rms_dbfs).all()
    assert levels.peak_dbfs[0] == levels.peak_dbfs[1] == levels.peak_dbfs[3] == pytest.approx(-6.02, abs=0.01)


def test_a_block_across_the_wrap_is_measured_once_and_whole(start) -> None:
    source = start(channels=1, capacity_frames=1024)
    feed(source, np.zeros((1, 500)))
    feed(source, np.zeros((1, 500)))
    meter = source.tape.level_meter()
    feed(source, np.full((1, 100), 0.1))
    assert meter.read().rms_dbfs[0] == pytest.approx(-20.0, abs=0.001)


def test_a_meter_that_looks_seldom_goes_back_as_far_as_the_log(start) -> None:
    source = start(channels=1)  # 64 blocks of levels: as many as the block log
    with Tape.attach(source.tape.path, writable=False) as seen:
        meter = seen.level_meter()
        feed(source, np.full((1, 10), 0.9))
        for _ in range(100):
            feed(source, np.full((1, 10), 0.1))
        assert meter.read().peak_dbfs[0] == pytest.approx(-20.0, abs=0.001)
