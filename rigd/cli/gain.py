"""`rigd gain ...` and the other settings of a channel's preamp."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from rigd.cli.terminal import AsJson, ExitCode, RuntimeDir, daemon, do, fail, out, print_json, tell
from rigd.model.state import Channel, channel_of
from rigd.model.units import ChannelNumber


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


def gain(
    channel: int,
    gain_db: Annotated[float | None, typer.Argument(help="dB; after -- where it is negative.")] = None,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """What gain a channel's preamp is at, or set it, in dB."""
    with daemon(runtime_dir) as client:
        if gain_db is not None:
            answer = client.command("gain", channel=channel, gain_db=gain_db)
            tell(answer, as_json=as_json)
            return
        found = channel_of(client.status().state, ChannelNumber(channel))
    if found is None:
        fail(ExitCode.REFUSED, f"there is no channel {channel}; see: rigd status")
    if as_json:
        print_json(found)
    else:
        out.print(gain_line(found), markup=False)


def gain_line(channel: Channel) -> str:
    """One line that says what is true of a channel's gain."""
    title = f'{channel.number} "{channel.name}"'
    if not channel.preamp:
        return f"{title}: no controllable preamp; its gain is set on the device"
    if channel.gain.value is None:
        pending = f"; {channel.gain.asked:+.1f} dB is asked for" if channel.gain.asked is not None else ""
        return f"{title}: {channel.preamp}:{channel.socket} has not told its gain yet{pending}"
    line = f"{title}: {channel.gain.value:+.1f} dB"
    if channel.gain.asked is not None:
        return f"{line}, asked for {channel.gain.asked:+.1f} dB and not confirmed"
    return line if channel.gain.confirmed else f"{line} when it was last confirmed"


def nudge(channel: int, delta_db: float, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Turn a channel's preamp gain by so many dB, up or (after --) down."""
    do(runtime_dir, as_json, lambda client: client.command("nudge", channel=channel, delta_db=delta_db))


def pad(channel: int, switch: Switch, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Switch a channel's pad."""
    do(runtime_dir, as_json, lambda client: client.command("pad", channel=channel, on=switch is Switch.ON))


def phantom(
    channel: int,
    switch: Switch,
    confirm: Annotated[
        bool,
        typer.Option("--confirm", help="You know what is plugged in: 48 V can destroy a ribbon microphone."),
    ] = False,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """Switch a channel's 48 V phantom power; on wants --confirm."""
    on = switch is Switch.ON
    do(
        runtime_dir,
        as_json,
        lambda client: client.command("phantom", channel=channel, on=on, confirm=confirm),
    )


def polarity(channel: int, switch: Switch, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Turn a channel's polarity over (on) or back (off)."""
    do(
        runtime_dir,
        as_json,
        lambda client: client.command("polarity", channel=channel, on=switch is Switch.ON),
    )
