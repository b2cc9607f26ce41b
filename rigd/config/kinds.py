"""Kinds of surfaces, preamps, audio drivers and faces, found by entry point; loaded only when a config names them.

Nobody here knows a kind by its name. What one needs (ALSA, HID, GPIO) is asked for when it is used, and never
before; one that is broken stands in the way of nobody who does not name it.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from rigd.config.options import Options
from rigd.model.errors import ConfigError, RigError
from rigd.wire.entry_points import points_of

log = logging.getLogger(__name__)

SURFACES = "rigd.surfaces"
PREAMPS = "rigd.preamps"
AUDIO_DRIVERS = "rigd.audio_drivers"
FACES = "rigd.faces"
GROUPS = (AUDIO_DRIVERS, SURFACES, PREAMPS, FACES)


class Kinds(Mapping[str, Any]):
    """Name to factory, of one entry point group. A kind is imported when it is asked for."""

    def __init__(self, group: str) -> None:
        self.group = group
        self._points: dict[str, list[importlib.metadata.EntryPoint]] = {}
        points, self.unreadable = points_of(group)
        """Packages that cannot say what they bring, a line each."""
        for point in points:
            known = self._points.setdefault(point.name, [])
            if all(each.value != point.value for each in known):
                known.append(point)

    def __getitem__(self, name: str) -> Any:
        """The kind. Raises ConfigError where it cannot be used, with the cure; KeyError for an unknown name."""
        point, *others = self._points[name]
        if others:
            raise ConfigError(
                f'two packages bring a kind "{name}" of {self.group} ({point.value}, {others[0].value}); '
                "uninstall one of them"
            )
        try:
            return point.load()
        except ImportError as error:
            lacking = error.name or point.module
            cure = f"pip install 'rigd[{point.extras[0]}]'" if point.extras else f"install {lacking}"
            raise ConfigError(
                f'kind "{name}" needs {lacking}, which is not installed ({error}); {cure}'
            ) from error
        except Exception as error:  # a stranger's module runs what it likes as it is imported
            raise ConfigError(
                f'kind "{name}" ({point.value}) cannot be loaded: {error or repr(error)}; '
                f"install {_package_of(point)} again, or another version of it"
            ) from error

    def make(self, section: str, name: str, *arguments: Any) -> Any:
        """One of that kind, for that section. Raises ConfigError."""
        kind = self[name]
        try:
            return kind(*arguments)
        except RigError:
            raise
        except Exception as error:
            log.exception("%s: its kind broke", section)
            raise ConfigError(
                f'{section} kind "{name}" cannot be made: {error or repr(error)}. Nothing was started. See the log; '
                "take the section out, or install another version of the package that brings this kind"
            ) from error

    def that_have(self, attribute: str, *names: str) -> Iterator[tuple[str, Any]]:
        """Of these kinds (none named: of all) the name and that attribute, where a kind has it. One that cannot be
        used, or breaks as it is asked, has the ConfigError in its place: it stands in nobody's way."""
        for name in names or self:
            try:
                found = getattr(self[name], attribute, None)
            except ConfigError as error:
                yield name, error
            except Exception as error:  # a stranger's code
                why = f'kind "{name}" of {self.group} broke as it was asked for {attribute}: {error or repr(error)}'
                yield name, ConfigError(why)
            else:
                if found is not None:
                    yield name, found

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)


def _package_of(point: importlib.metadata.EntryPoint) -> str:
    """What to install; the module where the package does not say."""
    try:
        return point.dist.name if point.dist is not None else point.module
    except Exception:
        return point.module


class NoOptions(Options):
    """The settings of a kind that has none: every option is one that nobody reads."""


class SettingsModels(Mapping[str, type[BaseModel]]):
    """Name to settings model, the attribute `settings_model` of each kind."""

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        self._kinds = kinds

    def __getitem__(self, name: str) -> type[BaseModel]:
        """Raises as `Kinds`, also where the model is none."""
        kind = self._kinds[name]
        try:
            model = getattr(kind, "settings_model", NoOptions)
        except Exception as error:
            raise ConfigError(
                f'kind "{name}": its settings cannot be loaded: {error or repr(error)}'
            ) from error
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise ConfigError(
                f'kind "{name}": its settings_model is no model of settings (rigd.config.options)'
            )
        return model

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)
