"""What is measured on every channel, and never what a preamp is set to (that is gain)."""

from __future__ import annotations

from msgspec import Struct

from rigd.model.units import Frame

FLOOR_DBFS = -144.0
"""Shown for silence and anything quieter: the floor of 24 bits."""


class Levels(Struct, frozen=True, kw_only=True):
    """Levels of every channel over a stretch that ends before `at_frame`, in the order of the tape's rows."""

    at_frame: Frame
    peak_dbfs: tuple[float, ...]
    """Largest sample, 0 dBFS = full scale. Above 0 only where a driver delivers floats beyond it."""
    rms_dbfs: tuple[float, ...]
    """Root of the mean square against a square wave at full scale: a full-scale sine is -3.01."""
    clipped: tuple[int, ...]
    """Samples at full scale."""
