"""A pedal's echo of a lamp is no foot; and a pedal that never echoes loses no press to a lamp that blinks."""

from __future__ import annotations

import itertools
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from rigd.hands.bindings import binding_of
from rigd.hands.surface import Motion
from rigd.hands.touch_to_press import switch_for
from rigd.model.units import Ns
from rigd.surfaces.midi.echoes import ECHO_NS, SILENT_AFTER, Echoes

LIT, DARK = bytes((0xB0, 80, 127)), bytes((0xB0, 80, 0))
BLINK_NS = 250_000_000


def blink(echoes: Echoes, times: int, *, echoing: bool, start: int = 0) -> int:
    """A lamp that blinks; the time after it."""
    for turn in range(start, start + times):
        message, at_ns = (DARK if turn % 2 else LIT), turn * BLINK_NS
        echoes.sent(message, at_ns)
        if echoing:
            assert echoes.is_echo(message, at_ns + 3_000_000)
    return (start + times) * BLINK_NS


def test_what_comes_back_at_once_is_an_echo_and_later_it_is_a_foot() -> None:
    echoes = Echoes()
    echoes.sent(LIT, 0)
    assert not echoes.is_echo(DARK, 1)
    assert echoes.is_echo(LIT, ECHO_NS)
    assert not echoes.is_echo(LIT, ECHO_NS + 1)


def test_a_device_that_never_echoed_loses_no_press_to_its_lamp() -> None:
    echoes = Echoes()
    at_ns = blink(echoes, SILENT_AFTER, echoing=False)
    echoes.sent(LIT, at_ns)
    echoes.sent(LIT, at_ns + BLINK_NS)
    assert not echoes.is_echo(LIT, at_ns + BLINK_NS + 1)


def test_a_device_that_echoes_is_never_believed_to_have_stopped() -> None:
    echoes = Echoes()
    blink(echoes, SILENT_AFTER - 1, echoing=False)
    blink(echoes, 1, echoing=True, start=SILENT_AFTER)
    blink(echoes, 10 * SILENT_AFTER, echoing=False, start=SILENT_AFTER + 1)
    blink(echoes, 10, echoing=True, start=20 * SILENT_AFTER)


def test_a_foot_beside_its_lamps_echo_is_a_foot() -> None:
    echoes = Echoes()
    echoes.sent(LIT, 0)
    assert echoes.is_echo(LIT, 2_000_000)
    assert not echoes.is_echo(LIT, 3_000_000), "one message out is one echo"


def test_lamps_that_are_set_and_do_not_change_tell_nothing_of_a_device() -> None:
    echoes = Echoes()
    for turn in range(3 * SILENT_AFTER):
        echoes.sent(DARK, turn * BLINK_NS)
    at_ns = 3 * SILENT_AFTER * BLINK_NS
    echoes.sent(LIT, at_ns)
    assert echoes.is_echo(LIT, at_ns + 1), "it may echo what changes only"


def test_a_press_that_was_taken_for_an_echo_is_found_by_its_release() -> None:
    echoes = Echoes()
    echoes.sent(DARK, 0)
    echoes.sent(LIT, 10**9)
    assert echoes.is_echo(LIT, 10**9 + 1)
    assert echoes.press_before(DARK, 10**9 + 80_000_000) == (LIT, 10**9 + 1)
    assert echoes.press_before(DARK, 10**9 + 90_000_000) is None, "once"


def test_a_release_whose_press_was_seen_and_an_echo_that_comes_late_make_no_press() -> None:
    echoes = Echoes()
    echoes.sent(LIT, 0)
    assert echoes.is_echo(LIT, 1)
    assert echoes.press_before(LIT, 500) is None
    assert echoes.press_before(DARK, 900) is None, "its press was seen"
    echoes.sent(LIT, 10**9)
    assert echoes.is_echo(LIT, 10**9 + 1)
    echoes.sent(DARK, 2 * 10**9)
    assert echoes.is_echo(DARK, 2 * 10**9 + 1)
    echoes.sent(LIT, 3 * 10**9)
    assert echoes.is_echo(LIT, 3 * 10**9 + 1)
    echoes.sent(DARK, 4 * 10**9)
    assert not echoes.is_echo(DARK, 4 * 10**9 + ECHO_NS + 1)
    assert echoes.press_before(DARK, 4 * 10**9 + ECHO_NS + 1) is None, "late, but an echo"


def presses_heard(*, lamps_ms: list[int], feet_ms: list[tuple[int, int]], echo_ms: int | None) -> int:
    """How often a press is heard of a momentary switch whose lamp is set by the message that it sends. `echo_ms`: how
    long the device takes to send each message back; None: it sends none."""
    sent = [(at_ms, LIT if turn % 2 else DARK) for turn, at_ms in enumerate(lamps_ms)]
    comes = [(at_ms + echo_ms, message) for at_ms, message in sent if echo_ms is not None]
    for down_ms, up_ms in feet_ms:
        comes += [(down_ms, LIT), (up_ms, DARK)]
    echoes, switch = Echoes(), switch_for(binding_of(control="cc 80", tap="toggle", pressed=127, released=0))
    down, presses = False, 0
    happens = [(at_ms, 0, message) for at_ms, message in sent] + [
        (at_ms, 1, message) for at_ms, message in comes
    ]
    for at_ms, is_in, message in sorted(happens):
        at_ns = at_ms * 1_000_000
        if not is_in:
            echoes.sent(message, at_ns)
            continue
        if echoes.is_echo(message, at_ns):
            continue
        before = echoes.press_before(message, at_ns)
        for each, each_ns in (*([before] if before else []), (message, at_ns)):
            for edge in switch.moved_to(each[2] / 127, Ns(each_ns)):
                presses += edge.motion is Motion.PRESS and not down
                down = edge.motion is Motion.PRESS
    return presses


@given(
    gaps=st.lists(st.integers(40, 900), min_size=1, max_size=40),
    feet=st.lists(st.tuples(st.integers(200, 1500), st.integers(60, 400)), max_size=12),
    echo_ms=st.one_of(st.none(), st.integers(0, 15)),
)
def test_no_press_is_lost_to_a_lamp_on_the_same_message_and_none_comes_of_its_echo(
    gaps: list[int], feet: list[tuple[int, int]], echo_ms: int | None
) -> None:
    lamps_ms = list(itertools.accumulate(gaps))
    feet_ms, now_ms = [], 0
    for rest_ms, held_ms in feet:
        feet_ms.append((now_ms + rest_ms, now_ms + rest_ms + held_ms))
        now_ms += rest_ms + held_ms
    if echo_ms is None:
        # Two edges of a foot in a row, each just after the same message of a lamp: nothing tells them from echoes.
        edges = [(at_ms, lit) for foot in feet_ms for at_ms, lit in zip(foot, (1, 0), strict=True)]
        beside = [any(0 <= at_ms - lamp_ms <= 20 for lamp_ms in lamps_ms[lit::2]) for at_ms, lit in edges]
        assume(not any(both == (True, True) for both in pairwise(beside)))
    assert presses_heard(lamps_ms=lamps_ms, feet_ms=feet_ms, echo_ms=echo_ms) == len(feet_ms)
