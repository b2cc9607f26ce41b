"""Gestures from edges and time: a table of what a foot can do, and any edges at all."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.hands.bindings import ONE_SWITCH, TWO_GESTURES, Binding, binding_of
from rigd.hands.gestures import Gesture, GestureRecogniser, Recognised, bound_gestures, recogniser_for
from rigd.model.units import Ns

MS = 1_000_000
ONE = binding_of(control="cc 80", **ONE_SWITCH)
TAP_ONLY = binding_of(control="cc 80", tap="toggle")
TAP_AND_HOLD = binding_of(control="cc 80", tap="mark", hold="discard")
TAP_AND_LONG = binding_of(control="cc 80", tap="mark", long_hold="circle")
TAP_AND_DOUBLE = binding_of(control="cc 80", tap="toggle", double="next")
PRESS_AND_RELEASE = binding_of(control="cc 80", press="start", release="stop")
LATCHING = binding_of(control="cc 80", mode="latching", **TWO_GESTURES)
LATCHING_TAP = binding_of(control="cc 80", mode="latching", tap="toggle")
TRIGGER = binding_of(control="program 3", mode="trigger", **TWO_GESTURES)

Edge = tuple[int, str]


def heard(binding: Binding, edges: Iterable[Edge], *, until_ms: int = 60_000) -> list[tuple[str, int, int]]:
    """(gesture, time of its press, time at which it was known), in ms."""
    recogniser = recogniser_for(binding)
    known: list[tuple[str, int, int]] = []

    def told(made: tuple[Recognised, ...], now_ms: int) -> None:
        known.extend((str(each.gesture), each.at_ns // MS, now_ms) for each in made)

    for at_ms, edge in edges:
        pass_time(recogniser, at_ms, told)
        at_ns = Ns(at_ms * MS)
        if edge == "held":
            recogniser.held(at_ns)
        elif edge == "let go":
            recogniser.let_go()
        else:
            told(recogniser.press(at_ns) if edge == "down" else recogniser.release(at_ns), at_ms)
    pass_time(recogniser, until_ms, told)
    return known


def pass_time(recogniser: GestureRecogniser, until_ms: int, told) -> None:  # type: ignore[no-untyped-def]
    while (deadline_ns := recogniser.next_deadline_ns()) is not None and deadline_ns <= until_ms * MS:
        told(recogniser.tick(deadline_ns), deadline_ns // MS)


TABLE = [
    # one switch: tap, double, hold, long hold
    ("a short press is a tap once no second one can come", ONE, "100+ 180-", "tap 100 400"),
    ("a slow press is a tap at its release", ONE, "100+ 550-", "tap 100 550"),
    ("two presses are one double at the second press", ONE, "100+ 180- 350+ 420-", "double 100 350"),
    ("two presses too far apart are two taps", ONE, "100+ 180- 400+ 480-", "tap 100 400, tap 400 700"),
    ("a third press starts anew", ONE, "100+ 150- 250+ 300- 360+ 420-", "double 100 250, tap 360 660"),
    ("the second press of a double may be held", ONE, "100+ 180- 350+ 9000-", "double 100 350"),
    ("with a long hold bound a hold is known at its release", ONE, "100+ 900-", "hold 100 900"),
    ("a long hold is known while held, and is no hold", ONE, "100+ 5000-", "long_hold 100 2100"),
    ("a foot that stays down for minutes is one long hold", ONE, "100+ 59000-", "long_hold 100 2100"),
    (
        "a gesture after a long hold is its own",
        ONE,
        "0+ 3000- 3100+ 3900-",
        "long_hold 0 2000, hold 3100 3900",
    ),
    # only what is bound is waited for
    ("a tap alone is known at once", TAP_ONLY, "100+ 900-", "tap 100 100"),
    ("without a double a tap is known at the release", TAP_AND_HOLD, "100+ 160-", "tap 100 160"),
    ("without a long hold a hold is known while held", TAP_AND_HOLD, "100+ 5000-", "hold 100 700"),
    ("without a hold a press of a second is a tap", TAP_AND_LONG, "100+ 1100-", "tap 100 1100"),
    ("a double without holds waits no longer than itself", TAP_AND_DOUBLE, "100+ 9000-", "tap 100 9000"),
    ("press and release act by themselves", PRESS_AND_RELEASE, "100+ 900-", "press 100 100, release 900 900"),
    # bounce
    ("bounce at the press is one press", TAP_ONLY, "100+ 103- 105+ 108- 110+ 500-", "tap 100 100"),
    ("bounce at the release is one press", ONE, "100+ 200- 203+ 206-", "tap 100 400"),
    ("a tap shorter than the bounce is still released", ONE, "100+ 105- 200+ 205-", "double 100 200"),
    ("a release lost in bounce does not become a hold", TAP_AND_HOLD, "100+ 105-", "tap 100 130"),
    ("a press lost in bounce counts from when it was", ONE, "100+ 300- 310+ 5000-", "double 100 330"),
    # switches that never tell a release
    (
        "a latching switch makes a tap a message",
        LATCHING_TAP,
        "100+ 900- 1700+",
        "tap 100 100, tap 900 900, tap 1700 1700",
    ),
    ("a latching switch makes doubles", LATCHING, "100+ 300- 1000+", "double 100 300, tap 1000 1300"),
    (
        "a latching switch's bounce is one press",
        LATCHING_TAP,
        "100+ 103- 106+ 900-",
        "tap 100 100, tap 900 900",
    ),
    ("a program change makes tap and double", TRIGGER, "100+ 1000+ 1200+", "tap 100 400, double 1000 1200"),
    ("two program changes 3 ms apart are one", TRIGGER, "100+ 103+", "tap 100 400"),
    # switches nobody saw go down, and ports that vanish
    ("a switch that is stuck down makes nothing", ONE, "0! 5000+ 9000+", ""),
    ("a stuck switch works once it was released", ONE, "0! 5000- 6000+ 6100-", "tap 6000 6300"),
    ("a held latching switch is just a position", LATCHING_TAP, "0! 500-", "tap 500 500"),
    ("a vanished port releases without an action", ONE, "100+ 300x 9000-", ""),
    ("a tap half told is forgotten with its port", ONE, "100+ 150- 300x", ""),
    ("after a port's return the next press counts", ONE, "100+ 300x 5000+ 5100-", "tap 5000 5300"),
]


def edges_of(told: str) -> list[Edge]:
    kinds = {"+": "down", "-": "up", "!": "held", "x": "let go"}
    return [(int(word[:-1]), kinds[word[-1]]) for word in told.split()]


@pytest.mark.parametrize(("about", "binding", "told", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_what_a_foot_does_is_told_apart(about: str, binding: Binding, told: str, expected: str) -> None:
    """`expected`: gesture, time of its press, time at which it was known."""
    known = heard(binding, edges_of(told))
    assert ", ".join(f"{gesture} {at_ms} {known_ms}" for gesture, at_ms, known_ms in known) == expected, about


def test_every_bounced_or_unreleased_press_is_counted_as_refused() -> None:
    recogniser = recogniser_for(TAP_ONLY)
    for at_ms, down in ((100, True), (103, False), (105, True), (300, False), (400, True), (600, True)):
        (recogniser.press if down else recogniser.release)(Ns(at_ms * MS))
    assert recogniser.refused == 2


def test_a_press_that_proved_to_be_no_bounce_is_not_refused() -> None:
    recogniser = recogniser_for(TAP_ONLY)
    recogniser.press(Ns(100 * MS))
    recogniser.release(Ns(200 * MS))
    recogniser.press(Ns(210 * MS))
    assert recogniser.tick(Ns(230 * MS)) == (Recognised(gesture=Gesture.TAP, at_ns=Ns(210 * MS)),)
    assert recogniser.refused == 0


EDGES = st.lists(st.tuples(st.integers(0, 900), st.sampled_from(["down", "up"])), max_size=60)
BINDINGS = st.builds(
    Binding,
    control=st.just("cc 80"),
    mode=st.sampled_from(["momentary", "latching", "trigger"]),
    tap=st.sampled_from(["", "toggle"]),
    double=st.sampled_from(["", "next"]),
    hold=st.sampled_from(["", "again"]),
    long_hold=st.sampled_from(["", "circle"]),
    release=st.sampled_from(["", "stop"]),
    debounce_ms=st.sampled_from([0, 30, 250]),
)


@given(binding=BINDINGS, steps=EDGES)
def test_whatever_the_edges_a_press_makes_one_gesture_at_most_and_none_out_of_thin_air(
    binding: Binding, steps: list[tuple[int, str]]
) -> None:
    edges: list[Edge] = []
    now_ms = 0
    for step_ms, edge in steps:
        now_ms += step_ms
        edges.append((now_ms, edge))
    known = heard(binding, edges, until_ms=now_ms + 60_000)
    presses = [at_ms for at_ms, edge in edges if edge == "down" or binding.mode == "latching"]
    gestures = [each for each in known if each[0] != "release"]
    assert all(at_ms in presses and at_ms <= known_ms for _, at_ms, known_ms in gestures)
    times = [at_ms for _, at_ms, _ in gestures]
    assert times == sorted(times)
    if binding.debounce_ms:
        assert len(times) == len(set(times))  # a hold is never also a tap
    spent = sum(2 if gesture == "double" else 1 for gesture, _, _ in gestures)
    assert spent <= len(presses)
    assert {gesture for gesture, _, _ in known} <= {str(each) for each in bound_gestures(binding)}
    if binding.mode != "momentary":
        assert not {gesture for gesture, _, _ in known} & {"hold", "long_hold"}


@given(steps=EDGES)
def test_whatever_the_bounce_the_switch_ends_where_the_wire_last_said(steps: list[tuple[int, str]]) -> None:
    """Press and release commands alternate, and the last one is the wire's last word."""
    edges: list[Edge] = []
    now_ms = 0
    for step_ms, edge in steps:
        now_ms += step_ms
        edges.append((now_ms, edge))
    known = [gesture for gesture, _, _ in heard(PRESS_AND_RELEASE, edges, until_ms=now_ms + 60_000)]
    assert known == ["press", "release"] * (len(known) // 2) + ["press"] * (len(known) % 2)
    down = bool(edges) and edges[-1][1] == "down"
    assert (len(known) % 2 == 1) == down


@given(steps=st.lists(st.integers(1, 900), max_size=40))
def test_every_press_beyond_the_bounce_is_part_of_one_gesture(steps: list[int]) -> None:
    edges: list[Edge] = []
    now_ms = 0
    for step_ms in steps:
        edges += [(now_ms + 40, "down"), (now_ms + 40 + step_ms + 30, "up")]
        now_ms += 40 + step_ms + 30
    known = heard(ONE, edges, until_ms=now_ms + 60_000)
    assert sum(2 if gesture == "double" else 1 for gesture, _, _ in known) == len(steps)
