"""Which interfaces there are, and the config lines that name them: for `rigd devices`.

The kernel's own list of cards is read first, as it also has those in use, with who uses them. PortAudio is asked in
a child of its own (`python -m rigd.capture.devices` prints JSON): its list is frozen once it is initialised, ALSA may
hang on a broken card, and the caller must not become an audio client.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, to_builtins

from rigd.capture.interfaces import Interface, card_address, card_of
from rigd.capture.jack_clients import read_jack_clients, with_true_inputs
from rigd.capture.portaudio_library import ALSA_HOST_API, JACK_HOST_API, PortAudio
from rigd.model.errors import InterfaceError, RigError
from rigd.model.found import FoundHere, OfferedInterface
from rigd.model.plain_text import plain_line
from rigd.wire.plain_output import write_json, write_line
from rigd.wire.sound_cards import ROOT, CaptureDevice, Card, read_cards, twins_of

LISTED_WITHIN_S = 20.0
CLIENT_NAME = "rigd-devices"
USUAL_RATE_HZ = 48_000


class ListedInterface(Struct, frozen=True, kw_only=True):
    """An interface with inputs, as it is now."""

    name: str
    host_api: str
    device: str
    """What `[audio] device` says to mean it tomorrow as well; empty where nothing of it lasts."""
    inputs: int
    """0: not known while another program has it."""
    rates_hz: tuple[int, ...]
    """The usual rates that it really has; empty where they are not known."""
    runs_at_hz: int = 0
    """The rate that is set now: of a JACK server, or of a card in use. 0: none."""
    used_by: str = ""
    """Who records from it now."""
    is_ours: bool = False
    """It is rigd itself that does."""
    is_plugin: bool = False
    """One of ALSA's plugins: it converts rate and channels without saying so, and is not offered."""
    remark: str = ""

    @property
    def rate_hz(self) -> int:
        """The rate to paste; 0 where it is not known."""
        if self.runs_at_hz or not self.rates_hz:
            return self.runs_at_hz
        return USUAL_RATE_HZ if USUAL_RATE_HZ in self.rates_hz else self.rates_hz[0]


class Listing(Struct, frozen=True, kw_only=True):
    """All there are, and why some may be missing."""

    interfaces: tuple[ListedInterface, ...]
    trouble: str = ""


class OpenableInterface(Struct, frozen=True, kw_only=True):
    """What PortAudio knows: an interface, and the usual rates at which it can be opened now."""

    interface: Interface
    rates_hz: tuple[int, ...]


def list_interfaces(*, timeout_s: float = LISTED_WITHIN_S, root: Path = ROOT) -> Listing:
    """Every interface with inputs. Where PortAudio is missing, broken or hangs, the cards and the reason."""
    openable: Sequence[OpenableInterface] = ()
    trouble = ""
    try:
        openable = _ask_portaudio(timeout_s)
    except InterfaceError as error:
        trouble = str(error)
    return Listing(interfaces=tuple(merge(read_cards(root), openable)), trouble=trouble)


def merge(cards: Sequence[Card], openable: Sequence[OpenableInterface]) -> Iterator[ListedInterface]:
    """The cards of the kernel's list, then what only PortAudio knows. Pure."""
    by_place = {}
    for each in openable:
        found = card_of(each.interface, cards)
        if found is not None:
            by_place[found[0].number, found[1]] = each
    for card in cards:
        for capture in card.captures:
            yield _of_card(card, capture, by_place.get((card.number, capture.number)), cards)
    listed = {(card.number, capture.number) for card in cards for capture in card.captures}
    for each in openable:
        interface = each.interface
        found = card_of(interface, cards)
        if interface.inputs < 1 or (found is not None and (found[0].number, found[1]) in listed):
            continue
        is_jack = interface.host_api == JACK_HOST_API
        yield ListedInterface(
            name=interface.name,
            host_api=interface.host_api,
            device=card_address(*found, cards) if found is not None else interface.full_name,
            inputs=interface.inputs,
            rates_hz=each.rates_hz,
            runs_at_hz=interface.default_rate_hz if is_jack else 0,
            is_plugin=interface.host_api == ALSA_HOST_API and found is None,
        )


def _of_card(
    card: Card, capture: CaptureDevice, openable: OpenableInterface | None, cards: Sequence[Card]
) -> ListedInterface:
    twins = twins_of(card, cards)
    remark = ""
    if twins:
        ids = ", ".join(each.card_id for each in (card, *twins))
        cure = (
            "named by the USB socket"
            if card.usb_path
            else "give each an id of its own (systemd/80-rigd.rules)"
        )
        remark = f"{ids} are ids that go by the order of plugging; {cure}"
    return ListedInterface(
        name=f"{card.name}: {capture.name}" if capture.name else card.name,
        host_api=ALSA_HOST_API,
        device=card_address(card, capture.number, cards),
        inputs=openable.interface.inputs if openable and openable.interface.inputs else capture.inputs,
        rates_hz=capture.rates_hz or (openable.rates_hz if openable else ()),
        runs_at_hz=capture.runs_at_hz,
        used_by=capture.used_by,
        is_ours=capture.is_ours,
        remark=remark,
    )


