"""`rigd gain ...` and the other settings of a channel's preamp."""

from __future__ import annotations

from pathlib import Path

from rigd.cli.form import Argument, Command, number
from rigd.cli.rig_commands import plain_channels, rig_command
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json, refuse, tell
from rigd.model.channels import FORM, Channels, channels_text, read_channels
from rigd.model.state import Channel
from rigd.wire.codec import to_plain


def gain(channels: Channels, gain_db: float | None, runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        if gain_db is not None:
            answer = client.command("gain", channel=plain_channels(channels), gain_db=gain_db)
            tell(answer, as_json=as_json)
            return
        state = client.status().state
    found = [channel for channel in state.channels if channel.number in channels]
    if len(found) < len(channels):
        missing = channels_text(sorted(set(channels) - {channel.number for channel in found}))
        refuse(f"there is no channel {missing}; see: rigd status", as_json=as_json)
    if as_json:
        several = {"type": "Channels", "channels": [to_plain(channel) for channel in found]}
        print_json(found[0] if len(found) == 1 else several)
        return
    for channel in found:
        out.print(gain_line(channel))


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


GAIN = Command(
    name="gain",
    run=gain,
    about="What gain the preamps of one or more channels are at, or set it, in dB.",
    parts=(
        Argument(name="channels", read=read_channels, about=f"Channels: {FORM}."),
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
