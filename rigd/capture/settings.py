"""Reads what rigd-capture was told, from capture.json. At start only.

By hand and not by rigd.wire.codec: that needs pydantic, a tenth of a second (half a second on a Raspberry
Pi) between a killed capture and the next frame.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rigd.model.errors import InterfaceError
from rigd.model.messages import CaptureSettings, TapeGeometry
from rigd.wire.own_folder import read_own

FILE_NAME = "capture.json"


def read_settings(runtime: Path) -> CaptureSettings:
    """The settings in the runtime folder. Raises InterfaceError that names the field which is wrong."""
    path = runtime / FILE_NAME
    try:
        plain = json.loads(read_own(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InterfaceError(
            f"{path} cannot be read ({error}). Nothing was opened. Start rigd-capture through: rigd run"
        ) from error
    geometry = _field(plain, "tape", dict, path)
    options = _field(plain, "options", dict, path) if "options" in plain else {}
    if not all(isinstance(value, str | int | float | bool) for value in options.values()):
        raise InterfaceError(f"{path}: options takes text, numbers, true and false only. Nothing was opened")
    return CaptureSettings(
        driver=_field(plain, "driver", str, path),
        device=_field(plain, "device", str, path),
        period_frames=_field(plain, "period_frames", int, path, least=1),
        tape=TapeGeometry(
            channels=_field(geometry, "channels", int, path, least=1),
            sample_rate_hz=_field(geometry, "sample_rate_hz", int, path, least=1),
            capacity_frames=_field(geometry, "capacity_frames", int, path, least=1),
        ),
        options=options,
    )


def _field(plain: Any, name: str, kind: type, path: Path, *, least: int | None = None) -> Any:
    value: Any = plain.get(name) if isinstance(plain, dict) else None
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits or (least is not None and value < least):
        raise InterfaceError(f"{path}: {name} is missing or is not what it has to be. Nothing was opened")
    return value
