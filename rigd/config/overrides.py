"""`--set audio.channels=64`: options given beside the file, which win over it. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, time
from typing import Any

from rigd.config.lines import KeyPath
from rigd.model.errors import ConfigError

_MOST_TABLES = 512


def set_over(document: dict[str, Any], overrides: Sequence[str]) -> dict[KeyPath, str]:
    """`document` holds the overrides; the answer tells which keys came from which of them.

    `channel.3.name=Snare` means the third [[channel]]; where there are fewer, plain ones are put before it.
    Raises ConfigError for what is not KEY=VALUE or does not lead to a key.
    """
    origins: dict[KeyPath, str] = {}
    for override in overrides:
        key, equals, given = override.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts) or len(parts) > 16:
            raise ConfigError(f"--set {override[:80]}: not of the form section.key=value")
        path = _put(document, parts, _value(given.strip()), override)
        origins[path] = f"--set {override[:80]}"
    return origins


def _value(given: str) -> Any:
    """As TOML would read it; a bare word, a path or a date is text."""
    try:
        value = tomllib.loads(f"value = {given}")
    except (ValueError, RecursionError):
        return given
    if list(value) != ["value"] or isinstance(value["value"], date | time):
        return given
    return value["value"]


def _put(document: dict[str, Any], parts: list[str], value: Any, override: str) -> KeyPath:
    here: Any = document
    path: KeyPath = ()
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        following: Any = [] if not last and parts[place + 1].isdecimal() else {}
        if isinstance(here, list):
            index = int(part) - 1 if part.isdecimal() and len(part) < 5 else -1
            if not 0 <= index < _MOST_TABLES:
                raise ConfigError(
                    f"--set {override[:80]}: {part[:20]} is not a place in a list, 1 to {_MOST_TABLES}"
                )
            here += [{} for _ in range(index + 1 - len(here))]
            step: str | int = index
        elif isinstance(here, dict):
            here.setdefault(part, following)
            step = part
        else:
            raise ConfigError(f"--set {override[:80]}: {'.'.join(parts[:place])} is not a section")
        path = (*path, step)
        if last:
            here[step] = value
        else:
            here = here[step]
    return path
