"""The ports of this machine's MIDI systems: finding, opening, seeing that they left. Used by one thread at a time.

ALSA's sequencer is reached by alsa-midi, JACK by python-rtmidi, which is ALSA's fallback as well
(decisions/0041-midi-backends.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from rigd.model.errors import SurfaceError
from rigd.model.units import ClockNs
from rigd.wire.midi.alsa_system import AlsaSystem, alsa_midi_is_there
from rigd.wire.midi.links import MidiLink, MidiSystem, MidiSystemName
from rigd.wire.midi.names import OWN_CLIENTS, FoundPort, fits, pick, placed
from rigd.wire.midi.rtmidi_system import NO_JACK_SERVER, RtMidiSystem
from rigd.wire.sound_cards import ROOT, read_cards

Api = Literal["auto", "alsa", "jack"]


def alsa_system(client: str, root: Path = ROOT) -> MidiSystem:
    """By alsa-midi, or where that is not installed by python-rtmidi."""
    return AlsaSystem(client, root) if alsa_midi_is_there() else RtMidiSystem(client, "alsa")


class MidiPorts:
    """The ports of this machine's MIDI systems. Keeps one client a system, however often it looks."""

    def __init__(self, *, client: str, api: Api = "auto", root: Path = ROOT) -> None:
        """`root`: where /proc and /sys are, which tell the USB sockets."""
        self._root = root
        name = OWN_CLIENTS + client
        made: Mapping[MidiSystemName, Callable[[], MidiSystem]] = {
            "alsa": lambda: alsa_system(name, root),
            "jack": lambda: RtMidiSystem(name, "jack"),
        }
        self._makers = {each: make for each, make in made.items() if api in ("auto", each)}
        self._made: dict[MidiSystemName, MidiSystem] = {}
        """Made where they are first used: what they import takes longer than the start of a rig may wait."""
        self.troubles: list[str] = []
        """Why a MIDI system cannot be used, with the cure; as of the last `look`."""

    def look(self) -> list[FoundPort]:
        """The ports there are now, ALSA's first."""
        self.troubles = []
        found: list[FoundPort] = []
        cards = read_cards(self._root)
        for api in self._makers:
            try:
                found += [placed(FoundPort(api=api, name=name), cards) for name in self._names(api)]
            except SurfaceError as error:
                self.troubles.append(str(error))
        return found

    def why_so_few(self) -> list[str]:
        """What of `troubles` may hide a port. That no JACK server runs is none where ALSA can be used."""
        if len(self.troubles) == len(self._makers):
            return self.troubles
        return [trouble for trouble in self.troubles if trouble != NO_JACK_SERVER]

    def find(self, wanted: str, *, usb_path: str = "", usb_serial: str = "") -> FoundPort:
        """The port that `wanted` means, ALSA's before JACK's. Raises SurfaceError with what to do."""
        found = self.look()
        if len(self.troubles) == len(self._makers):
            raise SurfaceError("no MIDI here: " + "; ".join(self.troubles))
        for api in self._makers:
            of_this = [port for port in found if port.api == api]
            if any(fits(wanted, port.name) for port in of_this):
                return pick(wanted, of_this, usb_path=usb_path, usb_serial=usb_serial)
        return pick(wanted, found)

    def open(self, port: FoundPort, *, output: str, sysex: bool, clock: ClockNs) -> MidiLink:
        """Listens on `port` and, unless `output` is empty, sends to the output of that name."""
        link = self._system(port.api).open(port.name, output=output, sysex=sysex, clock=clock)
        self.close()
        return link

    def wait_for_change(self, timeout_s: float) -> None:
        """Returns when a port may have come, at once where ALSA announces it, at the latest after `timeout_s`; and on
        `wake`. After a `look`."""
        self._system(next(iter(self._makers))).wait_for_change(timeout_s)

    def wake(self) -> None:
        """Ends a `wait_for_change` early. Any thread."""
        for system in tuple(self._made.values()):
            system.wake()

    def close(self) -> None:
        """No client is left."""
        for system in self._made.values():
            system.close()

    def _system(self, api: MidiSystemName) -> MidiSystem:
        if api not in self._made:
            self._made[api] = self._makers[api]()
        return self._made[api]

    def _names(self, api: MidiSystemName) -> list[str]:
        return [name for name in self._system(api).names() if not name.startswith(OWN_CLIENTS)]
