"""Which channels are recorded from the next take on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from rigd.model.channels import Channels, channels_text
from rigd.model.commands import Arm, Disarm
from rigd.model.events import Happening
from rigd.model.state import Channel, RigState, is_rolling
from rigd.rules.step_work import Refusal, Work

NAMED_AT_MOST = 8
"""So many channels are named in a message; of more it has the numbers."""


def arm(work: Work, command: Arm) -> str:
    return _arm(work, command.channels, armed=True)


def disarm(work: Work, command: Disarm) -> str:
    return _arm(work, command.channels, armed=False)


def _arm(work: Work, channels: Channels | None, *, armed: bool) -> str:
    chosen = work.state.channels if channels is None else known_channels(work.state, channels)
    changed = [channel for channel in chosen if channel.armed is not armed]
    numbers = {channel.number for channel in changed}
    work.change(
        channels=tuple(
            replace(channel, armed=armed) if channel.number in numbers else channel
            for channel in work.state.channels
        )
    )
    what = Happening.CHANNEL_ARMED if armed else Happening.CHANNEL_DISARMED
    word = "armed" if armed else "disarmed"
    later = ", from the next take on" if is_rolling(work.state) else ""
    for channel in changed:
        work.say(what, str(channel.number), f'channel {channel.number} "{channel.name}" is {word}{later}')
    if channels is None:
        return f"every channel is {word}{later}"
    return f"{channels_title(chosen)} {'is' if len(chosen) == 1 else 'are'} {word}{later}"


def channels_title(channels: Sequence[Channel]) -> str:
    """'channel 3 "Snare"', 'channels 1 "Kick In", 2 "Kick Out"', 'channels 1-16'."""
    if len(channels) > NAMED_AT_MOST:
        return f"channels {channels_text([channel.number for channel in channels])}"
    names = ", ".join(f'{channel.number} "{channel.name}"' for channel in channels)
    return f"channel{'s' if len(channels) > 1 else ''} {names}"


def known_channels(state: RigState, channels: Channels) -> tuple[Channel, ...]:
    """All of them. Raises Refusal with those that the rig has not, and the numbers there are."""
    known = {channel.number: channel for channel in state.channels}
    if missing := [number for number in channels if number not in known]:
        raise Refusal(
            f"there is no channel {channels_text(missing)}; this rig has channels 1 to {len(state.channels)}"
        )
    return tuple(known[number] for number in channels)
