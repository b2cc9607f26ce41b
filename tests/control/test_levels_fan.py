"""Levels for several: one look for all, and nobody who looks seldom misses a clip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rigd.control.levels_fan import LEVELS_HZ, ONE_LOOK_NS, LevelsFan
from rigd.model.levels import Levels
from rigd.model.units import Frame, Ns

STEP_NS = 1_000_000_000 // LEVELS_HZ


def reading(place: int, clips: int = 0, peak: float = -20.0) -> Levels:
    return Levels(at_frame=Frame(place), peak_dbfs=(peak, -60.0), rms_dbfs=(-30.0, -70.0), clipped=(clips, 0))


class Meter:
    """As LevelMeter: the levels since the last look, or the same ones again."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.looks = 0
        self.clips, self.peak = 0, -144.0
        self.last = reading(0)

    def clip(self, count: int = 1, peak: float = 0.0) -> None:
        self.clips, self.peak = self.clips + count, max(self.peak, peak)

    def read(self) -> Levels:
        self.looks += 1
        self.last = reading(self.now_ns, self.clips, self.peak)
        self.clips, self.peak = 0, -144.0
        return self.last

    def fan(self) -> LevelsFan:
        return LevelsFan(self.read, lambda: Ns(self.now_ns))


def test_one_that_looks_once_in_three_seconds_has_seen_every_clip_and_the_loudest_peak() -> None:
    meter = Meter()
    fan = meter.fan()
    quick, slow = fan.taker(), fan.taker()
    seen = 0
    for turn in range(3 * LEVELS_HZ):
        meter.now_ns += STEP_NS
        if turn % 7 == 0:
            meter.clip(turn + 1, peak=-turn / 10)
        levels = quick.take()
        assert levels is not None
        seen += levels.clipped[0]
    late = slow.take()
    assert late is not None and seen > 0
    assert late.clipped[0] == seen and late.peak_dbfs[0] == 0.0
    assert late.at_frame == meter.last.at_frame


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 200)), max_size=60))
def test_each_taker_has_every_clip_once_whoever_looks_and_when(turns: list[tuple[int, int, int]]) -> None:
    meter = Meter()
    fan = meter.fan()
    takers = [fan.taker() for _ in range(3)]
    seen, clips = [0, 0, 0], 0
    for who, count, wait_ms in turns:
        meter.now_ns += wait_ms * 1_000_000
        meter.clip(count)
        clips += count
        levels = takers[who].take()
        seen[who] += levels.clipped[0] if levels is not None else 0
    meter.now_ns += STEP_NS
    for who, taker in enumerate(takers):
        levels = taker.take()
        seen[who] += levels.clipped[0] if levels is not None else 0
    assert seen == [clips] * 3


def test_takers_that_ask_together_cost_one_look() -> None:
    meter = Meter()
    fan = meter.fan()
    takers = [fan.taker() for _ in range(8)]
    meter.looks = 0
    for _ in range(100):
        meter.now_ns += STEP_NS
        for taker in takers:
            assert taker.take() is not None
    assert meter.looks == 100
    meter.now_ns += ONE_LOOK_NS - 1
    assert takers[0].take() is None


def test_levels_that_are_told_again_because_no_sound_came_are_no_new_clips() -> None:
    meter, same = Meter(), reading(5, clips=3)
    fan = LevelsFan(lambda: same, lambda: Ns(meter.now_ns))
    taker = fan.taker()
    for _ in range(10):
        meter.now_ns += STEP_NS
        assert taker.take() is None  # they came before it did


def test_one_that_cannot_take_now_has_them_put_by() -> None:
    meter = Meter()
    taker = meter.fan().taker()
    for _ in range(50):
        meter.now_ns += STEP_NS
        meter.clip()
        taker.look()
    levels = taker.take()
    assert levels is not None and levels.clipped[0] == 50


def test_for_one_that_has_left_nothing_is_put_by() -> None:
    meter = Meter()
    fan = meter.fan()
    gone, here = fan.taker(), fan.taker()
    gone.close()
    meter.now_ns += STEP_NS
    assert here.take() is not None and gone.waiting is None


def test_what_was_put_by_in_between_is_no_affair_of_the_next_look() -> None:
    """What was heard is not there for ever: a look that nobody takes is one all the same."""
    meter = Meter()
    taker = meter.fan().taker()
    for _ in range(3):
        meter.now_ns += STEP_NS
        meter.clip()
        taker.look()
        meter.clips = 0  # it is behind the end of the tape by the next look
    looked = meter.looks
    levels = taker.take()
    assert levels is not None and levels.clipped[0] == 3 and meter.looks == looked
