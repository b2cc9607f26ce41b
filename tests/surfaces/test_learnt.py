"""What was moved, from all that was heard: neighbours that nobody touched, messages that belong together, doubts."""

from __future__ import annotations

import pytest

from rigd.surfaces.midi.learnt import ControlListener, Kind, MovedControl, judge

MS = 1_000_000


def heard(*told: str, until_ms: int = 3000, port: int = 0) -> tuple[ControlListener, MovedControl | None]:
    """Of messages "milliseconds: bytes"."""
    listener = ControlListener()
    for each in told:
        at_ms, _, message = each.partition(": ")
        listener.hear(bytes.fromhex(message), int(at_ms) * MS, port=port)
    return listener, listener.verdict(until_ms * MS)


WAVERS = [f"{at_ms}: B00B{0x40 + at_ms // 50 % 4:02X}" for at_ms in range(0, 900, 50)]


def test_a_control_that_only_wavers_is_nothing_that_was_moved() -> None:
    listener, verdict = heard(*WAVERS)
    assert verdict is None
    assert listener.wavering == "cc 11 ch 1"


def test_a_wavering_neighbour_does_not_start_the_second_in_which_all_is_heard() -> None:
    told = [*WAVERS, "2000: B0507F", "2100: B05000"]
    assert heard(*told, until_ms=2500)[1] is None
    verdict = heard(*told, until_ms=3001)[1]
    assert verdict is not None and verdict.control == "cc 80 ch 1"


def test_a_device_that_sends_the_same_all_the_time_is_not_pressed() -> None:
    listener, verdict = heard(*(f"{at_ms}: B0117F" for at_ms in range(0, 900, 100)))
    assert verdict is None and listener.wavering == "cc 17 ch 1"


def test_nothing_is_decided_before_a_second_of_everything() -> None:
    told = ["0: C005", "700: B0507F", "800: B05000"]
    assert heard(*told, until_ms=999)[1] is None
    verdict = heard(*told, until_ms=1000)[1]
    assert verdict is not None and verdict.control == "cc 80 ch 1", "the one that tells its release"


def test_a_bank_alone_is_a_control_like_others() -> None:
    verdict = heard("0: B0007F", "150: B00000")[1]
    assert verdict is not None and (verdict.control, verdict.kind) == ("cc 0 ch 1", Kind.SWITCH)


def test_a_bank_on_another_channel_belongs_to_no_program() -> None:
    verdict = heard("0: B1007F", "150: B10000", "300: C005")[1]
    assert verdict is not None and verdict.control == "cc 0 ch 2"


def test_of_two_ports_that_bring_the_same_the_first_is_meant() -> None:
    listener = ControlListener()
    for port in (1, 0):
        listener.hear(bytes.fromhex("C005"), 0, port=port)
    verdict = listener.verdict(2000 * MS)
    assert verdict is not None and verdict.port == 0


@pytest.mark.parametrize(
    ("values", "kind", "mode", "is_sure"),
    [
        ([(0, 127)], Kind.PRESSES, "latching", False),
        ([(0, 127), (1500, 127)], Kind.PRESSES, "trigger", True),
        ([(0, 127), (1500, 0)], Kind.PRESSES, "latching", True),
        ([(0, 127), (900, 0), (3000, 127), (3100, 0)], Kind.SWITCH, "momentary", True),
        ([(0, 127), (1000, 0), (1100, 127)], Kind.SWITCH, "momentary", True),
        ([(0, 8), (20, 60), (40, 127)], Kind.SWITCH, "momentary", False),
    ],
)
def test_a_pedal_is_what_its_values_and_times_say(
    values: list[tuple[int, int]], kind: Kind, mode: str, is_sure: bool
) -> None:
    found = judge("cc 64 ch 1", [(at_ms * MS, value) for at_ms, value in values], number=64)
    assert (found.kind, found.mode, found.is_sure) == (kind, mode, is_sure)


def test_a_rest_that_was_told_first_is_no_press() -> None:
    found = judge("cc 64 ch 1", [(0, 127), (1000 * MS, 0), (1120 * MS, 127)], number=64)
    assert (found.pressed, found.released) == (0, 127)


def test_what_is_kept_is_bounded() -> None:
    listener = ControlListener()
    for place in range(5000):
        listener.hear(bytes((0xB0, 11, place % 128)), place * MS)
    (track,) = listener._tracks.values()
    assert len(track.values) <= 514
