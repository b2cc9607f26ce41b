"""Kinds of surfaces, preamps and audio drivers, found by entry point; loaded only when a config names them.

A kind's extra package (ALSA, HID, GPIO) is asked for when it is used, by name, and never before.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from rigd.config.options import Options
from rigd.model.errors import ConfigError

SURFACES = "rigd.surfaces"
PREAMPS = "rigd.preamps"
AUDIO_DRIVERS = "rigd.audio_drivers"


class Kinds(Mapping[str, Any]):
    """Name to factory, of one entry point group. A kind is imported when it is asked for."""

    def __init__(self, group: str) -> None:
        self.group = group
        self._points: dict[str, importlib.metadata.EntryPoint] = {}
        for point in importlib.metadata.entry_points(group=group):
            known = self._points.setdefault(point.name, point)
            if known.value != point.value:
                raise ConfigError(
                    f'two packages bring a kind "{point.name}" of {group} ({known.value}, {point.value}); '
                    "uninstall one of them"
                )

    def __getitem__(self, name: str) -> Any:
        """The kind. Raises ConfigError where what it needs is not installed, KeyError for an unknown name."""
        point = self._points[name]
        try:
            return point.load()
        except ImportError as error:
            lacking = error.name or point.module
            cure = f"pip install 'rigd[{point.extras[0]}]'" if point.extras else f"install {lacking}"
            raise ConfigError(
                f'kind "{name}" needs {lacking}, which is not installed ({error}); {cure}'
            ) from error
        except (AttributeError, OSError) as error:
            raise ConfigError(f'kind "{name}" ({point.value}) cannot be loaded: {error}') from error

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)


class NoOptions(Options):
    """The settings of a kind that has none: every option is one that nobody reads."""


class SettingsModels(Mapping[str, type[BaseModel]]):
    """Name to settings model, the attribute `settings_model` of each kind."""

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        self._kinds = kinds

    def __getitem__(self, name: str) -> type[BaseModel]:
        model: type[BaseModel] = getattr(self._kinds[name], "settings_model", NoOptions)
        return model

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)
