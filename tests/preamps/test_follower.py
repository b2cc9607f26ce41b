"""Whatever a device says in whatever order, it is what is shown; and a wish comes true or is given up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.model.gain import WISH_S, PreampSetting, PreampStatus
from rigd.model.take import Parameter
from rigd.model.units import Ns
from rigd.preamps.follower import LARGEST_STEP_DB, MS, Follower, Probe, Read, Subscribe, Write
from rigd.preamps.x32.preamp import ABILITY

pytestmark = pytest.mark.slow
GAIN: Parameter = "gain_db"
SECOND_NS = 1_000 * MS
GAINS = st.integers(-24, 120).map(lambda steps: steps / 2)


class Device:
    """A device with one gain, on a line that loses and delays, and the follower of it. The test has the clock."""

    def __init__(self) -> None:
        self.now = Ns(SECOND_NS)
        self.gain = 0.0
        self.is_there = True
        self.loses = 0
        """So many orders are lost yet."""
        self.late: list[float] = []
        """Reports that are still under way, of whatever it was."""
        self.holds_back = False
        self.keeps_to_its_own = False
        """It answers, and does nothing of what is asked."""
        self.reported: float | None = None
        self.shown: float | None = None
        self.wished: float | None = None
        self.settings: list[PreampSetting] = []
        self.follower = Follower(
            name="desk",
            kind="test",
            called="desk",
            place="here",
            ability=ABILITY,
            held=[(1, GAIN)],
            sink=self,
            now=self.now,
        )

    wish_s = WISH_S

    def preamp_setting(self, setting: PreampSetting) -> None:
        self.settings.append(setting)
        self.shown = setting.value

    def preamp_status(self, status: PreampStatus) -> None:
        pass

    def wish(self, gain: float) -> None:
        self.settings.clear()
        self.wished = gain
        self.follower.ask(1, GAIN, gain, self.now)

    def turned(self, gain: float) -> None:
        """By a hand at the device, which reports it."""
        self.gain = gain
        self.report(gain)

    def report(self, gain: float) -> None:
        if self.holds_back:
            self.late.append(gain)
        elif self.is_there:
            self.follower.answered(self.now)
            self.follower.reported(1, GAIN, gain, self.now)
            self.reported = gain

    def arrive(self, place: int) -> None:
        """One of the reports that are under way."""
        if self.late and self.is_there:
            gain = self.late.pop(place % len(self.late))
            self.follower.answered(self.now)
            self.follower.reported(1, GAIN, gain, self.now)
            self.reported = gain

    def run(self, for_ns: int) -> None:
        end = self.now + for_ns
        while self.now < end:
            self.follower.tick(self.now)
            order = self.follower.next_order(self.now)
            if order is not None:
                self.take(order)
            pause = self.follower.pause_ns(self.now)
            assert order is not None or pause > 0, "it must not spin"
            self.now = Ns(min(end, self.now + pause))

    def take(self, order: Read | Write | Probe | Subscribe) -> None:
        if not self.is_there or self.loses:
            self.loses = max(0, self.loses - 1)
            return
        match order:
            case Write(_, _, gain):
                known = self.reported if self.reported is not None else self.gain
                assert gain <= known + LARGEST_STEP_DB, "up by no more than 6 dB of what it was told"
                if not self.keeps_to_its_own:
                    self.gain = gain
            case Read():
                self.report(self.gain)
            case _:
                if not self.holds_back:
                    self.follower.answered(self.now)


events = st.lists(
    st.one_of(
        st.tuples(st.just("wish"), GAINS),
        st.tuples(st.just("turned"), GAINS),
        st.tuples(st.just("run"), st.integers(1, 3_000)),
        st.tuples(st.just("loses"), st.integers(0, 20)),
        st.tuples(st.just("there"), st.booleans()),
        st.tuples(st.just("holds back"), st.booleans()),
        st.tuples(st.just("keeps to its own"), st.booleans()),
        st.tuples(st.just("arrive"), st.integers(0, 9)),
        st.tuples(st.just("in doubt"), st.none()),
    ),
    max_size=25,
)


def act(device: Device, what: str, value: float) -> None:
    match what:
        case "wish":
            device.wish(value)
        case "turned":
            device.turned(value)
        case "run":
            device.run(int(value) * MS)
        case "loses":
            device.loses = int(value)
        case "there":
            device.is_there = bool(value)
        case "holds back":
            device.holds_back = bool(value)
        case "keeps to its own":
            device.keeps_to_its_own = bool(value)
        case "arrive":
            device.arrive(int(value))
        case "in doubt":
            device.follower.read_again()


@settings(max_examples=300, deadline=None)
@given(events=events)
def test_what_is_shown_is_what_the_device_said_last(events: list[tuple[str, float]]) -> None:
    device = Device()
    device.run(SECOND_NS)
    for what, value in events:
        act(device, what, value)
        assert device.shown == device.reported
    assert not any(setting.confirmed and setting.value is None for setting in device.settings), (
        "nothing is confirmed that was never said"
    )


@settings(max_examples=300, deadline=None)
@given(events=events)
def test_a_wish_comes_true_or_is_given_up_and_both_are_said(events: list[tuple[str, float]]) -> None:
    device = Device()
    for what, value in events:
        act(device, what, value)
    wished_before = device.wished
    device.is_there, device.holds_back, device.loses = True, False, 0
    device.late.clear()
    device.run(30 * SECOND_NS)
    if wished_before is None:
        return
    assert device.settings, "something is said of every wish"
    last = device.settings[-1]
    gave_up = any(setting.given_up for setting in device.settings)
    came_true = any(setting.confirmed and setting.value == wished_before for setting in device.settings)
    assert gave_up or came_true
    assert (last.value, last.confirmed) == (device.gain, True), "a hand may have turned it since"
    device.keeps_to_its_own = False
    device.wish(17.5)
    device.run(30 * SECOND_NS)
    last = device.settings[-1]
    assert (device.gain, last.value, last.confirmed) == (17.5, 17.5, True), "and the next one comes true"
