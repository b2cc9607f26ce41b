"""X32 and X Air preamps against a desk that answers on a real UDP port of this machine."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import ValidationError

from hardware_sim.storms import Storm, osc_message
from hardware_sim.x32 import SimulatedX32
from rigd.model.errors import PreampError
from rigd.model.gain import WISH_S, PreampAbilities, PreampSetting, PreampStatus
from rigd.preamps.osc_desk.flood_guard import BURST
from rigd.preamps.x32.preamp import X32Preamp, X32Settings, XAirPreamp, XAirSettings
from tests.support.patience import wait_for


class Told:
    """A sink that keeps all it is told."""

    def __init__(self) -> None:
        self.settings: list[PreampSetting] = []
        self.statuses: list[PreampStatus] = []
        self.abilities: list[PreampAbilities] = []

    wish_s = WISH_S

    def preamp_abilities(self, abilities: PreampAbilities) -> None:
        self.abilities.append(abilities)

    def preamp_setting(self, setting: PreampSetting) -> None:
        self.settings.append(setting)

    def preamp_status(self, status: PreampStatus) -> None:
        self.statuses.append(status)

    def latest(self, socket: int, parameter: str = "gain") -> tuple[float, bool] | None:
        found = [s for s in list(self.settings) if (s.socket, s.name) == (socket, parameter)]
        return (found[-1].value, found[-1].confirmed) if found else None

    def answering(self) -> bool | None:
        return self.statuses[-1].answering if self.statuses else None


@contextmanager
def following(desk: SimulatedX32, *sockets: int, known: bool = True) -> Iterator[tuple[X32Preamp, Told]]:
    told = Told()
    if desk.make.name == "X32":
        preamp = X32Preamp("desk", X32Settings(host=desk.host, port=desk.port), sockets, told)
    else:
        preamp = XAirPreamp("desk", XAirSettings(host=desk.host, port=desk.port), sockets, told)
    preamp.start()
    try:
        if known:
            wait_for(
                lambda: all(told.latest(socket, word) for socket in sockets for word in ("gain", "phantom"))
            )
        yield preamp, told
    finally:
        preamp.stop()


def orders(desk: SimulatedX32, address: str) -> list[object]:
    return [heard.arguments[0] for heard in desk.heard if heard.address == address and heard.arguments]


def test_it_reads_every_socket_in_use_and_no_other_when_it_finds_the_desk() -> None:
    with SimulatedX32() as desk:
        desk.turn(1, 30.0)
        desk.turn(40, -12.0)
        desk.switch_phantom(40, on=True)
        with following(desk, 1, 40) as (_, told):
            assert told.latest(1) == (30.0, True)
            assert told.latest(40) == (-12.0, True)
            assert told.latest(1, "phantom") == (0.0, True)
            assert told.latest(40, "phantom") == (1.0, True)
            assert told.answering() is True
            assert {setting.socket for setting in told.settings} == {1, 40}


def test_a_gain_that_is_asked_for_is_set_on_the_desk_and_confirmed_by_it() -> None:
    with SimulatedX32() as desk, following(desk, 7) as (preamp, told):
        preamp.request(7, "gain", 4.3)
        wait_for(lambda: told.latest(7) == (4.5, True))
        assert desk.gain_db(7) == 4.5
        assert orders(desk, "/headamp/006/gain") == [pytest.approx((4.5 + 12) / 72)]


def test_phantom_power_goes_out_as_an_int_and_comes_back_confirmed() -> None:
    with SimulatedX32() as desk, following(desk, 2) as (preamp, told):
        preamp.request(2, "phantom", 1.0)
        wait_for(lambda: told.latest(2, "phantom") == (1.0, True))
        assert desk.phantom(2)
        assert orders(desk, "/headamp/001/phantom") == [1]
        assert isinstance(orders(desk, "/headamp/001/phantom")[0], int)


def test_an_x_air_is_spoken_to_in_its_own_numbers() -> None:
    with SimulatedX32(make="xair") as desk, following(desk, 1, 16) as (preamp, told):
        preamp.request(16, "gain", 6.0)
        wait_for(lambda: told.latest(16) == (6.0, True))
        assert desk.gain_db(16) == 6.0
        assert orders(desk, "/headamp/16/gain")
        assert "XR18" in told.statuses[-1].detail


def test_what_a_person_turns_at_the_desk_is_followed() -> None:
    with SimulatedX32() as desk, following(desk, 3) as (_, told):
        wait_for(lambda: desk.clients() == 1)
        asked_before = len(desk.heard)
        desk.turn(3, 22.5)
        desk.switch_phantom(3, on=True)
        wait_for(lambda: told.latest(3) == (22.5, True) and told.latest(3, "phantom") == (1.0, True))
        assert len(desk.heard) - asked_before < 20, "it was pushed, not found by asking all the time"


def test_a_push_that_was_lost_is_found_by_reading_again() -> None:
    with SimulatedX32() as desk, following(desk, 3) as (_, told):
        wait_for(lambda: desk.clients() == 1)
        desk.forget_clients()
        desk.turn(3, 17.0)
        wait_for(lambda: told.latest(3) == (17.0, True))


def test_a_large_jump_up_is_climbed_in_steps_of_six_db_and_down_is_done_at_once() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        desk.turn(1, 0.0)
        wait_for(lambda: told.latest(1) == (0.0, True))
        preamp.request(1, "gain", 40.0)
        wait_for(lambda: told.latest(1) == (40.0, True))
        climbed = [round(-12 + 72 * float(str(value)), 1) for value in orders(desk, "/headamp/000/gain")]
        assert climbed == [6.0, 12.0, 18.0, 24.0, 30.0, 36.0, 40.0]
        preamp.request(1, "gain", -12.0)
        wait_for(lambda: told.latest(1) == (-12.0, True))
        assert len(orders(desk, "/headamp/000/gain")) == len(climbed) + 1


def test_the_newest_request_for_a_setting_wins() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        for gain_db in range(40):
            preamp.request(1, "gain", float(gain_db))
        preamp.request(1, "gain", 5.0)
        wait_for(lambda: told.latest(1) == (5.0, True))
        assert desk.gain_db(1) == 5.0
        assert len(orders(desk, "/headamp/000/gain")) < 5


def test_a_request_for_what_is_already_so_is_answered_too() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        preamp.request(1, "gain", 3.0)
        wait_for(lambda: told.latest(1) == (3.0, True))
        before = len(told.settings)
        preamp.request(1, "gain", 3.0)
        wait_for(lambda: len(told.settings) > before)
        assert told.latest(1) == (3.0, True)


def test_no_more_than_fifty_messages_a_second_reach_the_desk() -> None:
    sockets = tuple(range(1, 25))
    with SimulatedX32() as desk, following(desk, *sockets) as (preamp, told):
        for socket in sockets:
            preamp.request(socket, "gain", 6.0)
        wait_for(lambda: all(told.latest(socket) == (6.0, True) for socket in sockets))
        stamps = [heard.at_ns for heard in desk.heard]
        in_a_second = [sum(1 for other in stamps if 0 <= other - first < 10**9) for first in stamps]
        # the desk's own thread may stamp a waiting packet late, so one second of its may hold a few more
        assert max(in_a_second) <= 60


def test_a_desk_that_does_not_answer_leaves_the_last_confirmed_gain_marked_as_such() -> None:
    with SimulatedX32() as desk:
        desk.turn(1, 12.0)
        with following(desk, 1) as (preamp, told):
            desk.faults.deaf = True
            asked_ns = time.monotonic_ns()
            preamp.request(1, "gain", 15.0)
            wait_for(lambda: told.latest(1) == (12.0, False))
            first = next(s for s in told.settings if not s.confirmed)
            assert first.at_ns - asked_ns >= 250_000_000
            wait_for(lambda: told.answering() is False)
            assert "[preamp.desk] host" in told.statuses[-1].detail
            desk.faults.deaf = False
            wait_for(lambda: told.latest(1) == (15.0, True))
            assert desk.gain_db(1) == 15.0
            assert told.answering() is True


def test_a_desk_that_returns_is_read_again_and_then_given_what_was_asked_for() -> None:
    with SimulatedX32() as desk, following(desk, 1, 2) as (preamp, told):
        desk.vanish()
        wait_for(lambda: told.answering() is False)
        preamp.request(1, "gain", 3.0)
        desk.turn(2, 9.0)
        desk.come_back()
        wait_for(lambda: told.latest(1) == (3.0, True) and told.latest(2) == (9.0, True))
        wait_for(lambda: desk.clients() == 1)
        assert told.answering() is True


@pytest.mark.parametrize("noticed", [True, False])
def test_phantom_power_asked_of_a_desk_that_is_away_is_not_switched_when_it_returns(noticed: bool) -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        desk.vanish()
        if noticed:
            wait_for(lambda: told.answering() is False)
        preamp.request(1, "phantom", 1.0)
        preamp.request(1, "gain", 4.0)
        wait_for(lambda: told.latest(1, "phantom") == (0.0, False) and told.answering() is False)
        wait_for(lambda: any(s.name == "gain" and not s.confirmed for s in told.settings))
        desk.come_back()
        wait_for(lambda: told.latest(1) == (4.0, True) and told.latest(1, "phantom") == (0.0, True))
        assert orders(desk, "/headamp/000/phantom") == []
        assert [s.given_up for s in told.settings if s.name == "phantom"].count(True) == 1
        assert not any(s.given_up for s in told.settings if s.name == "gain")


def test_a_desk_that_is_never_there_blocks_nothing_and_is_reported_with_the_cure() -> None:
    with SimulatedX32() as desk:
        desk.vanish()
        with following(desk, 1, known=False) as (preamp, told):
            preamp.request(1, "gain", 20.0)
            wait_for(lambda: told.answering() is False)
            assert told.latest(1) is None, "the desk never said what its gain is"
            assert "see that it is on" in told.statuses[-1].detail.lower()


def test_a_gain_asked_before_the_desk_was_ever_there_is_set_when_it_comes() -> None:
    with SimulatedX32() as desk:
        desk.vanish()
        with following(desk, 1, known=False) as (preamp, told):
            preamp.request(1, "gain", 20.0)
            preamp.request(1, "phantom", 1.0)
            wait_for(lambda: told.answering() is False)
            desk.come_back()
            wait_for(lambda: told.latest(1) == (20.0, True) and told.latest(1, "phantom") == (0.0, True))
            assert [(s.value, s.given_up) for s in told.settings if s.name == "phantom"] == [
                (None, True),
                (0.0, False),
            ]
            assert not desk.phantom(1)


def test_a_host_that_is_no_address_is_reported_and_stopping_still_works() -> None:
    told = Told()
    preamp = X32Preamp("desk", X32Settings(host="..", port=10_023), (1,), told)
    preamp.start()
    try:
        wait_for(lambda: told.answering() is False)
    finally:
        preamp.stop()
    assert told.latest(1) is None


def test_a_locked_desk_is_believed() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        desk.faults.locked = True
        preamp.request(1, "gain", 6.0)
        wait_for(lambda: told.latest(1) == (0.0, False))
        wait_for(lambda: told.latest(1) == (0.0, True))
        assert told.settings[-1].given_up, "the wish is no longer open"
        desk.faults.locked = False
        preamp.request(1, "gain", 6.0)
        wait_for(lambda: told.latest(1) == (6.0, True))


def test_a_slow_desk_is_unconfirmed_first_and_confirmed_when_it_answers() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        desk.faults.delay_s = 0.4
        preamp.request(1, "gain", 6.0)
        wait_for(lambda: told.latest(1) == (0.0, False))
        wait_for(lambda: told.latest(1) == (6.0, True))
        assert False not in [status.answering for status in told.statuses]


def test_an_answer_for_another_channel_confirms_nothing() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        desk.faults.wrong_channel = True
        preamp.request(1, "gain", 6.0)
        wait_for(lambda: told.latest(1) == (0.0, False))
        assert {setting.socket for setting in told.settings} == {1}
        desk.faults.wrong_channel = False
        wait_for(lambda: told.latest(1) == (6.0, True))


def test_a_line_that_loses_a_fifth_of_all_packets_still_ends_with_the_truth() -> None:
    with SimulatedX32() as desk:
        desk.faults.loss = 0.2
        with following(desk, 1, 2) as (preamp, told):
            preamp.request(1, "gain", 18.0)
            preamp.request(2, "gain", -6.0)
            wait_for(lambda: told.latest(1) == (18.0, True) and told.latest(2) == (-6.0, True))
            assert (desk.gain_db(1), desk.gain_db(2)) == (18.0, -6.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.5, 1.5, 7, "0.5", b"\0\0\0\0"])
def test_a_gain_that_cannot_be_is_ignored(value: float | str | bytes) -> None:
    with SimulatedX32() as desk, following(desk, 1) as (_, told):
        wait_for(lambda: desk.clients() == 1)
        desk.say(1, "gain", value)
        desk.turn(1, 33.0)
        wait_for(lambda: told.latest(1) == (33.0, True))
        assert {s.value for s in told.settings if s.name == "gain"} == {0.0, 33.0}


def test_garbage_from_the_desk_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    garbage = [
        b"",
        b"\0" * 4,
        b"/headamp/000/gain",
        b"/headamp/000/gain\0\0\0,f\0\0",
        b"/\xff\xfe\0",
        b"#bundle\0" * 900,
        b"x" * 9000,
        b"/headamp/000/gain\0\0\0,fff\0\0\0\0" + bytes(12),
    ]
    with SimulatedX32() as desk, following(desk, 1) as (_, told):
        wait_for(lambda: desk.clients() == 1)
        for _ in range(50):
            for packet in garbage:
                desk.send(packet)
        desk.turn(1, 11.0)
        wait_for(lambda: told.latest(1) == (11.0, True))
        assert {s.value for s in told.settings if s.name == "gain"} == {0.0, 11.0}
    (line,) = caplog.records
    assert "sends what is no OSC" in line.message


def test_what_a_flood_has_swallowed_is_found_out_behind_it() -> None:
    with SimulatedX32() as desk, following(desk, 1, 2, 3) as (_, told):
        wait_for(lambda: desk.clients() == 1)
        nothing_new = osc_message("/headamp/002/gain", 12 / 72)
        with Storm(desk.send, itertools.repeat(nothing_new), per_second=5_000) as storm:
            wait_for(lambda: storm.poured.pieces > 3 * BURST)
            for number, gain_db in ((1, 10.0), (2, 20.0)):
                desk.turn(number, gain_db)  # told to everybody, and dropped with the rest
        wait_for(lambda: told.latest(1) == (10.0, True) and told.latest(2) == (20.0, True))


def test_what_no_desk_could_do_is_refused_at_once() -> None:
    preamp = X32Preamp("desk", X32Settings(host="127.0.0.1"), (1,), Told())
    with pytest.raises(PreampError, match="nan is not a gain;"):
        preamp.request(1, "gain", math.nan)
    with pytest.raises(PreampError, match="has no pad"):
        preamp.request(1, "pad", 1.0)
    with pytest.raises(PreampError, match="has no socket 2 in use"):
        preamp.request(2, "gain", 1.0)


def test_a_gain_beyond_the_range_becomes_the_end_of_the_range() -> None:
    with SimulatedX32() as desk, following(desk, 1) as (preamp, told):
        desk.turn(1, 58.0)
        wait_for(lambda: told.latest(1) == (58.0, True))
        preamp.request(1, "gain", 400.0)
        wait_for(lambda: told.latest(1) == (60.0, True))
        preamp.request(1, "gain", -400.0)
        wait_for(lambda: told.latest(1) == (-12.0, True))


def test_starting_and_stopping_leaves_no_thread_and_no_socket() -> None:
    threads = threading.active_count()
    with SimulatedX32() as desk:
        for _ in range(20):
            with following(desk, 1, known=False):
                pass
        unstarted = X32Preamp("desk", X32Settings(host="127.0.0.1"), (1,), Told())
        unstarted.stop()
    assert threading.active_count() == threads


def test_stopping_does_not_wait_for_a_desk_that_is_away() -> None:
    with SimulatedX32() as desk:
        desk.vanish()
        with following(desk, 1, known=False) as (_, told):
            wait_for(lambda: told.answering() is False)
            begun = time.monotonic()
        assert time.monotonic() - begun < 5.0


def test_a_fault_in_rigd_itself_is_reported_and_ends_only_the_preamp(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Told):
        def preamp_setting(self, setting: PreampSetting) -> None:
            raise ZeroDivisionError("a fault in the sink")

    with SimulatedX32() as desk:
        told = Broken()
        preamp = X32Preamp("desk", X32Settings(host=desk.host, port=desk.port), (1,), told)
        preamp.start()
        try:
            wait_for(lambda: told.answering() is False)
        finally:
            preamp.stop()
        assert "Restart rigd" in told.statuses[-1].detail
    assert "a fault in the sink" in caplog.text


@pytest.mark.parametrize(
    ("settings", "within", "beyond"),
    [
        (X32Settings(host="h"), (1, 32, 33, 128), (0, 129)),
        (X32Settings(host="h", model="X32 Rack"), (16, 33), (17, 32)),
        (X32Settings(host="h", model="M32C"), (33,), (1, 32)),
        (XAirSettings(host="h"), (1, 16), (17,)),
        (XAirSettings(host="h", model="XR12"), (4,), (5,)),
    ],
)
def test_each_model_has_its_own_sockets(
    settings: X32Settings | XAirSettings, within: tuple[int, ...], beyond: tuple[int, ...]
) -> None:
    assert settings.sockets().issuperset(within)
    assert settings.sockets().isdisjoint(beyond)


def test_a_host_with_a_space_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be an address"):
        X32Settings(host="192.168.1 62")
