"""A sweep is one line of what happened, with where it began, where it is and how long it took."""

from __future__ import annotations

from rigd.cli.story import Story
from rigd.model.events import Event, Happening
from rigd.model.units import NS_PER_SECOND, Ns


def event(at_s: float, text: str, what: Happening = Happening.SETTING_CHANGED, subject: str = "1") -> Event:
    at_ns = Ns(round(at_s * NS_PER_SECOND))
    return Event(number=1, at_ns=at_ns, at_frame=None, what=what, subject=subject, text=text, origin="box")


def told(*events: Event) -> list[str]:
    story = Story(6)
    for each in events:
        story.add(each)
    return [line.text for line in story.lines]


def gain(db: float, channel: int = 1, name: str = "Kick: in") -> str:
    return f'channel {channel} "{name}": gain {db:+.1f} dB'


def test_a_sweep_is_one_line() -> None:
    steps = [event(step / 10, gain(30 + step / 2)) for step in range(31)]
    assert told(*steps) == ['channel 1 "Kick: in": gain +30.0 dB to +45.0 dB in 3.0 s']


def test_two_turns_with_a_pause_are_two_lines() -> None:
    assert told(event(0, gain(30)), event(10, gain(33)), event(10.2, gain(34))) == [
        gain(30),
        f"{gain(33)} to +34.0 dB in 0.2 s",
    ]


def test_other_channels_settings_and_happenings_are_lines_of_their_own() -> None:
    phantom = 'channel 1 "Kick: in": phantom on'
    took = event(0.3, "take 1 started", Happening.TAKE_STARTED, "x")
    lines = told(
        event(0, gain(30)),
        event(0.1, gain(9, 2), subject="2"),
        event(0.2, phantom),
        took,
        event(0.4, gain(31)),
    )
    assert lines == [gain(30), gain(9, 2), phantom, "take 1 started", gain(31)]


def test_the_oldest_lines_go() -> None:
    assert len(told(*(event(step, f"take {step}", Happening.TAKE_STARTED) for step in range(9)))) == 6


def test_the_same_clips_again_are_one_line() -> None:
    def clips(at_s: float, text: str, subject: str = "1") -> Event:
        return event(at_s, text, Happening.CLIPPED, subject)

    both = "clipped: 1 Kick, 2 Snare"
    lines = told(clips(0, "clipped: 1 Kick"), clips(9, "clipped: 1 Kick"), clips(9.5, both))
    assert lines == ["clipped: 1 Kick", both]
