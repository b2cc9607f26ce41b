"""What the bench says of a recording with a gap in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.bench.verify import MODULUS, ROW_STEP, verify


@pytest.mark.parametrize("silent", [0, 1_000, 1_024, 70_000])
def test_a_gap_costs_what_the_counter_skipped_and_not_a_jump_there_and_back(
    tmp_path: Path, silent: int
) -> None:
    frames = np.concatenate([np.arange(50_000), np.arange(51_024, 90_000)])
    codes = (frames[:, None] + 640_000 + ROW_STEP * np.arange(4)) % MODULUS
    codes = np.concatenate([codes[:50_000], np.zeros((silent, 4), np.int64), codes[50_000:]])
    path = tmp_path / "take.wav"
    soundfile.write(path, (codes << 8).astype(np.int32), 48_000, subtype="PCM_24")
    verdict = verify([path])
    assert (verdict.lost, verdict.repeated, verdict.wrong_frames) == (1_024, 0, 0)
