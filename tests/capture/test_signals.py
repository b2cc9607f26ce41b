"""What the simulated interface hears: the same frames always have the same samples."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_sim.band import PARTS, band_loop
from hardware_sim.signals import PRBS_LENGTH, SIGNALS, make_signal, prbs17, sine_hz
from rigd.model.errors import InterfaceError
from tests.support.counter import PORTAUDIO_FULL_SCALE, check_counter, codes_of


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("channels", [1, 8, 20])
def test_a_signal_does_not_depend_on_how_it_is_cut_into_blocks(kind: str, channels: int) -> None:
    signal = make_signal(kind, channels=channels, sample_rate_hz=48_000, seed=0)
    for start in (0, 1_000, 383_900, 8_388_000, 1 << 33):
        whole = signal.rows(start, 1_500).copy()
        assert whole.shape == (channels, 1_500)
        assert whole.dtype == np.float32
        parts = [signal.rows(start, 1).copy(), signal.rows(start + 1, 1_023).copy()]
        parts += [signal.rows(start + 1_024, 0).copy(), signal.rows(start + 1_024, 476).copy()]
        assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_the_counter_is_the_one_that_tests_check() -> None:
    signal = make_signal("counter", channels=8, sample_rate_hz=96_000, seed=0)
    rows = signal.rows((1 << 23) - 500, 1_000)
    assert check_counter(codes_of(rows, PORTAUDIO_FULL_SCALE), first=(1 << 23) - 500) == 500


def test_the_pseudo_random_sequence_has_its_full_length_and_rows_of_their_own() -> None:
    bits = (prbs17() > 0).astype(np.int64)
    words = np.zeros(PRBS_LENGTH, np.int64)
    for place in range(17):
        words = words * 2 + np.roll(bits, -place)
    assert len(np.unique(words)) == PRBS_LENGTH
    rows = make_signal("prbs", channels=2, sample_rate_hz=48_000, seed=0).rows(0, 4_096)
    assert np.array_equal(rows[0, 1_009:], rows[1, :-1_009])


def test_sines_have_a_pitch_for_each_row() -> None:
    rows = make_signal("sines", channels=12, sample_rate_hz=44_100, seed=0).rows(12_345, 44_100)
    spectrum = np.abs(np.fft.rfft(rows, axis=1))
    assert spectrum.argmax(axis=1).tolist() == [sine_hz(row) for row in range(12)]


def test_the_band_is_alive_never_clips_and_is_the_same_each_time() -> None:
    band = band_loop(48_000, seed=3)
    assert band.shape == (len(PARTS), 8 * 48_000)
    assert np.array_equal(band, band_loop(48_000, seed=3))
    peaks = np.abs(band).max(axis=1)
    assert (peaks < 1.0).all()
    assert (peaks > 0.1).all()
    tenths = band.reshape(len(PARTS), 80, -1).astype(np.float64)
    loudness = 10 * np.log10((tenths**2).mean(axis=2))
    assert (loudness.max(axis=1) - loudness.min(axis=1) > 6.0).all()


def test_an_unknown_signal_is_refused_with_those_there_are() -> None:
    with pytest.raises(InterfaceError, match="counter, silence, prbs, sines, band, hot"):
        make_signal("theremin", channels=1, sample_rate_hz=48_000, seed=0)
