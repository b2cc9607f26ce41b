"""What `rigd init` asks: one part of a config after the other. Each puts what it was answered into the text.

Main thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from rigd.capture.devices import ListedInterface, config_lines, list_interfaces
from rigd.cli.asking import Asking
from rigd.cli.input_levels import peaks_in_words, show_levels
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.cli.terminal import out
from rigd.cli.trial_rig import TrialRig
from rigd.config.kinds import PREAMPS, Kinds
from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.config.writing import NamedInput, with_inputs, with_lines, with_value
from rigd.model.errors import RigError, SurfaceError
from rigd.model.found import FoundPreamp
from rigd.model.limits import LONGEST_NAME
from rigd.model.plain_text import first_strange
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.serial_ports import config_for, list_ports

OWN_LIBRARY = "~/rigd-takes"
LIBRARY_OF_THE_MACHINE = "/srv/takes"
MOST_INPUTS = 512
FIRST_PRESS_WITHIN_S = 20.0
SIMULATED = """\
[audio]
driver = "simulated"
channels = 8
sample_rate_hz = 48000

[audio.simulated]
signal = "band"
"""
NO_INTERFACE = """\
[audio]
driver = "portaudio"
# device = "hw:CARD=...": see rigd devices
channels = 2
"""


class Part(Struct, frozen=True):
    """One thing that a config says, and that a person may want to change."""

    word: str
    about: str
    ask: Callable[[Talk], None]


class Talk:
    """A config on its way: its text so far, and what is still missing."""

    def __init__(self, text: str, asking: Asking, *, is_new: bool) -> None:
        self.text = text
        self.ask = asking
        self.is_new = is_new
        self.missing: list[str] = []

    def config(self) -> RigConfig:
        """What the text says. Raises ConfigError."""
        return checked(self.text)


# Each of these asks for one part and puts it into the text.


def _takes(talk: Talk) -> None:
    def usable(folder: str) -> str:
        place = Path(folder).expanduser()
        if not place.is_absolute():
            raise ValueError(
                f"{folder[:60]} depends on where rigd is started; name the whole path, or begin with ~/"
            )
        if why := _why_not_writable(place):
            raise ValueError(why)
        return one_line(folder)

    here = talk.config().rig.library if "[rig]" in talk.text else OWN_LIBRARY
    if talk.ask.answers_itself:
        folder = talk.ask.line("Takes go to", here)
        if why := _why_not_writable(Path(folder).expanduser()):
            talk.missing.append(f"takes: {why}")
    else:
        folder = talk.ask.read("Takes go to", here, usable)
    free = _free_bytes(Path(folder).expanduser())
    out.print(f"  {free / 1e9:,.0f} GB are free there, {_hours(free)} of 8 inputs at 48 kHz")
    if folder != here:
        talk.text = with_value(talk.text, "rig", "library", folder)


def _interface(talk: Talk) -> None:
    listing = list_interfaces()
    usable = [each for each in listing.interfaces if not each.is_plugin]
    usable.sort(key=lambda each: (bool(each.used_by) and not each.is_ours, -each.inputs))
    if listing.trouble:
        out.print(f"  {listing.trouble}", style="yellow")
    if not usable:
        out.print("No audio interface is there.", style="yellow")
        talk.missing.append("no interface: plug it in, then: rigd init interface")
        simulated = not talk.ask.answers_itself and talk.ask.yes(
            "Take a simulated one, to try rigd out", proposed=False
        )
        if simulated or "[audio]" not in talk.text:
            talk.text = with_lines(talk.text, SIMULATED if simulated else NO_INTERFACE)
        return
    out.print("Audio interfaces:")
    chosen = usable[talk.ask.choice("Which one records", [_in_words(each) for each in usable])]
    talk.text = with_lines(talk.text, config_lines(chosen))
    if not chosen.inputs:
        count = talk.ask.read("How many inputs has it", "2", _count)
        talk.text = with_value(talk.text, "audio", "channels", count)
    elif chosen.inputs > 1:
        count = talk.ask.read("How many of its inputs does rigd listen to", str(chosen.inputs), _count)
        if count > chosen.inputs:
            out.print(f"  it has {chosen.inputs}", style="yellow")
        talk.text = with_value(talk.text, "audio", "channels", min(count, chosen.inputs))
    if not chosen.rate_hz:
        rate = talk.ask.read("Its sample rate", "48000", _count_of_rate)
        talk.text = with_value(talk.text, "audio", "sample_rate_hz", rate)
    if chosen.used_by and not chosen.is_ours:
        talk.missing.append(
            f"the interface is in use by {chosen.used_by}: end that program, or record through JACK"
        )


def _names(talk: Talk) -> None:
    config = talk.config()
    count = config.audio.channels
    peaks: Sequence[float] = ()
    if not talk.ask.answers_itself:
        peaks = _levels(talk)
    out.print(
        "What is plugged into each input? Several names with commas; - for an input that is not recorded;"
    )
    out.print(". leaves the rest as it is.")
    inputs = [NamedInput(name=each.name, armed=each.armed) for each in config.channels]
    place = 0
    while place < count:
        heard = f" ({peaks_in_words(peaks[place])})" if place < len(peaks) else ""
        answer = talk.ask.read(f"  input {place + 1}{heard}", inputs[place].name, one_line)
        if answer == "." or talk.ask.answers_itself:
            break
        for word in answer.split(","):
            if place >= count:
                break
            word = word.strip()
            if word == "-":
                inputs[place] = NamedInput(name=inputs[place].name, armed=False)
            elif word:
                inputs[place] = NamedInput(name=word[:LONGEST_NAME])
            place += 1
    said = [NamedInput(name=each.name, armed=each.armed) for each in config.channels]
    if inputs != said:
        talk.text = with_inputs(talk.text, inputs)


def _levels(talk: Talk) -> Sequence[float]:
    """What is heard while the person plays; nothing where no sound comes."""
    try:
        out.print("The inputs are listened to ...", style="dim")
        with TrialRig(talk.text) as trial:
            if trial.levels(within_s=5.0) is None:
                raise RigError(trial.trouble())
            return show_levels(trial, talk.ask)
    except RigError as error:
        out.print(f"  no levels: {error}", style="yellow")
        talk.missing.append(f"nothing was heard from the interface: {error}")
        return ()


def _pedal(talk: Talk) -> None:
    ports = _midi_ports()
    if not ports:
        out.print("No MIDI pedal is plugged in; with one: rigd init pedal")
        return
    out.print(f"MIDI: {', '.join(ports)}")
    while not talk.ask.answers_itself and talk.ask.yes("Is one of them a pedal", proposed=True):
        try:
            _, learned = learn(
                kinds_that_learn(), "", seconds=FIRST_PRESS_WITHIN_S, say=lambda text: out.print(f"  {text}")
            )
        except SurfaceError as error:
            out.print(f"  {error}", style="yellow")
            continue
        lines = learned.lines
        out.print_lines("\n".join(f"    {line}" for line in lines.rstrip("\n").split("\n")))
        talk.text = with_lines(talk.text, lines)
        return
    if talk.ask.answers_itself:
        talk.missing.append("which switch starts a take is for your foot to say: rigd init pedal")


def _box(talk: Talk) -> None:
    ports = [each for each in list_ports() if each.usb_id]
    if not ports:
        out.print("No box is plugged in by USB; with one: rigd init box")
        return
    if talk.ask.answers_itself:
        return
    out.print("Serial lines:")
    chosen = talk.ask.choice(
        "Which of them is a fader box",
        [*(f"{each.product or 'serial line'}, now {each.device}" for each in ports), "none"],
        proposed=len(ports),
    )
    if chosen == len(ports):
        return
    lines = config_for(ports[chosen], ports)
    if talk.ask.yes("Does it send deej's lines (1023|512|0)", proposed=False):
        lines += 'protocol = "deej"\n'
    faders = talk.ask.read("How many of its faders set a gain (channel 1 on)", "0", _count_or_none)
    for fader in range(1, faders + 1):
        lines += f'\n[[surface.box.binding]]\ncontrol = "fader {fader}"\ngain = {fader}\n'
    talk.text = with_lines(talk.text, lines)


def _desk(talk: Talk) -> None:
    if talk.ask.answers_itself:
        return
    while host := talk.ask.line("The network address of a desk whose preamps rigd sets; Enter for none"):
        found = _preamp_at(host)
        if found is None:
            out.print(
                f"  no desk that rigd knows answers at {host[:60]}; its network page shows its address",
                style="yellow",
            )
            continue
        out.print(f"  {found.called} answers", style="green")
        talk.text = with_lines(talk.text, f"[preamp.desk]\n{found.lines}")
        config = talk.config()
        sockets = min(config.audio.channels, found.sockets)
        if sockets and talk.ask.yes(f"Is input 1 its socket 1, and so on to {sockets}", proposed=True):
            inputs = [
                NamedInput(
                    name=each.name,
                    armed=each.armed,
                    preamp=f"desk:{each.number}" if each.number <= sockets else "",
                )
                for each in config.channels
            ]
            talk.text = with_inputs(talk.text, inputs)
        return


PARTS = (
    Part("takes", "where takes go", _takes),
    Part("interface", "what brings the sound", _interface),
    Part("names", "what is plugged into each input, with its levels", _names),
    Part("pedal", "a MIDI switch: step on it", _pedal),
    Part("box", "a fader box on a serial line", _box),
    Part("desk", "a desk whose preamps rigd sets", _desk),
)


def _preamp_at(host: str) -> FoundPreamp | None:
    """What answers there, by the first kind that knows it."""
    for _, find_at in Kinds(PREAMPS).that_have("find_at"):
        with contextlib.suppress(Exception):  # a stranger's code; one that is broken is no answer
            found: FoundPreamp | None = find_at(host)
            if found is not None:
                return found
    return None


def checked(text: str) -> RigConfig:
    """What a config of this text says. Raises ConfigError, with the text's own faults."""
    with tempfile.TemporaryDirectory(prefix="rigd-init-") as folder:
        path = Path(folder) / "rig.toml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)


