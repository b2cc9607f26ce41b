"""The levels that `rigd init` shows: each input is in sight, in a terminal of any size."""

from __future__ import annotations

import os
import re

import pytest

from rigd.cli.input_levels import drawn


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 20), (120, 40), (20, 24)])
@pytest.mark.parametrize("inputs", [1, 2, 8, 32, 64])
def test_each_input_is_in_sight_with_its_number_and_level(size: tuple[int, int], inputs: int) -> None:
    columns, lines = size
    shown = drawn([-float(number % 50) for number in range(inputs)], os.terminal_size(size))
    assert max(map(len, shown)) <= columns
    if inputs <= 32 or columns > 20:
        assert len(shown) <= lines - 2
    numbers = re.findall(r"(?:^|   ) *(\d+) [#. ]*(?:-?\d+|-)(?: dBFS)?", "\n".join(shown), re.M)
    assert sorted(map(int, numbers)) == list(range(1, inputs + 1))


def test_a_few_inputs_have_a_meter_and_what_is_silent_says_so() -> None:
    assert drawn([-30.0, -90.0], os.terminal_size((80, 24))) == [
        "  1 ##########..........   -30 dBFS     2 ....................     silent"
    ]
