"""The box of eight preamps over its UDP wire: what is asked is set and confirmed by the box, and by nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from outside_kit.fourbox import FourBox, FourBoxSettings

from rigd.model.errors import PreampError
from rigd.model.gain import PreampSetting, PreampStatus
from tests.outside.far_ends import PreampBox
from tests.support.patience import wait_for


class Heard:
    """A PreampSink: the newest of each setting, and of the status."""

    def __init__(self) -> None:
        self.settings: dict[tuple[int, str], PreampSetting] = {}
        self.status: PreampStatus | None = None

    def preamp_setting(self, setting: PreampSetting) -> None:
        self.settings[setting.socket, setting.parameter] = setting

    def preamp_status(self, status: PreampStatus) -> None:
        self.status = status

    def is_confirmed(self, socket: int, parameter: str, value: float) -> bool:
        setting = self.settings.get((socket, parameter))
        return setting is not None and setting.confirmed and setting.value == value


@contextmanager
def followed(port: int, *sockets: int) -> Iterator[tuple[FourBox, Heard]]:
    heard = Heard()
    settings = FourBoxSettings.model_validate_json(json.dumps({"host": "127.0.0.1", "port": port}))
    preamp = FourBox("box", settings, sockets, heard)
    preamp.start()
    try:
        yield preamp, heard
    finally:
        preamp.stop()


@pytest.fixture
def box() -> Iterator[PreampBox]:
    with PreampBox() as box:
        yield box


def test_every_socket_in_use_is_read(box: PreampBox) -> None:
    box.turn(5, "gain_db", 21.0)
    with followed(box.port, 1, 5) as (_, heard):
        wait_for(lambda: heard.is_confirmed(5, "gain_db", 21.0) and heard.is_confirmed(1, "pad", 0.0))
        assert {socket for socket, _ in heard.settings} == {1, 5}
        assert heard.status is not None and heard.status.detail.startswith("FourBox 8 at 127.0.0.1")


def test_what_is_asked_for_is_confirmed_by_the_box_and_a_hand_at_it_is_followed(box: PreampBox) -> None:
    with followed(box.port, 1) as (preamp, heard):
        preamp.request(1, "gain_db", 20.4)
        wait_for(lambda: heard.is_confirmed(1, "gain_db", 20.0), "20 dB, in steps of 6")
        assert box.value(1, "gain_db") == 20.0
        box.turn(1, "gain_db", 3.0)
        wait_for(lambda: heard.is_confirmed(1, "gain_db", 3.0), "a hand at the box")


def test_48_v_of_one_is_48_v_of_its_four_and_each_of_them_says_so(box: PreampBox) -> None:
    with followed(box.port, 4, 5, 8) as (preamp, heard):
        wait_for(lambda: len(heard.settings) == 9)
        preamp.request(5, "phantom", 1.0)
        wait_for(lambda: heard.is_confirmed(5, "phantom", 1.0) and heard.is_confirmed(8, "phantom", 1.0))
        assert heard.is_confirmed(4, "phantom", 0.0)


def test_a_locked_panel_is_believed(box: PreampBox) -> None:
    box.takes = False
    with followed(box.port, 1) as (preamp, heard):
        wait_for(lambda: heard.is_confirmed(1, "pad", 0.0))
        preamp.request(1, "pad", 1.0)
        wait_for(lambda: heard.settings[1, "pad"].given_up, "it is given up, and said")
        assert heard.is_confirmed(1, "pad", 0.0)


def test_a_box_that_is_away_is_reported_and_blocks_nothing() -> None:
    with PreampBox() as box:
        port = box.port
    with followed(port, 1) as (_, heard):
        wait_for(lambda: heard.status is not None and not heard.status.answering)


def test_what_it_does_not_have_is_refused_at_once(box: PreampBox) -> None:
    with followed(box.port, 1) as (preamp, _):
        for parameter, value in (("polarity", 1.0), ("gain_db", float("nan"))):
            with pytest.raises(PreampError, match="box"):
                preamp.request(1, parameter, value)  # type: ignore[arg-type]
