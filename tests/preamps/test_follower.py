"""Whatever a device says in whatever order, it is what is shown; and a wish comes true or is given up."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.model.gain import GAIN, PHANTOM, Abilities, Ability, ReadBack, SettingKind
from rigd.model.units import SettingName
from rigd.preamps.follower import PACING_NS
from rigd.preamps.held_setting import MS
from rigd.preamps.x32.preamp import ABILITIES
from tests.preamps.paper_device import SECOND_NS, THE_GAIN, Key, PaperDevice

pytestmark = pytest.mark.slow
GAINS = st.integers(-24, 120).map(lambda steps: steps / 2)
LOW_CUT, PAD = SettingName("low_cut"), SettingName("pad")
CARD: Abilities = {
    GAIN: Ability(kind=SettingKind.DB, min_db=0.0, max_db=69.0, step_db=1.0, settle_ms=100),
    PHANTOM: Ability(kind=SettingKind.SWITCH, group=(1, 2, 3, 4), confirm=True),
    LOW_CUT: Ability(kind=SettingKind.CHOICE, choices=("off", "80 Hz", "120 Hz"), read_back=ReadBack.POLL),
    PAD: Ability(kind=SettingKind.SWITCH),
}
"""Phantom in fours, a low cut that has to be asked for, a gain that takes its time."""
KEYS: list[Key] = [(socket, name) for socket in (1, 2, 3) for name in CARD]

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
whole_events = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["wish", "turned", "turned unsaid"]), st.sampled_from(KEYS), st.integers(0, 69)
        ),
        st.tuples(st.just("run"), st.just(KEYS[0]), st.integers(1, 3_000)),
        st.tuples(st.just("loses"), st.just(KEYS[0]), st.integers(0, 20)),
        st.tuples(
            st.sampled_from(["there", "keeps to its own", "in doubt"]), st.just(KEYS[0]), st.integers(0, 1)
        ),
        st.tuples(st.sampled_from(["holds back", "arrive"]), st.just(KEYS[0]), st.integers(0, 9)),
    ),
    max_size=25,
)


def act(device: PaperDevice, what: str, value: float, key: Key = THE_GAIN) -> None:
    match what:
        case "wish":
            device.wish(device.abilities[key[0]][key[1]].quantise(value), key)
        case "turned":
            device.turned(device.abilities[key[0]][key[1]].quantise(value), key)
        case "turned unsaid":
            device.turned(device.abilities[key[0]][key[1]].quantise(value), key, pushed=False)
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
    device = PaperDevice()
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
    device = PaperDevice()
    wished: float | None = None
    for what, value in events:
        act(device, what, value)
        wished = value if what == "wish" else wished
    device.is_there, device.holds_back, device.loses = True, False, 0
    device.late.clear()
    device.run(30 * SECOND_NS)
    if wished is None:
        return
    assert device.settings, "something is said of every wish"
    last = device.settings[-1]
    gave_up = any(setting.given_up for setting in device.settings)
    came_true = any(setting.confirmed and setting.value == wished for setting in device.settings)
    assert gave_up or came_true
    assert (last.value, last.confirmed) == (device.values[THE_GAIN], True), "a hand may have turned it since"
    device.keeps_to_its_own = False
    device.wish(17.5)
    device.run(30 * SECOND_NS)
    last = device.settings[-1]
    assert (device.values[THE_GAIN], last.value, last.confirmed) == (17.5, 17.5, True), (
        "and the next one comes true"
    )


@settings(max_examples=200, deadline=None)
@given(events=whole_events, reads_sockets=st.booleans())
def test_of_a_whole_card_every_setting_is_shown_as_it_was_said_last_and_ends_as_it_is(
    events: list[tuple[str, Key, int]], reads_sockets: bool
) -> None:
    device = PaperDevice(dict.fromkeys((1, 2, 3), CARD), reads_sockets=reads_sockets)
    device.run(SECOND_NS)
    wishes: dict[Key, float] = {}
    for what, key, value in events:
        if what == "wish":
            wishes[key] = CARD[key[1]].quantise(value)
        act(device, what, value, key)
        assert device.shown == device.reported
    device.is_there, device.holds_back, device.loses, device.keeps_to_its_own = True, False, 0, False
    device.late.clear()
    device.run(40 * SECOND_NS)
    assert device.shown == device.values, "changes that nobody was told of are found, too"
    assert all(device.confirmed.values())


@settings(max_examples=100, deadline=None)
@given(wish=st.integers(0, 69), other=st.integers(0, 69), away=st.integers(1, 9_000))
def test_a_device_that_cannot_say_what_it_is_is_never_said_to_have_done_it(
    wish: int, other: int, away: int
) -> None:
    mute = {1: {GAIN: Ability(kind=SettingKind.DB, max_db=69.0, step_db=1.0, read_back=ReadBack.NEVER)}}
    device = PaperDevice(mute)
    device.run(SECOND_NS)
    device.wish(float(wish))
    device.run(5 * SECOND_NS)
    steps = [0.0, *device.writes()]
    assert steps[-1] == wish and max(after - before for before, after in itertools.pairwise(steps)) <= 6
    device.is_there = False
    device.run(away * MS)
    device.is_there = True
    device.wish(float(other))
    device.run(12 * SECOND_NS)
    assert device.writes()[-1] == other
    assert not any(setting.confirmed or setting.value is not None for setting in device.settings)
    assert [setting.asked for setting in device.settings if not setting.given_up][-1:] == [other]


# --- patience ---------------------------------------------------------------------------------------


def known() -> PaperDevice:
    device = PaperDevice()
    device.run(SECOND_NS)
    return device


def test_a_device_that_answers_probes_and_takes_no_writes_gets_few_of_them_and_ever_fewer() -> None:
    device = PaperDevice(wish_s=60.0)
    device.run(SECOND_NS)
    device.answers_reads = False
    device.keeps_to_its_own = True
    device.wish(5.0)
    before = device.now
    while device.now < before + 20 * SECOND_NS:
        device.run(400 * MS)
        device.follower.answered(device.now)  # it is there, whatever it does not say
    assert 3 <= len(device.writes()) <= 10
    tried = [at for at, order in device.orders if at > before and getattr(order, "value", None) is not None]
    pauses = [later - at for at, later in itertools.pairwise(tried)]
    assert pauses == sorted(pauses) and pauses[-1] >= 4 * SECOND_NS, "each waits longer, to four seconds"


def test_a_device_that_never_said_what_it_is_is_asked_ever_more_seldom() -> None:
    device = PaperDevice()
    device.answers_reads = False
    began = device.now
    while device.now < began + 20 * SECOND_NS:
        device.run(400 * MS)
        device.follower.answered(device.now)
    reads = [order for _, order in device.orders if type(order).__name__ == "Read"]
    assert len(reads) <= 20 * 2 + 12, "two a second are rereads"
    assert device.writes() == []


def test_a_wish_is_given_up_at_its_time_and_not_at_the_next_thing_that_happens() -> None:
    """What is due by the clock counts in the pause: with nothing else to do it would be told late."""
    device = PaperDevice(wish_s=2.35)
    device.run(SECOND_NS)
    device.is_there = False
    device.run(3 * SECOND_NS)
    asked = device.now
    device.wish(20.0)
    device.run(5 * SECOND_NS)
    (dropped,) = [setting for setting in device.settings if setting.given_up]
    assert dropped.at_ns - asked == 2_350 * MS


def test_a_wish_of_a_device_that_answers_and_does_not_do_it_is_given_up_at_its_time_too() -> None:
    device = known()
    device.answers_reads = False
    asked = device.now
    device.wish(5.0)
    while device.now < asked + 12 * SECOND_NS:
        device.run(300 * MS)
        device.follower.answered(device.now)
    (dropped,) = [setting for setting in device.settings if setting.given_up]
    assert dropped.at_ns - asked == 10 * SECOND_NS and dropped.asked == 5.0
    device.answers_reads = True
    device.turned(-12.0)
    writes = len(device.writes())
    device.run(20 * SECOND_NS)
    assert len(device.writes()) == writes and device.shown[THE_GAIN] == -12.0, "nothing overrides the hand"


@pytest.mark.parametrize("step_db", [0.5, 1.0, 1.5, 4.0, 5.0, 20.0])
def test_a_climb_is_on_the_steps_that_the_preamp_has(step_db: float) -> None:
    able = {1: {GAIN: Ability(kind=SettingKind.DB, min_db=0.0, max_db=60.0, step_db=step_db)}}
    device = PaperDevice(able)
    device.run(SECOND_NS)
    device.wish(60.0)
    device.run(30 * SECOND_NS)
    assert device.values[THE_GAIN] == 60.0
    assert all(value % step_db == 0 for value in device.writes())


def test_an_answer_that_comes_twice_is_no_push() -> None:
    """A read that was asked twice on a slow line is answered twice; only what is new and not asked for was pushed."""
    device = PaperDevice({1: {GAIN: ABILITIES[GAIN]}, 2: {GAIN: ABILITIES[GAIN]}})
    device.run(SECOND_NS)
    for value in (6.0, 7.0):
        assert "asks for every setting" not in device.statuses[-1].detail, "one may be lost on any line"
        device.turned(value, pushed=False)
        device.run(3 * SECOND_NS)
        assert device.shown[THE_GAIN] == value
    assert "asks for every setting" in device.statuses[-1].detail
    device.report()
    device.report()
    assert "asks for every setting" in device.statuses[-1].detail
    device.turned(8.0)
    assert "asks for every setting" not in device.statuses[-1].detail


def test_a_card_that_comes_with_others_is_read_anew_and_what_stays_goes_on() -> None:
    device = PaperDevice({1: CARD, 2: CARD})
    device.run(SECOND_NS)
    device.turned(30.0, (2, GAIN))
    device.settings.clear()
    device.abilities = {2: {GAIN: CARD[GAIN], PAD: CARD[PAD]}, 3: {GAIN: ABILITIES[GAIN]}}
    device.values[3, GAIN] = 12.0
    device.follower.able(device.abilities)
    device.wish(10.0, (1, GAIN))
    device.run(SECOND_NS)
    assert {(setting.socket, setting.name) for setting in device.settings} == {(3, GAIN)}
    assert device.shown[3, GAIN] == 12.0 and device.shown[2, GAIN] == 30.0
    assert not device.writes(), "the wish for what is gone was passed by"


def test_where_one_push_was_lost_all_are_read_at_once_and_not_by_and_by() -> None:
    """A desk that serves four programs says nothing to the fifth: what it finds by one read holds for all."""
    sockets = range(1, 33)
    device = PaperDevice({socket: {GAIN: ABILITIES[GAIN]} for socket in sockets})
    device.run(5 * SECOND_NS)
    for socket in sockets:
        device.turned(20.0, (socket, GAIN), pushed=False)
    while 20.0 not in device.shown.values():
        device.run(MS)
    device.run(len(sockets) * PACING_NS)
    assert set(device.shown.values()) == {20.0}
