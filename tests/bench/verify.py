"""Whether a recording is the counter, sample by sample: frames lost, and tracks that slipped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from tests.support.counter import MODULUS, ROW_STEP

FRAMES_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Of all samples of all tracks."""

    frames: int
    """Frames in every file, from the first one on in which every track has the counter."""
    first_value: int
    """What the counter showed at that frame."""
    lost: int
    """Frames that the counter skipped in between."""
    repeated: int
    """Frames that it went back."""
    wrong_frames: int
    """Frames in which some track is not what the first one says it must be."""


def verify(files: Sequence[Path]) -> Verdict:
    """One polyphonic file, or one mono file a track. Every sample is read. What a recorder has before all its
    ports were connected does not count against it; silence on every track is a gap, and no place of the counter:
    what was lost there is what the counter skipped."""
    frames = wrong = lost = repeated = 0
    first_value = expected = -1
    with ExitStack() as opened:
        sounds = [opened.enter_context(soundfile.SoundFile(file)) for file in files]
        least = min(sound.frames for sound in sounds)
        done = 0
        while done < least:
            count = min(FRAMES_AT_ONCE, least - done)
            done += count
            codes = np.hstack([_codes(sound, count) for sound in sounds])
            codes = codes[codes.any(axis=1)]
            if not len(codes):
                continue
            should = (codes[:, :1] + ROW_STEP * np.arange(codes.shape[1])) % MODULUS
            bad = (codes != should).any(axis=1)
            if expected < 0:
                good = np.flatnonzero(~bad)
                if not len(good):
                    continue
                codes, bad = codes[good[0] :], bad[good[0] :]
                first_value = expected = int(codes[0, 0])
            row = codes[:, 0]
            before = np.concatenate([[expected], (row[:-1] + 1) % MODULUS])
            jumps = (row - before + MODULUS // 2) % MODULUS - MODULUS // 2
            lost += int(jumps[jumps > 0].sum())
            repeated -= int(jumps[jumps < 0].sum())
            wrong += int(bad.sum())
            frames += len(row)
            expected = int(row[-1] + 1) % MODULUS
    return Verdict(frames=frames, first_value=first_value, lost=lost, repeated=repeated, wrong_frames=wrong)


def _codes(sound: soundfile.SoundFile, frames: int) -> npt.NDArray[np.int64]:
    return sound.read(frames, dtype="int32", always_2d=True).astype(np.int64) >> 8
