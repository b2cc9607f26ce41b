"""Which channels are recorded from the next take on. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.commands import Arm, Disarm
from rigd.model.events import Happening
from rigd.model.state import Channel, RigState, is_rolling
from rigd.model.units import ChannelNumber
from rigd.rules.step_work import Refusal, Work


def arm(work: Work, command: Arm) -> str:
    return _arm(work, command.channel, armed=True)


def disarm(work: Work, command: Disarm) -> str:
    return _arm(work, command.channel, armed=False)


def _arm(work: Work, number: ChannelNumber | None, *, armed: bool) -> str:
    if number is not None:
        known_channel(work.state, number)
    chosen = [channel for channel in work.state.channels if number is None or channel.number == number]
    changed = [channel for channel in chosen if channel.armed is not armed]
    work.change(
        channels=tuple(
            replace(channel, armed=armed) if channel in changed else channel
            for channel in work.state.channels
        )
    )
    what = Happening.CHANNEL_ARMED if armed else Happening.CHANNEL_DISARMED
    word = "armed" if armed else "disarmed"
    later = ", from the next take on" if is_rolling(work.state) else ""
    for channel in changed:
        work.say(what, str(channel.number), f'channel {channel.number} "{channel.name}" is {word}{later}')
    whole = "every channel" if number is None else f'channel {number} "{chosen[0].name}"'
    return f"{whole} is {word}{later}"


def known_channel(state: RigState, number: ChannelNumber) -> Channel:
    """The channel of that number. Raises Refusal with the numbers there are."""
    for channel in state.channels:
        if channel.number == number:
            return channel
    raise Refusal(f"there is no channel {number}; this rig has channels 1 to {len(state.channels)}")
