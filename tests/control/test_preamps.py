"""What a kind of preamp says, whatever it takes for a number."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from rigd.control.preamps import Preamps
from rigd.model.gain import GAIN, PAD, Ability, PreampAbilities, PreampSetting, SettingKind
from rigd.model.limits import MOST_SETTINGS
from rigd.model.units import Ns, SettingName

LOW_CUT = SettingName("low_cut")


def said(value: Any) -> PreampSetting:
    return PreampSetting(preamp="desk", socket=1, name="phantom", value=value, confirmed=True, at_ns=Ns(0))


@pytest.mark.parametrize(
    ("value", "heard"), [(True, 1.0), (False, 0.0), (3, 3.0), (-12.5, -12.5), (None, None)]
)
def test_a_number_is_a_number_and_a_switch_one_too(value: Any, heard: float | None) -> None:
    posted: list[Any] = []
    Preamps([], posted.append).preamp_setting(said(value))
    (setting,) = posted
    assert setting.value == heard and type(setting.value) is type(heard)


def test_what_a_channel_has_no_room_for_is_passed_by_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    switch = Ability(kind=SettingKind.SWITCH)
    many = {SettingName(f"setting_{n}"): switch for n in range(MOST_SETTINGS + 2)}
    wordy = Ability(kind=SettingKind.CHOICE, choices=tuple(f"{n:030} Hz" for n in range(30)))
    wrong = Ability(kind=SettingKind.DB)
    posted: list[Any] = []
    with caplog.at_level(logging.ERROR):
        Preamps([], posted.append).preamp_abilities(
            PreampAbilities(preamp="card", abilities={1: many, 2: {LOW_CUT: wordy, GAIN: wrong, PAD: switch}})
        )
    (fact,) = posted
    assert len(fact.abilities[1]) == MOST_SETTINGS and fact.abilities[2] == {PAD: switch}
    assert (
        "[preamp.card] socket 2" in caplog.text and "gain: 0 to 0 dB in steps of 0 is no range" in caplog.text
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_passed_by_and_logged(value: float, caplog: pytest.LogCaptureFixture) -> None:
    posted: list[Any] = []
    with caplog.at_level(logging.ERROR):
        Preamps([], posted.append).preamp_setting(said(value))
    assert posted == [] and "[preamp.desk] socket 1" in caplog.text
