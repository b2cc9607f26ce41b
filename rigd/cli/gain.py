"""`rigd gain ...` and the other settings of a channel's preamp."""

from __future__ import annotations

from pathlib import Path

from rigd.cli.form import Argument, Command, number, whole_number
from rigd.cli.rig_commands import rig_command
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json, refuse, tell
from rigd.hands.showing import Knowledge, gain_shown
from rigd.model.state import Channel, channel_of
from rigd.model.units import ChannelNumber


def gain(channel: int, gain_db: float | None, runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        if gain_db is not None:
            answer = client.command("gain", channel=channel, gain_db=gain_db)
            tell(answer, as_json=as_json)
            return
        found = channel_of(client.status().state, ChannelNumber(channel))
    if found is None:
        refuse(f"there is no channel {channel}; see: rigd status", as_json=as_json)
    if as_json:
        print_json(found)
    else:
        out.print(gain_line(found))


def gain_line(channel: Channel) -> str:
    """One line that says what is true of a channel's gain."""
    title, gain = f'{channel.number} "{channel.name}"', gain_shown(channel)
    if gain.known is Knowledge.NO_PREAMP:
        return f"{title}: no controllable preamp; its gain is set on the device"
    if not gain.said:
        pending = f"; {gain.asked} dB is asked for" if gain.asked else ""
        return f"{title}: {channel.preamp}:{channel.socket} has not told its gain yet{pending}"
    line = f"{title}: {gain.said} dB"
    if gain.known is Knowledge.PENDING:
        return f"{line}, asked for {gain.asked} dB and not confirmed"
    return line if gain.known is Knowledge.CONFIRMED else f"{line} when it was last confirmed"


GAIN = Command(
    name="gain",
    run=gain,
    about="What gain a channel's preamp is at, or set it, in dB.",
    parts=(
        Argument(name="channel", read=whole_number),
        Argument(name="gain_db", read=number, is_required=False),
        RUNTIME_DIR,
        AS_JSON,
    ),
    verb="gain",
)
NUDGE = rig_command("nudge")
PAD = rig_command("pad")
PHANTOM = rig_command(
    "phantom",
    switches={"confirm": "You know what is plugged in: 48 V can destroy a ribbon microphone."},
)
POLARITY = rig_command("polarity")
