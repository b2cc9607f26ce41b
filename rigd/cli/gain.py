"""`rigd gain ...` and the other settings of a channel's preamp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from rigd.cli.device_word import ask_device, show
from rigd.cli.form import Argument, Command
from rigd.cli.rig_commands import plain_channels, rig_command
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json, refuse
from rigd.cli.which_channels import WHICH_CHANNELS, named_channels
from rigd.hands.showing import Knowledge, gain_shown
from rigd.model.channels import Channels, channels_text
from rigd.model.gain import GAIN as GAIN_SETTING
from rigd.model.numbers import read_number
from rigd.model.state import Channel, settings_of
from rigd.wire.codec import to_plain


class Level(Struct, frozen=True, kw_only=True):
    """ "-2.5" is a gain; "+3" turns up by so much."""

    db: float
    is_turn: bool

    @staticmethod
    def read(word: str) -> Level:
        return Level(db=read_number(word), is_turn=word.startswith("+"))


def gain(channels: str | None, level: Level | None, runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
        numbers: Channels | None = None
        if channels is not None:
            numbers = named_channels(
                [channels], state.channels, verb="gain", as_json=as_json, has_preamp=level is not None
            )
        if numbers and level is not None:
            what, verb = ("delta_db", "nudge") if level.is_turn else ("gain_db", "gain")
            told = ask_device(client, verb, {"channel": plain_channels(numbers), what: level.db})
            show(told, as_json=as_json)
            return
    found = [channel for channel in state.channels if not numbers or channel.number in numbers]
    if numbers and len(found) < len(numbers):
        missing = channels_text(sorted(set(numbers) - {channel.number for channel in found}))
        refuse(f"there is no channel {missing}; see: rigd status", as_json=as_json)
    if as_json:
        several = {"type": "Channels", "channels": [to_plain(channel) for channel in found]}
        print_json(found[0] if numbers and len(numbers) == 1 else several)
        return
    for channel in found:
        tell_settings(channel)


def tell_settings(channel: Channel) -> None:
    """A channel's gain in a line, and a line for each other setting that its preamp has."""
    out.print(gain_line(channel))
    for line in other_lines(channel):
        out.print(f"    {line}")


def other_lines(channel: Channel) -> Iterator[str]:
    """ "low_cut: 80 Hz (off, 80 Hz, 120 Hz)": every setting but the gain, and what it may be."""
    for name, setting in settings_of(channel).items():
        if name == GAIN_SETTING:
            continue
        ability = channel.abilities[name]
        line = f"{name}: {ability.text_of(setting.value)}"
        if setting.asked is not None:
            line += f", {ability.text_of(setting.asked)} asked for and not confirmed"
        elif setting.value is not None and not setting.confirmed:
            line += " when it was last confirmed"
        others = ", ".join(str(each) for each in ability.group if each != channel.socket)
        yield f"{line}  ({ability.form}{f'; together with socket {others}' if others else ''})"


def gain_line(channel: Channel) -> str:
    """One line that says what is true of a channel's gain."""
    title, gain = f'{channel.number} "{channel.name}"', gain_shown(channel)
    if gain.known is Knowledge.NO_PREAMP and channel.preamp:
        return f"{title}: {channel.preamp}:{channel.socket} has no gain that can be set"
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
    about="What gain the preamps of one or more channels are at, or set it, in dB; without a channel: every setting "
    "of every channel. The preamp's answer is waited for, a second at most.",
    parts=(
        Argument(name="channels", about=WHICH_CHANNELS, is_required=False),
        Argument(
            name="level",
            read=Level.read,
            shown="GAIN_DB",
            about="20, or -2.5, is the gain; +3 turns up by 3 dB, as nudge does (down: rigd nudge 3 -1).",
            is_required=False,
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
    verb="gain",
)
NUDGE = rig_command("nudge", is_for_device=True)
PAD = rig_command("pad", is_for_device=True)
PHANTOM = rig_command(
    "phantom",
    is_for_device=True,
    switches={"confirm": "You know what is plugged in: 48 V can destroy a ribbon microphone."},
)
POLARITY = rig_command("polarity", is_for_device=True)
SET = rig_command("set", is_for_device=True)
