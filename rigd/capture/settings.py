"""Reads what rigd-capture was told, from capture.json. At start only."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rigd.model.errors import InterfaceError
from rigd.model.messages import CaptureSettings
from rigd.model.structs import loaded, structured
from rigd.wire.codec import where_and_why
from rigd.wire.own_folder import read_own

FILE_NAME = "capture.json"


def read_settings(runtime: Path) -> CaptureSettings:
    """The settings in the runtime folder. Raises InterfaceError that names the field which is wrong."""
    path = runtime / FILE_NAME
    try:
        settings = structured(loaded(read_own(path)), CaptureSettings)
    except msgspec.ValidationError as error:
        raise InterfaceError(f"{path}: {where_and_why(error, 'file')}. Nothing was opened") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InterfaceError(
            f"{path} cannot be read ({error}). Nothing was opened. Start rigd-capture through: rigd run"
        ) from error
    tape = settings.tape
    for name, value in (
        ("period_frames", settings.period_frames),
        ("tape.channels", tape.channels),
        ("tape.sample_rate_hz", tape.sample_rate_hz),
        ("tape.capacity_frames", tape.capacity_frames),
    ):
        if value < 1:
            raise InterfaceError(f"{path}: {name} must be at least 1. Nothing was opened")
    return settings
