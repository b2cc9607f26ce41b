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
