"""What is said to a desk and when, with the clock in the test's hand."""

from __future__ import annotations

import itertools

from rigd.model.gain import GAIN, WISH_S, PreampAbilities, PreampSetting, PreampStatus
from rigd.model.units import NS_PER_SECOND, Ns
from rigd.preamps.follower import PACING_NS, SILENCE_NS, SUBSCRIBE_NS
from rigd.preamps.held_setting import CONFIRM_NS
from rigd.preamps.osc_desk.talk import DeskTalk
from rigd.preamps.x32.preamp import ABILITIES, X32_DIALECT
from rigd.wire.osc import decode_packet, encode_message

WISH_NS = round(WISH_S * NS_PER_SECOND)


class Bench:
    """A talk, a clock and a desk that answers only what the test lets it."""

    def __init__(self, *sockets: int) -> None:
        self.now = Ns(1_000_000_000)
        self.settings: list[PreampSetting] = []
        self.statuses: list[PreampStatus] = []
        self.gains = dict.fromkeys(sockets, 0.0)
        self.talk = DeskTalk(
            name="desk",
            kind="x32",
            place="here",
            dialect=X32_DIALECT,
            abilities={socket: {GAIN: ABILITIES[GAIN]} for socket in sockets},
            sink=self,
            now=self.now,
        )

    wish_s = WISH_S

    def preamp_abilities(self, abilities: PreampAbilities) -> None:
        pass

    def preamp_setting(self, setting: PreampSetting) -> None:
        self.settings.append(setting)

    def preamp_status(self, status: PreampStatus) -> None:
        self.statuses.append(status)

    def run(self, for_ns: int, *, answering: bool) -> list[str]:
        """The addresses sent within that time; the desk answers queries at once or not at all."""
        sent, end = [], self.now + for_ns
        while self.now < end:
            self.talk.follower.tick(self.now)
            packet = self.talk.next_packet(self.now)
            if packet:
                (message,) = decode_packet(packet)
                sent.append(message.address)
                if answering:
                    self.answer(packet)
            pause = self.talk.follower.pause_ns(self.now)
            assert packet or pause > 0, "it must not spin"
            self.now = Ns(min(end, self.now + pause))
        return sent

    def answer(self, packet: bytes) -> None:
        (message,) = decode_packet(packet)
        for socket in self.gains:
            if message.address == X32_DIALECT.address(socket, GAIN):
                if message.arguments:
                    value = X32_DIALECT.value(GAIN, message)
                    assert value is not None
                    self.gains[socket] = value
                else:
                    self.talk.heard(X32_DIALECT.order(socket, GAIN, self.gains[socket]), self.now)
        if message.address == "/info":
            self.talk.heard(encode_message("/info", "V2.07", "X32"), self.now)


def test_a_desk_that_answers_is_subscribed_to_first_and_again_every_eight_seconds() -> None:
    bench = Bench(1)
    sent = bench.run(20_000_000_000, answering=True)
    assert sent[:3] == ["/info", "/xremote", "/headamp/000/gain"]
    assert sent.count("/xremote") == 1 + 20_000_000_000 // SUBSCRIBE_NS


def test_a_desk_that_comes_back_is_subscribed_to_at_once() -> None:
    bench = Bench(1)
    bench.run(1_000_000_000, answering=True)
    silent = bench.run(SILENCE_NS * 2, answering=False)
    assert "/xremote" not in silent
    assert bench.statuses[-1].answering is False
    back = bench.run(2_000_000_000, answering=True)
    assert back[:3] == ["/info", "/xremote", "/headamp/000/gain"]
    assert bench.statuses[-1].answering is True


def test_what_may_have_been_dropped_is_read_again_once_and_no_wish_waits_for_it() -> None:
    bench = Bench(1, 2, 3)
    bench.run(3 * PACING_NS + SILENCE_NS, answering=True)
    bench.gains[2] = 24.0  # nobody told
    bench.talk.follower.read_again()
    bench.talk.follower.ask(3, GAIN, 6.0, bench.now)
    sent = bench.run(8 * PACING_NS, answering=True)
    gains = [address for address in sent if address.endswith("/gain")]
    assert gains[:2] == ["/headamp/002/gain"] * 2, "the wish, and what came of it"
    assert set(gains[2:]) == {"/headamp/000/gain", "/headamp/001/gain"}
    assert (bench.settings[-1].socket, bench.settings[-1].value) == (2, 24.0)


