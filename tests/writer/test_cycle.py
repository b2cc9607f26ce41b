"""When takes are written on: never just before another time, always just before a durable point."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rigd.writer.process import CYCLE_SECONDS, TOGETHER_SECONDS, next_cycle


@pytest.mark.parametrize("sync_seconds", [0.05, 0.2, 0.4, 0.8, 1.0, 2.0])
def test_takes_are_written_on_in_equal_parts_of_the_time_between_durable_points(sync_seconds: float) -> None:
    at, written, sync_at = 0.0, [0.0], sync_seconds
    while at < 4.0:
        at = next_cycle(at, sync_at=sync_at, sync_seconds=sync_seconds)
        written.append(at)
        if at > sync_at - TOGETHER_SECONDS:
            sync_at += sync_seconds
    gaps = [later - earlier for earlier, later in pairwise(written)]
    assert max(gaps) - min(gaps) < 1e-9, "no write comes just before another"
    assert max(gaps) <= CYCLE_SECONDS + 1e-9
    points = [sync_seconds * number for number in range(1, int(4.0 / sync_seconds))]
    assert all(any(abs(point - each) < 1e-6 for each in written) for point in points)


@pytest.mark.parametrize("at", [0.01, 0.17, 0.39, 0.41, 0.6, 0.77])
def test_a_write_that_was_asked_for_moves_the_others_by_less_than_a_cycle(at: float) -> None:
    following = next_cycle(at, sync_at=0.8, sync_seconds=0.8)
    assert following == pytest.approx(0.4 if at < 0.38 else 0.8)
