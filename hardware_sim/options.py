"""What [audio.simulated] may hold. Imported by the config only; the interface gets plain values."""

from __future__ import annotations

from typing import Literal

from rigd.config.options import Options, option
from rigd.model.access import Access


class SimulatedOptions(Options):
    """The simulated interface's own settings."""

    signal: Literal["counter", "silence", "prbs", "sines", "band", "hot"] = option(
        "band",
        "What it hears: a band, sines, sines of which every second clips, a frame counter, a pseudo-random sequence, "
        "or nothing",
    )
    paced: bool = option(True, "Brings blocks when a real interface would; else as fast as it can")
    drift_ppm: float = option(
        0.0, "How much faster its clock runs than the computer's", unit="ppm", least=-1000, most=1000
    )
    seed: int = option(0, "Another number, another band", least=0, most=2**31)

    @staticmethod
    def access(device: str) -> Access:
        """No device at all."""
        return Access()
