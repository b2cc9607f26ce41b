"""A switch is heard at 64; a sensor that wavers there is not, and one that is pressed is heard once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.hands.surface import Motion
from rigd.surfaces.midi.controls import touches_in
from rigd.surfaces.midi.switch_sense import MOST_CONTROLS, SwitchSense

P, R = Motion.PRESS, Motion.RELEASE


def switches(values: Sequence[int], sense: SwitchSense | None = None) -> list[Motion]:
    """What counts of a controller that sends these values."""
    sense = sense or SwitchSense()
    touches = [touch for value in values for touch in touches_in(bytes((0xB0, 11, value)))]
    return [touch.motion for touch in touches if sense.counts(touch) and touch.motion is not Motion.ABSOLUTE]


@pytest.mark.parametrize(
    ("values", "heard"),
    [
        ([127, 0, 127, 0], [P, R, P, R]),
        ([127, 127, 127], [P, P, P]),
        ([0, 64, 0, 64, 0], [R, P, R, P, R]),
        ([100, 0, 100], [P, R, P]),
        ([40, 90, 40], [R, P, R]),
    ],
)
def test_a_switch_of_two_values_is_heard_at_each_press(values: list[int], heard: list[Motion]) -> None:
    assert switches(values) == heard


SLOWLY = [10, 25, 40, 52, 58, 62, 63, 64, 63, 64, 65, 63, 62, 64, 66, 64, 63, 65, 68, 75, 90, 110, 127]


def test_one_slow_step_on_a_sensor_is_one_press_and_one_release() -> None:
    sense = SwitchSense()
    heard = [motion for motion in switches(SLOWLY, sense) if motion is P]
    assert heard == [P]
    back = switches(SLOWLY[::-1], sense)
    assert back[0] is R and P not in back


@given(st.lists(st.integers(49, 79), min_size=1, max_size=200))
def test_a_sensor_that_wavers_about_the_threshold_is_no_foot(values: list[int]) -> None:
    known = SwitchSense()
    switches(SLOWLY + SLOWLY[::-1], known)
    assert P not in switches(values, known), "one that was pressed before"
    # A sensor tells changes.
    wavering = [value for value, _ in itertools.groupby(64 + (value - 64) // 3 for value in values)]
    assert P not in switches(wavering), "one that nobody has heard of"


@pytest.mark.parametrize("rest", [[0, 1, 0, 2, 1, 0], [127, 126, 127, 125, 127], [40, 44, 41, 39]])
def test_a_sensor_that_wavers_where_it_rests_is_no_foot_either(rest: list[int]) -> None:
    """To a latching switch every message is a press, the release too."""
    known = SwitchSense()
    switches(SLOWLY + SLOWLY[::-1], known)
    switches(rest[:1], known)
    assert switches(rest[1:] * 3, known) == []


def test_notes_and_programs_always_count() -> None:
    sense = SwitchSense()
    for message in ("903C40", "803C00", "C003"):
        assert all(sense.counts(touch) for touch in touches_in(bytes.fromhex(message)))


def test_rubbish_that_names_every_control_leaves_little_behind() -> None:
    sense = SwitchSense()
    for channel in range(16):
        for number in range(128):
            for touch in touches_in(bytes((0xB0 | channel, number, 100))):
                sense.counts(touch)
    assert len(sense._shown) == MOST_CONTROLS
