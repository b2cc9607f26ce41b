"""What a kind of preamp says, whatever it takes for a number."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from rigd.control.preamps import Preamps
from rigd.model.gain import PreampSetting
from rigd.model.units import Ns


def said(value: Any) -> PreampSetting:
    return PreampSetting(
        preamp="desk", socket=1, parameter="phantom", value=value, confirmed=True, at_ns=Ns(0)
    )


@pytest.mark.parametrize(
    ("value", "heard"), [(True, 1.0), (False, 0.0), (3, 3.0), (-12.5, -12.5), (None, None)]
)
def test_a_number_is_a_number_and_a_switch_one_too(value: Any, heard: float | None) -> None:
    posted: list[Any] = []
    Preamps([], posted.append).preamp_setting(said(value))
    (setting,) = posted
    assert setting.value == heard and type(setting.value) is type(heard)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_passed_by_and_logged(value: float, caplog: pytest.LogCaptureFixture) -> None:
    posted: list[Any] = []
    with caplog.at_level(logging.ERROR):
        Preamps([], posted.append).preamp_setting(said(value))
    assert posted == [] and "[preamp.desk] socket 1" in caplog.text
