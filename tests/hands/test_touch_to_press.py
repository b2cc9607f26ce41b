"""Values to presses: what a switch is, is learnt from what it sends; no press is lost, and none is doubled."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rigd.hands.bindings import ONE_SWITCH, TWO_GESTURES, Binding, binding_of, check_binding
from rigd.hands.gestures import Recognised, recogniser_for
from rigd.hands.surface import Motion
from rigd.hands.touch_to_press import ValueSwitch, said_values, switch_for
from rigd.model.units import Ns

MS = 1_000_000
P, R = Motion.PRESS, Motion.RELEASE
Stream = Iterable[tuple[int, int]]
"""Milliseconds and the value that came then."""

ONE = binding_of(control="cc 64", **ONE_SWITCH)  # type: ignore[arg-type]
TRIGGER = binding_of(control="cc 80", mode="trigger", **TWO_GESTURES)  # type: ignore[arg-type]
LATCHING = binding_of(control="cc 80", mode="latching", **TWO_GESTURES)  # type: ignore[arg-type]


def gestures(
    stream: Stream, binding: Binding = ONE, *, is_pedal: bool = False, state: Sequence[int] = ()
) -> list[tuple[str, int]]:
    """Gesture and time in ms of its press, of everything that the values make of a whole binding."""
    switch, recogniser = switch_for(binding, is_pedal=is_pedal), recogniser_for(binding)
    made: list[Recognised] = []

    def act(edges: Iterable[Any]) -> None:
        for edge in edges:
            if edge.motion is Motion.PRESS:
                made.extend(recogniser.press(edge.at_ns, is_doubtful=edge.is_doubtful))
            elif edge.motion is Motion.RELEASE:
                made.extend(recogniser.release(edge.at_ns))
            else:
                recogniser.held(edge.at_ns)

    def next_due_ns() -> Ns | None:
        due = [switch.next_deadline_ns(), recogniser.next_deadline_ns()]
        return min((each for each in due if each is not None), default=None)

    def pass_time(now_ms: int) -> None:
        while (due_ns := next_due_ns()) is not None and due_ns <= now_ms * MS:
            act(switch.tick(due_ns))
            made.extend(recogniser.tick(due_ns))

    for value in state:
        act(switch.stands_at(value / 127, Ns(0)))
    last_ms = 0
    for at_ms, value in stream:
        pass_time(at_ms)
        act(switch.moved_to(value / 127, Ns(at_ms * MS)))
        last_ms = at_ms
    pass_time(last_ms + 60_000)
    return [(each.gesture.value, each.at_ns // MS) for each in made]


def at_times(text: str) -> list[tuple[int, int]]:
    """ "100:127 180:0"."""
    return [(int(word.partition(":")[0]), int(word.partition(":")[2])) for word in text.split()]


def sweep(values: Sequence[int], *, at_ms: int, every_ms: int = 10) -> list[tuple[int, int]]:
    return [(at_ms + every_ms * place, value) for place, value in enumerate(values)]


SLOWLY = [10, 25, 40, 52, 58, 62, 63, 64, 63, 64, 65, 63, 62, 64, 66, 64, 63, 65, 68, 75, 90, 110, 127]
STEP_ON = [8, 30, 55, 80, 101, 120, 127]
STEP_OFF = [118, 90, 60, 31, 10, 0]

TABLE = [
    ("an ordinary switch", False, "100:127 180:0 2000:127 2080:0", "tap 100, tap 2000"),
    ("a pedal of the other polarity", True, "100:0 220:127 3000:0 3120:127", "tap 100, tap 3000"),
    ("one that said where it rests", True, "0:127 1000:0 1120:127 4120:0 4240:127", "tap 1000, tap 4120"),
    ("its double tap", True, "100:0 180:127 300:0 380:127", "double 100"),
    (
        "its hold, once a tap has shown what it is",
        True,
        "100:0 220:127 1500:0 1600:127 3000:0 3900:127",
        "tap 100, tap 1500, hold 3000",
    ),
    ("a hold first is no hold of a foot that went up", True, "0:0 1000:127", ""),
    (
        "and the tap after it counts",
        True,
        "0:0 1000:127 5000:0 5100:127 8000:0 8100:127",
        "tap 5000, tap 8000",
    ),
    ("an ordinary sustain pedal", True, "100:127 180:0 2000:127 2900:0", "tap 100, hold 2000"),
    ("an ordinary switch holds at once", False, "100:127 1000:0", "hold 100"),
    (
        "a release that nobody saw go down, and a tap right after it",
        False,
        "0:0 1:127 80:0",
        "tap 1",
    ),
    ("a press as short as bounce", False, "100:127 110:0 2000:127 2080:0", "tap 100, tap 2000"),
    (
        "a device that sends its zero, and a foot right after it: no foot that goes up makes a hold",
        False,
        "0:0 300:127 400:0 4000:127 4100:0 8000:127 8100:0 12000:127 12900:0",
        "tap 0, tap 4000, tap 8000, hold 12000",
    ),
    (
        "a hold that made nothing, and a foot that tries again at once: what rests then makes no hold",
        True,
        "0:127 1000:0 1300:127 1400:0 9000:127 9100:0 12000:127 12100:0 15000:127 15900:0",
        "tap 1000, tap 9000, tap 12000, hold 15000",
    ),
    (
        "the same of a sustain pedal",
        True,
        "0:0 300:127 400:0 4000:127 4100:0 8000:127 8100:0 12000:127 12900:0",
        "tap 0, tap 4000, tap 8000, hold 12000",
    ),
    (
        "a button that sends 1 and 0",
        False,
        "100:1 180:0 2000:1 2080:0 4000:1 4900:0",
        "tap 100, tap 2000, hold 4000",
    ),
    ("one that sends 100 and 0", False, "100:100 180:0 2000:100 2080:0", "tap 100, tap 2000"),
    ("one that sends 90 and 20", False, "100:90 180:20 2000:90 2080:20", "tap 100, tap 2000"),
    ("one that bounces", False, "100:127 103:0 106:127 109:0 112:127 200:0 203:127 206:0", "tap 100"),
    (
        "one that bounces, the other way round",
        True,
        "100:0 103:127 105:0 220:127 3000:0 3120:127",
        "tap 100, tap 3000",
    ),
    ("a sensor that wavers at its end is no button", True, "100:1 180:0 900:1 1000:0 1900:1 1990:0", ""),
]


@pytest.mark.parametrize(("about", "is_pedal", "told", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_what_a_switch_is_its_own_values_show(about: str, is_pedal: bool, told: str, expected: str) -> None:
    made = gestures(at_times(told), is_pedal=is_pedal)
    assert ", ".join(f"{gesture} {at_ms}" for gesture, at_ms in made) == expected, about


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127])
def test_one_that_sends_the_same_at_every_press_is_pressed_each_time(value: int) -> None:
    assert gestures([(100, value), (2000, value), (4000, value), (4200, value)], TRIGGER) == [
        ("tap", 100),
        ("tap", 2000),
        ("double", 4000),
    ]


@pytest.mark.parametrize(("down", "up"), [(127, 0), (0, 127), (1, 0), (100, 20)])
def test_a_release_on_a_switch_that_is_bound_as_a_trigger_is_no_press(down: int, up: int) -> None:
    stream = [(100, down), (180, up), (2000, down), (2080, up), (4000, down), (4100, up)]
    assert gestures(stream, TRIGGER) == [("tap", 100), ("tap", 2000), ("tap", 4000)]


def test_a_trigger_that_follows_an_old_release_is_a_press() -> None:
    assert gestures([(100, 0), (5000, 127), (5080, 0), (8000, 127)], TRIGGER)[-2:] == [
        ("tap", 5000),
        ("tap", 8000),
    ]


@pytest.mark.parametrize("values", [(127, 0, 127, 0), (0, 127, 0, 127), (127, 127, 127, 127), (1, 0, 1, 0)])
def test_a_latching_switch_is_pressed_by_each_message_also_out_of_phase(values: tuple[int, ...]) -> None:
    stream = [(1000 * (place + 1), value) for place, value in enumerate(values)]
    assert gestures(stream, LATCHING) == [("tap", at_ms) for at_ms, _ in stream]


@pytest.mark.parametrize("is_pedal", [False, True])
def test_a_half_damper_is_pressed_once_a_step(is_pedal: bool) -> None:
    steps = [sweep(STEP_ON, at_ms=at_ms) + sweep(STEP_OFF, at_ms=at_ms + 200) for at_ms in (1000, 4000)]
    made = gestures(itertools.chain(*steps), is_pedal=is_pedal)
    assert [gesture for gesture, _ in made] == ["tap", "tap"]


def test_a_half_damper_of_the_other_polarity_is_pressed_once_a_step() -> None:
    down, up = [127 - value for value in STEP_ON], [127 - value for value in STEP_OFF]
    steps = [sweep(down, at_ms=at_ms) + sweep(up, at_ms=at_ms + 200) for at_ms in (1000, 4000)]
    made = gestures(itertools.chain(*steps), is_pedal=True)
    assert [gesture for gesture, _ in made] == ["tap", "tap"]


def test_a_sensor_that_wavers_about_the_middle_on_its_way_is_pressed_once() -> None:
    stream = sweep(SLOWLY + SLOWLY[::-1], at_ms=1000, every_ms=20)
    resting = sweep([64 - place % 2 for place in range(60)], at_ms=4000, every_ms=50)
    made = gestures([*stream, *resting], is_pedal=True)
    assert [gesture for gesture, _ in made] == ["tap"]


def test_a_pedal_that_reaches_half_its_range_only_is_pressed_all_the_same() -> None:
    step = [4, 18, 33, 47, 58, 60, 59, 41, 25, 12, 3]
    stream = itertools.chain(*(sweep(step, at_ms=at_ms, every_ms=20) for at_ms in (1000, 4000, 7000)))
    assert [gesture for gesture, _ in gestures(stream, is_pedal=True)] == ["tap", "tap", "tap"]


@given(values=st.lists(st.integers(49, 79), min_size=1, max_size=200), every_ms=st.integers(1, 200))
def test_a_sensor_that_rests_at_the_threshold_is_no_foot(values: list[int], every_ms: int) -> None:
    known = sweep(SLOWLY + SLOWLY[::-1], at_ms=1000, every_ms=10)
    before = gestures(known, is_pedal=True)
    after = gestures([*known, *sweep(values, at_ms=5000, every_ms=every_ms)], is_pedal=True)
    assert after == before, "one that was pressed before"
    wavering = [value for value, _ in itertools.groupby(64 + (value - 64) // 3 for value in values)]
    assume(len(set(wavering)) > 1)
    held = gestures(sweep(wavering, at_ms=100, every_ms=every_ms), is_pedal=True)
    assert held == [], "one that nobody has heard of"


@pytest.mark.parametrize("rest", [[0, 1, 0, 2, 1, 0], [127, 126, 127, 125, 127], [40, 44, 41, 39]])
def test_a_sensor_that_wavers_where_it_rests_presses_nothing(rest: list[int]) -> None:
    known = sweep(SLOWLY + SLOWLY[::-1], at_ms=1000)
    before = gestures(known, LATCHING)
    on_the_way = [(3000, rest[0])]
    there = gestures([*known, *on_the_way], LATCHING)
    assert gestures([*known, *on_the_way, *sweep(rest[1:] * 3, at_ms=4000, every_ms=300)], LATCHING) == there
    assert len(there) - len(before) in (0, 1)


# --- any foot on any switch -------------------------------------------------------------------------

FEET = st.lists(
    st.tuples(st.integers(700, 5000), st.integers(60, 400)), min_size=1, max_size=12
)  # ms of rest before a tap, and how long it is
SWITCHES = st.sampled_from(
    [(127, 0), (0, 127), (1, 0), (100, 0), (100, 20), (64, 0), (63, 0), (0, 1), (30, 0)]
)
BOUNCES = st.lists(st.integers(1, 4), max_size=3)


def on_switch(
    feet: list[tuple[int, int]], down: int, up: int, bounces: list[int]
) -> tuple[Stream, list[int]]:
    """The values of taps, with contact bounce at each edge; and when the foot came down."""
    stream: list[tuple[int, int]] = []
    presses = []
    now_ms = 0
    for rest_ms, held_ms in feet:
        now_ms += rest_ms
        presses.append(now_ms)
        for value, other, at_ms in ((down, up, now_ms), (up, down, now_ms + held_ms)):
            stream.append((at_ms, value))
            for bounce_ms in bounces:
                stream += [(at_ms + bounce_ms, other), (at_ms + bounce_ms + 1, value)]
                at_ms += bounce_ms + 1
        now_ms += held_ms
    return stream, presses


@given(feet=FEET, switch=SWITCHES, bounces=BOUNCES, is_told=st.booleans())
def test_no_tap_is_lost_and_none_is_doubled_on_any_switch(
    feet: list[tuple[int, int]], switch: tuple[int, int], bounces: list[int], is_told: bool
) -> None:
    down, up = switch
    assume(is_told or not bounces or {down, up} <= {0, 1, 127})
    assume(is_told or (down, up) != (0, 1) or not bounces)
    binding = binding_of(
        control="cc 80", pressed=down if is_told else None, released=up if is_told else None, **ONE_SWITCH
    )  # type: ignore[arg-type]
    stream, presses = on_switch(feet, down, up, bounces)
    assert gestures(stream, binding) == [("tap", at_ms) for at_ms in presses]


@given(feet=FEET, is_inverted=st.booleans(), bounces=BOUNCES, says_state=st.booleans())
def test_no_tap_is_lost_and_none_is_doubled_on_a_sustain_pedal_of_either_polarity(
    feet: list[tuple[int, int]], is_inverted: bool, bounces: list[int], says_state: bool
) -> None:
    down, up = (0, 127) if is_inverted else (127, 0)
    stream, presses = on_switch(feet, down, up, bounces)
    state = [up] if says_state else []
    made = gestures(stream, is_pedal=True, state=state)
    assert [gesture for gesture, _ in made] == ["tap"] * len(presses)
    # The first one of another polarity, known at its end only, is as exact as its bounce.
    assert all(0 <= at_ms - press_ms <= 16 for (_, at_ms), press_ms in zip(made, presses, strict=True))
    assert [at_ms for _, at_ms in made[1:]] == presses[1:]


@given(
    feet=st.lists(st.tuples(st.integers(800, 5000), st.integers(80, 300)), min_size=1, max_size=8),
    noise=st.lists(st.integers(-3, 3), min_size=40, max_size=40),
    is_inverted=st.booleans(),
    low=st.integers(0, 20),
    high=st.integers(107, 127),
)
def test_no_step_on_a_sensor_is_lost_and_none_is_doubled_whatever_its_noise(
    feet: list[tuple[int, int]], noise: list[int], is_inverted: bool, low: int, high: int
) -> None:
    stream: list[tuple[int, int]] = []
    waver = itertools.cycle(noise)
    now_ms = 0
    for rest_ms, held_ms in feet:
        now_ms += rest_ms
        way = [low + (high - low) * place // 9 for place in range(1, 10)]
        for values, at_ms in ((way, now_ms), ([*way[::-1], low], now_ms + 90 + held_ms)):
            stream += [(at_ms + 10 * place, value + next(waver)) for place, value in enumerate(values)]
        now_ms += 200 + held_ms
    seen = [(at_ms, min(127, max(0, value))) for at_ms, value in stream]
    if is_inverted:
        seen = [(at_ms, 127 - value) for at_ms, value in seen]
    made = gestures(seen, is_pedal=True)
    assert [gesture for gesture, _ in made] == ["tap"] * len(feet)


@given(
    stream=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 127)), max_size=60),
    mode=st.sampled_from(["momentary", "latching", "trigger"]),
    is_pedal=st.booleans(),
)
def test_whatever_comes_edges_are_in_order_and_presses_are_no_more_than_messages(
    stream: list[tuple[int, int]], mode: Any, is_pedal: bool
) -> None:
    switch: ValueSwitch = switch_for(Binding(control="cc 80", mode=mode), is_pedal=is_pedal)
    now_ms, presses, times = 0, 0, []
    for step_ms, value in stream:
        now_ms += step_ms
        edges = switch.moved_to(value / 127, Ns(now_ms * MS))
        presses += sum(edge.motion is P for edge in edges)
        times += [edge.at_ns for edge in edges]
    assert presses <= len(stream)
    assert times == sorted(times)


def test_after_a_port_returned_it_is_known_what_the_switch_is_and_not_where_it_stands() -> None:
    switch = switch_for(ONE, is_pedal=True)
    for at_ms, value in ((100, 0), (220, 127), (3000, 0)):
        switch.moved_to(value / 127, Ns(at_ms * MS))
    assert switch.is_down
    switch.let_go()
    assert not switch.is_down
    assert [edge.motion for edge in switch.moved_to(0.0, Ns(9000 * MS))] == [P]


@pytest.mark.parametrize(
    ("given_", "values"),
    [({}, None), ({"pressed": 0}, (0, 127)), ({"pressed": 1}, (1, 0)), ({"released": 127}, (0, 127))],
)
def test_one_value_in_the_config_is_enough(given_: dict[str, int], values: tuple[int, int] | None) -> None:
    assert said_values(Binding(control="cc 80", **given_)) == values  # type: ignore[arg-type]


def test_a_switch_with_the_same_value_down_and_up_is_refused() -> None:
    (wrong,) = check_binding(binding_of(control="cc 80", tap="toggle", pressed=5, released=5))
    assert "the same value (5)" in wrong


@given(
    rubbish=st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 127)), min_size=4, max_size=60),
    taps=st.integers(1, 4),
)
def test_after_any_rubbish_an_ordinary_switch_is_what_it_was(
    rubbish: list[tuple[int, int]], taps: int
) -> None:
    assume(len({value for _, value in rubbish[:4]}) > 2)
    stream: list[tuple[int, int]] = []
    now_ms = 0
    for step_ms, value in rubbish:
        now_ms += step_ms
        stream.append((now_ms, value))
    stream.append((now_ms + 10_000, 0))  # a foot that is up
    before = gestures(stream)
    feet = [(now_ms + 20_000 + 1000 * tap, now_ms + 20_100 + 1000 * tap) for tap in range(taps)]
    for down_ms, up_ms in feet:
        stream += [(down_ms, 127), (up_ms, 0)]
    assert gestures(stream) == [*before, *(("tap", down_ms) for down_ms, _ in feet)]


ANY_FEET = st.lists(st.tuples(st.integers(650, 6000), st.integers(60, 3000)), min_size=1, max_size=14)
"""Rests and presses of any length."""


@given(feet=ANY_FEET, is_inverted=st.booleans(), is_pedal=st.booleans())
def test_what_the_config_says_of_a_switch_makes_each_gesture_from_the_first_press_on(
    feet: list[tuple[int, int]], is_inverted: bool, is_pedal: bool
) -> None:
    assume(all(abs(held_ms - edge_ms) > 5 for _, held_ms in feet for edge_ms in (600, 2000)))
    down, up = (0, 127) if is_inverted else (127, 0)
    stream, presses = on_switch(feet, down, up, [])
    binding = Binding(control="cc 64", pressed=down, released=up, **ONE_SWITCH)  # type: ignore[arg-type]
    wanted = ["tap" if held_ms < 600 else "hold" if held_ms < 2000 else "long_hold" for _, held_ms in feet]
    assert gestures(stream, binding, is_pedal=is_pedal) == list(zip(wanted, presses, strict=True))


@given(feet=ANY_FEET, is_inverted=st.booleans(), says_state=st.booleans())
def test_no_hold_is_made_by_a_foot_that_rests_on_a_pedal_of_either_polarity(
    feet: list[tuple[int, int]], is_inverted: bool, says_state: bool
) -> None:
    """A hold throws a take away; whatever else is not known yet, it takes a foot that is down so long."""
    down, up = (0, 127) if is_inverted else (127, 0)
    stream, presses = on_switch(feet, down, up, [])
    held = {press_ms for press_ms, (_, held_ms) in zip(presses, feet, strict=True) if held_ms >= 590}
    made = gestures(stream, is_pedal=True, state=[up] if says_state else [])
    assert {at_ms for gesture, at_ms in made if gesture in ("hold", "long_hold")} <= held
