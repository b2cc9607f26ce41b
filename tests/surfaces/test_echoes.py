"""A pedal's echo of a lamp is no foot; and a pedal that never echoes loses no press to a lamp that blinks."""

from __future__ import annotations

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
    assert not echoes.is_echo(DARK, 2 * 10**9 + ECHO_NS + 1)
    assert echoes.press_before(DARK, 2 * 10**9 + ECHO_NS + 1) is None, "late, but an echo"