def _in_words(interface: ListedInterface) -> str:
    words = [f"{interface.name}, {interface.inputs} inputs" if interface.inputs else interface.name]
    if interface.used_by:
        words.append("rigd records from it" if interface.is_ours else f"in use by {interface.used_by}")
    return "; ".join(words)


def _midi_ports() -> list[str]:
    ports = MidiPorts(client="rigd-init")
    try:
        return [port.name for port in ports.look()]
    except RigError as error:
        out.print(f"  MIDI: {error}", style="yellow")
        return []
    finally:
        ports.close()


def one_line(text: str) -> str:
    """Raises ValueError for what cannot be a name."""
    if first_strange(text):
        raise ValueError("one line of plain text, without control characters")
    return text


def _count(word: str) -> int:
    if word.isascii() and word.isdigit() and 1 <= int(word) <= MOST_INPUTS:
        return int(word)
    raise ValueError(f"a number from 1 to {MOST_INPUTS}")


def _count_or_none(word: str) -> int:
    return 0 if word == "0" else _count(word)


def _count_of_rate(word: str) -> int:
    if word.isascii() and word.isdigit():
        return int(word)
    raise ValueError("a rate in Hz, such as 48000")


def _free_bytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _hours(free: int) -> str:
    hours = free / (8 * 48_000 * 3 * 3600)
    return f"{hours:,.0f} hours" if hours >= 2 else f"{hours * 60:,.0f} minutes"


def _why_not_writable(folder: Path) -> str:
    """Empty where takes can be written there."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return f"{place} is no folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} may not be written by this user"
