"""Which interfaces there are, and the config lines that name them: for `rigd devices`.

PortAudio is asked in a child of its own (`python -m rigd.capture.devices` prints JSON): its list is frozen
once it is initialised, ALSA may hang on a broken card, and the caller must not become an audio client.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rigd.capture.interfaces import card_id_of, read_card_numbers
from rigd.capture.portaudio_library import JACK_HOST_API, PortAudio
from rigd.model.errors import InterfaceError, RigError

LISTED_WITHIN_S = 20.0
CLIENT_NAME = "rigd-devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInterface:
    """An interface with inputs, as it is now."""

    name: str
    host_api: str
    inputs: int
    default_rate_hz: int
    rates_hz: tuple[int, ...]
    """The usual rates it can be opened at now; empty while another program holds it."""
    card_id: str = ""
    """ALSA's stable id of the card, or empty."""
    is_default: bool = False

    @property
    def full_name(self) -> str:
        """What `[audio] device` takes in any case."""
        return f"{self.name}, {self.host_api}"


def list_interfaces(*, timeout_s: float = LISTED_WITHIN_S) -> tuple[ListedInterface, ...]:
    """Every interface with inputs. Raises InterfaceError: PortAudio missing, broken, or hanging."""
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
        raise InterfaceError(words or f"listing the interfaces failed with code {child.returncode}")
    return tuple(
        ListedInterface(**{**plain, "rates_hz": tuple(plain["rates_hz"])})
        for plain in json.loads(child.stdout)
    )


def config_lines(listed: ListedInterface) -> str:
    """The [audio] section to paste: the name that stays the same, whatever else is plugged in."""
    device = f"hw:CARD={listed.card_id}" if listed.card_id else listed.full_name
    rates = ", ".join(str(rate) for rate in listed.rates_hz) or "none now: another program holds it"
    lines = [
        f"# {listed.full_name}: {listed.inputs} inputs; rates: {rates}",
        "[audio]",
        'driver = "portaudio"',
        f"device = {json.dumps(device, ensure_ascii=False)}",
        f"sample_rate_hz = {listed.default_rate_hz}",
        f"channels = {listed.inputs}",
    ]
    if listed.host_api == JACK_HOST_API:
        lines.insert(1, "# The rate and the period are the JACK server's.")
    return "\n".join(lines) + "\n"


def _list_here() -> list[ListedInterface]:
    portaudio = PortAudio(client_name=CLIENT_NAME)
    cards = read_card_numbers()
    return [
        ListedInterface(
            name=interface.name,
            host_api=interface.host_api,
            inputs=interface.inputs,
            default_rate_hz=interface.default_rate_hz,
            rates_hz=portaudio.rates_of(interface, channels=interface.inputs),
            card_id=card_id_of(interface, cards),
            is_default=interface.is_default,
        )
        for interface in portaudio.interfaces()
        if interface.inputs > 0
    ]


def main(arguments: Sequence[str]) -> int:
    """The child: prints the list as JSON, or why there is none."""
    if arguments:
        print("usage: python -m rigd.capture.devices", file=sys.stderr)
        return 2
    try:
        listed = _list_here()
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps([asdict(interface) for interface in listed]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
