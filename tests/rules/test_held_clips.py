"""Clips are held until somebody has seen them: in the state, and as an event for all channels at once."""

from __future__ import annotations

from rigd.control.clip_watch import ClipWatch
from rigd.model.changes import change_between, changed, followed_state
from rigd.model.clips import ClipsSeen
from rigd.model.events import Happening
from rigd.model.levels import Levels
from rigd.model.units import Frame, InputNumber
from tests.support.desk import Desk


def seen(at_frame: int, **samples: int) -> ClipsSeen:
    """Of inputs: i1=4."""
    told = tuple((InputNumber(int(name[1:])), count) for name, count in samples.items())
    return ClipsSeen(at_frame=Frame(at_frame), samples=told)


def test_a_channel_that_clipped_is_held_until_somebody_says_that_it_was_seen() -> None:
    desk = Desk()
    desk.hear(seen(1000, i1=4, i3=1))
    desk.hear(seen(9000, i1=2))
    kick, bass = desk.state.clips
    assert (kick.channel, kick.samples, kick.last_frame) == (1, 6, 9000)
    assert (bass.channel, bass.samples, bass.last_frame) == (3, 1, 1000)
    assert len(kick.last_at) == len("21:14:03")
    assert desk.ok("clear-clips") == "the clips are seen"
    assert desk.state.clips == ()
    assert desk.ok("clear-clips") == "nothing has clipped"
    desk.hear(seen(10_000, i1=1))
    assert desk.state.clips[0].samples == 1, "new ones only"


def test_it_is_told_once_for_all_channels_by_their_names() -> None:
    desk = Desk()
    desk.hear(seen(1000, i1=4, i2=1))
    (event,) = [event for event in desk.events if event.what is Happening.CLIPPED]
    assert event.text == "clipped: 1 Kick, 2 Snare, while nothing is recorded"
    desk.ok("start")
    desk.hear(seen(2000, i1=4))
    assert desk.events[-1].text == "clipped: 1 Kick"


def test_an_input_without_a_channel_is_nobody_s() -> None:
    desk = Desk()
    before = desk.state
    desk.hear(seen(1000, i40=4))
    assert desk.state == before and not desk.events


def test_who_follows_the_state_sees_them_come_and_go() -> None:
    desk = Desk()
    before = followed_state(desk.state)
    desk.hear(seen(1000, i2=4))
    after = followed_state(desk.state)
    change = change_between(before, after)
    assert change is not None and changed(before, change) == after
    desk.ok("clear-clips")
    gone = change_between(after, followed_state(desk.state))
    assert gone is not None and changed(after, gone).clips == ()


class Meter:
    """Levels as capture keeps them: `feed` is a block."""

    def __init__(self) -> None:
        self.levels: Levels | None = None
        self.frame = 0

    def feed(self, *clipped: int) -> None:
        self.frame += 1024
        none = tuple(0.0 for _ in clipped)
        self.levels = Levels(at_frame=Frame(self.frame), peak_dbfs=none, rms_dbfs=none, clipped=clipped)

    def read(self) -> Levels | None:
        return self.levels


def test_what_clipped_is_told_at_the_next_look_which_is_within_a_second() -> None:
    meter = Meter()
    watch = ClipWatch(meter.read, post=lambda fact: None)
    assert watch.look() is None
    looks = []
    for _ in range(3):
        meter.feed(0, 3)
        looks.append(watch.look())
    told = [(at, dict(each.samples)) for at, each in enumerate(looks) if each is not None]
    assert told == [
        (0, {2: 3}),
        (1, {2: 3}),
        (2, {2: 3}),
    ], "and none is lost"


def test_levels_of_a_look_before_count_once() -> None:
    meter = Meter()
    watch = ClipWatch(meter.read, post=lambda fact: None)
    meter.feed(5)
    found = [each for each in (watch.look() for _ in range(20)) if each is not None]
    assert [each.samples for each in found] == [((1, 5),)]
