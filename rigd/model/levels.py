"""What is measured: peak, RMS and clipped samples per channel."""

from __future__ import annotations

from dataclasses import dataclass

from rigd.model.units import Frame

FLOOR_DBFS = -144.0
"""What silence reads: the floor of 24 bits, so that no -inf reaches a meter or JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Levels since the last reading; one value a channel of the interface, in input order.

    dBFS: 0 is a full-scale peak; a full-scale sine reads 0 peak and -3.01 RMS.
    """

    at_frame: Frame
    peak_dbfs: tuple[float, ...]
    rms_dbfs: tuple[float, ...]
    clipped: tuple[int, ...]