def config_lines(listed: ListedInterface) -> str:
    """The [audio] section to paste: the name that stays the same, whatever else is plugged in."""
    rates = ", ".join(str(rate) for rate in listed.rates_hz)
    inputs = f"{listed.inputs} inputs" if listed.inputs else "inputs not known"
    lines = [f"# {listed.name}, {listed.host_api}: {inputs}; rates: {rates or 'not known'}"]
    if listed.used_by:
        whose = "rigd records from it" if listed.is_ours else "in use; nobody else can open it meanwhile"
        lines.append(f"# {whose}: {listed.used_by}")
    if listed.remark:
        lines.append(f"# {listed.remark}")
    if listed.host_api == JACK_HOST_API:
        lines.append("# The rate and the period are the JACK server's.")
    lines += ["[audio]", 'driver = "portaudio"']
    if listed.device:
        lines.append(f"device = {json.dumps(listed.device, ensure_ascii=False)}")
    else:
        lines.append('# device = "hw:CARD=...": nothing tells it from the other now')
    # What is not known is left to the person, rather than a figure that may be wrong.
    lines.append(
        f"sample_rate_hz = {listed.rate_hz}"
        if listed.rate_hz
        else "# sample_rate_hz = what its clock is set to"
    )
    lines.append(f"channels = {listed.inputs}" if listed.inputs else "# channels = how many inputs it has")
    return "\n".join(map(plain_line, lines)) + "\n"


def plugin_lines(listed: Sequence[ListedInterface]) -> str:
    """The names that are not offered, and why; empty where there are none."""
    plugins = plain_line(", ".join(each.name for each in listed if each.is_plugin))
    return plugins and (
        f"# ALSA's plugins are not for recording, as they convert rate and channels without saying so: {plugins}\n"
    )


def found_here() -> FoundHere:
    """For `rigd devices`."""
    listing = list_interfaces()
    plugins = plugin_lines(listing.interfaces)
    return FoundHere(
        title="Audio interfaces",
        pieces=tuple(config_lines(each) for each in listing.interfaces if not each.is_plugin),
        remarks=(plugins,) if plugins else (),
        facts={"interfaces": [to_builtins(each) for each in listing.interfaces]},
        troubles=(f"interfaces: {listing.trouble}",) if listing.trouble else (),
        interfaces=tuple(offered(each) for each in listing.interfaces if not each.is_plugin),
    )


def offered(listed: ListedInterface) -> OfferedInterface:
    """For `rigd init`."""
    words = [f"{listed.name}, {listed.inputs} inputs" if listed.inputs else listed.name]
    trouble = ""
    if listed.is_ours:
        words.append("rigd records from it")
    elif listed.used_by:
        words.append(f"in use by {listed.used_by}")
        trouble = f"the interface is in use by {listed.used_by}: end that program, or record through JACK"
    return OfferedInterface(
        called="; ".join(words),
        lines=config_lines(listed),
        inputs=listed.inputs,
        rate_hz=listed.rate_hz,
        trouble=trouble,
    )


def _ask_portaudio(timeout_s: float) -> list[OpenableInterface]:
    try:
        child = subprocess.run(
            [sys.executable, "-m", "rigd.capture.devices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InterfaceError(
            f"PortAudio did not list the interfaces within {timeout_s:g} s; it was ended. An interface or a "
            "JACK server hangs: unplug it, or start that server again"
        ) from error
    if child.returncode != 0:
        words = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise InterfaceError(
            words
            or f"PortAudio ended as it listed the interfaces (code {child.returncode}). Broken settings of ALSA or "
            "JACK do that: look at ~/.asoundrc and /etc/asound.conf"
        )
    return [
        OpenableInterface(interface=Interface(**plain["interface"]), rates_hz=tuple(plain["rates_hz"]))
        for plain in json.loads(child.stdout)
    ]


def _list_here() -> list[OpenableInterface]:
    clients = read_jack_clients()
    portaudio = PortAudio(client_name=CLIENT_NAME)
    return [
        OpenableInterface(
            interface=interface, rates_hz=portaudio.rates_of(interface, channels=interface.inputs)
        )
        for interface in with_true_inputs(portaudio.interfaces(), clients)
        if interface.inputs > 0
    ]


def main(arguments: Sequence[str]) -> int:
    """The child: prints the list as JSON, or why there is none."""
    if arguments:
        write_line("usage: python -m rigd.capture.devices")
        return 2
    try:
        listed = _list_here()
    except RigError as error:
        write_line(str(error))
        return 1
    write_json([to_builtins(interface) for interface in listed])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
