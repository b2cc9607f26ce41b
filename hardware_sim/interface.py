"""The simulated interface: an audio driver that feeds the tape's C core as PortAudio does, block by block.

It is named in the config (driver = "simulated"); rigd has no branch for it. While it is open it is
the card of card.py.

A person gives it faults with: python -m hardware_sim.interface RUNTIME_DIR overflow 480
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hardware_sim.fault_words import FAULTS, FaultError
from hardware_sim.faults import CardState, FaultClient, read_card
from rigd.capture.driver import FoundInterface, SettingsModel
from rigd.model.errors import InterfaceError, MismatchError
from rigd.model.found import FoundHere, OfferedInterface
from rigd.model.messages import CaptureSettings

if TYPE_CHECKING:
    from hardware_sim.card import Card
    from rigd.tape.capture_core import CaptureCore

NAME = "Simulated interface"
HOST_API = "hardware_sim"
FULL_SCALE = 8_388_608.0
OFFERED = OfferedInterface(
    called="a simulated one, which hears a band",
    lines="""\
[audio]
driver = "simulated"
channels = 8
sample_rate_hz = 48000

[audio.simulated]
signal = "band"
""",
    inputs=8,
    rate_hz=48_000,
    simulated=True,
)


class SimulatedDriver:
    """An interface with any number of inputs, any rate, and any fault."""

    settings_model = SettingsModel("hardware_sim.options:SimulatedOptions")

    @staticmethod
    def found_here() -> FoundHere:
        """For `rigd init`; nothing of it is plugged in, so `rigd devices` has nothing to show."""
        return FoundHere(title="", interfaces=(OFFERED,))

    def __init__(self, settings: CaptureSettings, runtime: Path) -> None:
        self._settings = settings
        self._runtime = runtime
        self._card: Card | None = None
        self._channels = settings.tape.channels

    @property
    def in_callback(self) -> bool:
        return False

    def find(self) -> FoundInterface:
        """It is there, unless it was told to vanish."""
        card = read_card(self._runtime) or CardState()
        if card.vanished:
            raise InterfaceError(
                f'interface "{NAME}" is not there: it was told to vanish. Nothing was opened. Bring it back: '
                "python -m hardware_sim.interface RUNTIME_DIR return"
            )
        wanted, device = self._settings.tape, f"{card.otherwise.name or NAME}, {HOST_API}"
        rate = card.otherwise.sample_rate_hz or wanted.sample_rate_hz
        if rate != wanted.sample_rate_hz:
            raise MismatchError(
                f'interface "{device}" does not run at {wanted.sample_rate_hz} Hz; it runs at {rate} Hz. Nothing was '
                "opened. Bring it back as it was: python -m hardware_sim.interface RUNTIME_DIR return"
            )
        self._channels = min(wanted.channels, card.otherwise.channels or wanted.channels)
        return FoundInterface(
            device=device,
            host_api=HOST_API,
            sample_rate_hz=rate,
            channels=self._channels,
            full_scale=FULL_SCALE,
            simulated=True,
        )

    def start(self, core: CaptureCore) -> None:
        """Its thread runs and feeds the core."""
        from hardware_sim.card import (
            Card,  # numpy comes with it: the daemon, which only reads the options, needs none
        )

        self._card = Card(self._settings, self._runtime, core, channels=self._channels)
        self._card.start()

    def stop(self) -> None:
        """Its thread has ended."""
        if self._card is not None:
            self._card.stop()
            self._card = None


def main(arguments: Sequence[str]) -> int:
    """Gives one fault to a running simulated interface. Returns 0, or 2 where that was not possible."""
    if len(arguments) < 2:
        print("usage: python -m hardware_sim.interface RUNTIME_DIR FAULT [AMOUNT]\n\nfaults:")
        for kind in FAULTS:
            amount = f"{kind.word} {kind.unit.upper()}" if kind.unit else kind.word
            print(f"  {amount:<24} {kind.does}")
        return 2
    try:
        receipt = FaultClient(Path(arguments[0])).give(" ".join(arguments[1:]))
    except FaultError as error:
        print(error, file=sys.stderr)
        return 2
    print(receipt if receipt is not None else "done; no process has the interface open")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
