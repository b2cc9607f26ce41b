"""Clips that nobody has seen yet: they are held, whether a take rolls or not, until somebody says so. Pure."""

from __future__ import annotations

from rigd.model.clips import ChannelClips, ClipsSeen
from rigd.model.commands import ClearClips
from rigd.model.events import Happening
from rigd.model.inputs import time_of
from rigd.model.state import Channel, is_rolling
from rigd.rules.step_work import Work

MOST_NAMED = 4


def seen(work: Work, fact: ClipsSeen) -> None:
    """One event for all channels; whoever posts it does so once a second at most."""
    samples = dict(fact.samples)
    clipped = [channel for channel in work.state.channels if samples.get(channel.input, 0) > 0]
    if not clipped:
        return
    held = {clips.channel: clips for clips in work.state.clips}
    for channel in clipped:
        before = held[channel.number].samples if channel.number in held else 0
        held[channel.number] = ChannelClips(
            channel=channel.number,
            samples=before + samples[channel.input],
            last_frame=fact.at_frame,
            last_at=time_of(work.at).strftime("%H:%M:%S"),
        )
    work.change(clips=tuple(clips for _, clips in sorted(held.items())))
    where = "" if is_rolling(work.state) else ", while nothing is recorded"
    work.say(Happening.CLIPPED, str(clipped[0].number), f"clipped: {_names(clipped)}{where}")


def clear(work: Work, command: ClearClips) -> str:
    if not work.state.clips:
        return "nothing has clipped"
    work.change(clips=())
    return "the clips are seen"


def _names(channels: list[Channel]) -> str:
    named = [f"{channel.number} {channel.name}" for channel in channels[:MOST_NAMED]]
    more = len(channels) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
