"""What the kinds of a config remark on its settings: for `rigd check`. What is plugged in now is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rigd.config.kinds import AUDIO_DRIVERS, Kinds, SettingsModels
from rigd.config.rig_config import RigConfig


def identity_warnings(config: RigConfig) -> list[str]:
    """One sentence each, with what to write: a name that may mean another device tomorrow, and the like."""
    driver = SettingsModels(Kinds(AUDIO_DRIVERS))[config.audio.driver]
    sections: list[tuple[str, Any, tuple[str, ...]]] = [
        ("[audio]", driver, (config.audio.device,)),
        *((f"[surface.{surface.name}]", surface.settings, ()) for surface in config.surfaces),
        *((f"[preamp.{preamp.name}]", preamp.settings, ()) for preamp in config.preamps),
        *((f"[{face.name}]", face.settings, ()) for face in config.faces),
    ]
    return [
        f"{section} {warning}" for section, settings, about in sections for warning in _said(settings, *about)
    ]


def _said(settings: Any, *about: str) -> Iterator[str]:
    ask = getattr(settings, "warnings", None)
    if callable(ask):
        yield from ask(*about)
