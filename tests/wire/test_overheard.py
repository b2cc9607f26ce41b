"""What comes over a port is kept while somebody asks for it, and no more than that."""

from __future__ import annotations

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.wire.overheard import MOST_KEPT, Overheard

S = NS_PER_SECOND


def test_nothing_is_kept_while_nobody_asks() -> None:
    port = Overheard()
    port.note(b"1", Ns(10 * S))
    assert port.since(0, Ns(11 * S)) == ((), 0)
    port.note(b"2", Ns(12 * S))
    brought, number = port.since(0, Ns(13 * S))
    assert [each.sent for each in brought] == [b"2"]
    assert port.since(number, Ns(13 * S)) == ((), number)


def test_each_who_asks_gets_what_came_since() -> None:
    port = Overheard()
    port.since(0, Ns(S))
    for place in range(5):
        port.note(bytes((place,)), Ns(S + place))
    assert [each.sent[0] for each in port.since(3, Ns(2 * S))[0]] == [3, 4]
    assert [each.sent[0] for each in port.since(0, Ns(2 * S))[0]] == [0, 1, 2, 3, 4]
    assert port.since(99, Ns(2 * S)) == ((), 5)
    assert len(port.since(-9, Ns(2 * S))[0]) == 5


def test_who_has_not_asked_for_long_begins_anew() -> None:
    port = Overheard()
    port.since(0, Ns(S))
    port.note(b"1", Ns(2 * S))
    port.note(b"2", Ns(20 * S))
    assert port.since(0, Ns(21 * S)) == ((), 1)


def test_what_is_kept_is_bounded() -> None:
    port = Overheard()
    port.since(0, Ns(S))
    for _ in range(3 * MOST_KEPT):
        port.note(b"x", Ns(S))
    brought, number = port.since(0, Ns(S))
    assert (len(brought), number) == (MOST_KEPT, 3 * MOST_KEPT)
