"""A band of eight microphones and lines, made of nothing: four bars that loop, with real dynamics.

Kick, snare, overheads, bass, two guitars, voice, room. The first two bars are played soft, the last two
loud, so that meters live, a gain can be set by them, and a clip is somewhere to be found. Deterministic: the
same rate and seed give the same samples. Made once at start (about 0.1 s), then only read.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

PARTS = ("Kick", "Snare", "Overheads", "Bass", "Guitar L", "Guitar R", "Voice", "Room")
BEATS = 16
BEAT_S = 0.5
"""120 beats a minute."""
BAR_LEVELS = (0.45, 0.55, 0.85, 1.0)
NOISE_FLOOR = 10 ** (-78 / 20)

_BASS_NOTES = (33, 33, 36, 38, 29, 29, 31, 28)  # MIDI notes, one every two beats: A A C D, F F G E
_TUNE = (  # beat, beats long, MIDI note: what the voice sings
    (0.5, 0.5, 57), (1.0, 1.0, 60), (2.5, 0.5, 62), (3.0, 0.9, 60),
    (4.5, 1.5, 57), (6.5, 1.0, 55), (8.0, 0.5, 65), (8.5, 1.5, 64),
    (10.5, 0.5, 62), (11.0, 1.8, 60), (13.0, 0.75, 64), (14.0, 1.5, 57),
)  # fmt: skip


def band_loop(sample_rate_hz: int, *, seed: int = 0) -> Samples:
    """Eight rows in the order of PARTS, BEATS x BEAT_S seconds long, float32, that join end to start."""
    band = _Band(sample_rate_hz, seed)
    band.play_drums()
    band.play_bass()
    band.play_guitars()
    band.sing()
    band.hear_the_room()
    return band.parts


class _Band:
    def __init__(self, sample_rate_hz: int, seed: int) -> None:
        self._rate = sample_rate_hz
        self._length = int(BEATS * BEAT_S * sample_rate_hz)
        self._random = np.random.default_rng(seed)
        # One second of noise serves all: hits take their own parts of it, and the floor repeats it.
        self._noise = self._random.uniform(-1.0, 1.0, sample_rate_hz).astype(np.float32)
        floor = np.resize(self._noise, self._length) * np.float32(NOISE_FLOOR)
        self.parts: Samples = np.stack([np.roll(floor, 7919 * row) for row in range(len(PARTS))])

    def play_drums(self) -> None:
        kick = self._hit(0.35, 9.0) * self._sweep(0.35, 120.0, 48.0)
        snare = 0.5 * self._hit(0.22, 16.0) * self._sweep(0.22, 240.0, 180.0)
        snare += self._hit(0.22, 18.0) * self._hiss(0.22)
        cymbal = self._hit(0.09, 45.0) * np.diff(self._hiss(0.09), prepend=np.float32(0.0))
        for beat in (0, 2.5, 4, 6.5, 7.5, 8, 10.5, 12, 14, 14.5):
            self._strike("Kick", beat, kick, 0.55)
            self._strike("Overheads", beat, kick, 0.05)
        for beat in (1, 3, 5, 7, 9, 11, 13, 15, 15.5, 15.75):
            self._strike("Snare", beat, snare, 0.6)
            self._strike("Overheads", beat, snare, 0.16)
        for eighth in range(2 * BEATS):
            self._strike("Overheads", eighth / 2, cymbal, 0.22 if eighth % 2 else 0.34)
            self._strike("Snare", eighth / 2, cymbal, 0.02)

    def play_bass(self) -> None:
        for eighth in range(2 * BEATS):
            hertz = _hertz(_BASS_NOTES[eighth // 4])
            note = self._tone(0.24, hertz, (1.0, 0.5, 0.25)) * self._hit(0.24, 5.0)
            self._strike("Bass", eighth / 2, note, 0.34)

    def play_guitars(self) -> None:
        for beat in range(0, BEATS, 2):
            root = _BASS_NOTES[beat // 2] + 12
            chord = sum(
                (self._tone(0.9, _hertz(root + step), (1.0, 0.6, 0.5, 0.3, 0.2)) for step in (0, 7, 12)),
                start=np.zeros(self._count(0.9), np.float32),
            )
            chord = np.tanh(chord * 0.8) * self._hit(0.9, 3.0)
            muted = chord[: self._count(0.2)] * self._hit(0.2, 14.0)
            self._strike("Guitar R", beat, chord, 0.28)
            for eighth in range(4):
                self._strike("Guitar L", beat + eighth / 2, muted, 0.34 if eighth % 2 == 0 else 0.2)

    def sing(self) -> None:
        for beat, beats, pitch in _TUNE:
            seconds = beats * BEAT_S
            at = self._seconds(seconds)
            vibrato = np.float32(0.25 / 5.5) * np.sin(np.float32(2 * np.pi * 5.5) * at)
            phase = np.float32(2 * np.pi * _hertz(pitch)) * (at + np.float32(0.02) * vibrato)
            swell = np.sin(np.float32(np.pi / seconds) * at) ** np.float32(0.6)
            note = _harmonics(phase, (1.0, 0.7, 0.35, 0.4, 0.2, 0.08)) * swell
            self._strike("Voice", beat, note + 0.05 * swell * self._hiss(seconds), 0.3)

    def hear_the_room(self) -> None:
        weights = np.array([0.2, 0.25, 0.3, 0.15, 0.2, 0.25, 0.2], np.float32)
        dry = np.tensordot(weights, self.parts[:-1], axes=1)
        for delay_s, level in ((0.011, 0.5), (0.023, 0.35), (0.041, 0.2)):
            self.parts[-1] += np.float32(level) * np.roll(dry, self._count(delay_s))

    def _strike(self, part: str, beat: float, sound: Samples, level: float) -> None:
        """Adds the sound, as loud as its bar is played; what goes past the end begins the next round."""
        start = int(beat * BEAT_S * self._rate)
        row = self.parts[PARTS.index(part)]
        played = sound * np.float32(level * BAR_LEVELS[int(beat) // 4])
        fits = min(len(played), self._length - start)
        row[start : start + fits] += played[:fits]
        row[: len(played) - fits] += played[fits:]

    def _count(self, seconds: float) -> int:
        return int(seconds * self._rate)

    def _seconds(self, seconds: float) -> Samples:
        return np.arange(self._count(seconds), dtype=np.float32) / np.float32(self._rate)

    def _hit(self, seconds: float, decay: float) -> Samples:
        at = self._seconds(seconds)
        shape: Samples = np.exp(np.float32(-decay) * at) * np.minimum(at * np.float32(1000.0), 1.0)
        shape *= np.minimum((np.float32(seconds) - at) * np.float32(200.0), 1.0)
        return shape

    def _hiss(self, seconds: float) -> Samples:
        start = int(self._random.integers(0, self._rate // 2))
        return np.resize(np.roll(self._noise, -start), self._count(seconds))

    def _sweep(self, seconds: float, from_hz: float, to_hz: float) -> Samples:
        at = self._seconds(seconds)
        fall = np.float32((from_hz - to_hz) / 30.0) * (1.0 - np.exp(np.float32(-30.0) * at))
        phase: Samples = np.float32(2 * np.pi) * (np.float32(to_hz) * at + fall)
        return np.sin(phase)

    def _tone(self, seconds: float, hertz: float, harmonics: Iterable[float]) -> Samples:
        return _harmonics(np.float32(2 * np.pi * hertz) * self._seconds(seconds), harmonics)


def _harmonics(phase: Samples, levels: Iterable[float]) -> Samples:
    total = np.zeros_like(phase)
    for number, level in enumerate(levels, start=1):
        total += np.float32(level) * np.sin(np.float32(number) * phase)
    return total


def _hertz(midi_note: float) -> float:
    return float(440.0 * 2.0 ** ((midi_note - 69) / 12))
