"""However often an order goes as soon as it may, a device gets no more than fifty a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rigd.model.units import Ns
from rigd.preamps.pace import CLOSEST_NS, MOST_AT_ONCE, WINDOW_NS, OrderPace

MS = 1_000_000


@given(st.lists(st.integers(0, 200 * MS), max_size=200))
def test_no_stretch_has_more_orders_than_a_device_takes(rests_ns: list[int]) -> None:
    pace, now, sent = OrderPace(), Ns(0), list[int]()
    for rest_ns in rests_ns:
        sent.append(now)
        now = Ns(pace.next_ns(now) + rest_ns)
    for first in sent:
        assert sum(first <= each < first + WINDOW_NS for each in sent) <= MOST_AT_ONCE
        assert sum(first <= each < first + 10 * WINDOW_NS for each in sent) <= 50


def test_after_a_rest_an_order_does_not_wait_for_the_one_before() -> None:
    pace = OrderPace()
    pace.next_ns(Ns(0))
    assert pace.next_ns(Ns(200 * MS)) == 200 * MS + CLOSEST_NS
    assert CLOSEST_NS < 5 * MS, "a knob is with the desk within 5 ms"
