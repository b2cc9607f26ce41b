"""The box of eight preamps over its UDP wire: what every preamp is put through, and its 48 V by fours."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from outside_kit.fourbox import LOW_CUT, FourBox, FourBoxSettings

from rigd.model.gain import PHANTOM
from tests.outside.far_ends import PreampBox
from tests.preamps.contract import Bench, PreampContract
from tests.support.patience import wait_for

SOCKETS = (4, 5, 8)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with PreampBox() as box:
        settings = FourBoxSettings.model_validate_json(json.dumps({"host": "127.0.0.1", "port": box.port}))
        yield Bench(device=box, make=lambda sink: FourBox("box", settings, SOCKETS, sink), sockets=SOCKETS)


@pytest.mark.slow
class TestFourBox(PreampContract):
    pass


def test_48_v_of_one_is_48_v_of_its_four_and_each_of_them_says_so(bench: Bench) -> None:
    with bench.following() as (preamp, sink):
        preamp.request(5, PHANTOM, 1.0)
        wait_for(lambda: sink.is_confirmed(5, PHANTOM, 1.0) and sink.is_confirmed(8, PHANTOM, 1.0))
        assert sink.is_confirmed(4, PHANTOM, 0.0)


def test_a_setting_that_rigd_never_knew_has_the_box_s_own_words(bench: Bench) -> None:
    with bench.following() as (preamp, sink):
        ability = sink.abilities[4][LOW_CUT]
        assert ability.form == "off, 80 Hz, 120 Hz"
        preamp.request(4, LOW_CUT, ability.value_of("80 Hz"))
        wait_for(lambda: sink.is_confirmed(4, LOW_CUT, 1.0))