def test_lateness_is_told_after_250_ms_and_once() -> None:
    bench = Bench(1)
    bench.run(1_000_000_000, answering=True)
    asked = bench.now
    bench.talk.follower.ask(1, GAIN, 3.0, asked)
    bench.run(1_000_000_000, answering=False)
    late = [setting for setting in bench.settings if not setting.confirmed]
    assert [(setting.value, setting.at_ns - asked) for setting in late] == [(0.0, CONFIRM_NS)]


def test_packets_are_paced_however_much_there_is_to_say() -> None:
    bench = Bench(*range(1, 65))
    bench.run(100_000_000, answering=True)
    for socket in range(1, 65):
        bench.talk.follower.ask(socket, GAIN, 60.0, bench.now)
    sent = bench.run(1_000_000_000, answering=True)
    assert len(sent) <= 1_000_000_000 // PACING_NS + 1
    bench.run(64 * 11 * 2 * PACING_NS, answering=True)
    assert set(bench.gains.values()) == {60.0}


def test_an_idle_talk_speaks_twice_a_second() -> None:
    bench = Bench(*range(1, 33))
    bench.run(3_000_000_000, answering=True)
    assert len(bench.run(10_000_000_000, answering=True)) <= 22


def test_a_desk_that_is_lost_is_said_once_and_each_setting_is_confirmed_again_later() -> None:
    bench = Bench(1)
    bench.run(1_000_000_000, answering=True)
    bench.run(SILENCE_NS * 2, answering=False)
    bench.run(3_000_000_000, answering=True)
    assert [(setting.value, setting.confirmed) for setting in bench.settings] == [(0.0, True), (0.0, True)]
    assert [status.answering for status in bench.statuses] == [True, False, True], (
        "the status says it for all"
    )


def test_a_hand_at_the_desk_during_a_climb_does_not_stop_it() -> None:
    bench = Bench(1)
    bench.run(1_000_000_000, answering=True)
    bench.talk.follower.ask(1, GAIN, 30.0, bench.now)
    bench.run(50_000_000, answering=True)
    bench.gains[1] = -3.0
    bench.talk.heard(X32_DIALECT.order(1, GAIN, -3.0), bench.now)
    bench.run(3_000_000_000, answering=True)
    assert bench.gains[1] == 30.0
    steps = [setting.value for setting in bench.settings]
    assert max(later - before for before, later in itertools.pairwise(steps)) <= 6.0


def test_an_order_to_a_desk_that_is_away_is_given_up_after_its_time_and_never_sent() -> None:
    bench = Bench(1)
    bench.run(1_000_000_000, answering=True)
    bench.run(SILENCE_NS * 2, answering=False)
    bench.talk.follower.ask(1, GAIN, 30.0, bench.now)
    bench.run(WISH_NS - 100_000_000, answering=False)
    assert not any(setting.given_up for setting in bench.settings)
    bench.run(200_000_000, answering=False)
    last = bench.settings[-1]
    assert (last.value, last.confirmed, last.given_up) == (0.0, False, True)
    bench.run(20_000_000_000, answering=True)
    assert bench.gains[1] == 0.0
    assert (bench.settings[-1].value, bench.settings[-1].confirmed) == (0.0, True)


def test_an_order_to_a_desk_that_was_never_there_is_given_up_and_told_all_the_same() -> None:
    bench = Bench(1)
    bench.talk.follower.ask(1, GAIN, 30.0, bench.now)
    bench.run(WISH_NS + 500_000_000, answering=False)
    assert [(setting.value, setting.given_up) for setting in bench.settings] == [(None, True)]
    bench.run(3_000_000_000, answering=True)
    assert bench.gains[1] == 0.0


def test_a_desk_that_is_back_in_time_is_given_what_was_asked_for() -> None:
    bench = Bench(1)
    bench.run(1_000_000_000, answering=True)
    bench.run(SILENCE_NS * 2, answering=False)
    bench.talk.follower.ask(1, GAIN, 6.0, bench.now)
    bench.run(WISH_NS - 2_000_000_000, answering=False)
    bench.run(3_000_000_000, answering=True)
    assert bench.gains[1] == 6.0
