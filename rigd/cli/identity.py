"""What the kinds of a config remark on its settings: for `rigd check`. What is plugged in now is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rigd.config.kinds import AUDIO_DRIVERS, Kinds, SettingsModels
from rigd.config.rig_config import RigConfig
from rigd.model.channels import channels_text
from rigd.model.state import Channel


def identity_warnings(config: RigConfig) -> list[str]:
    """One sentence each, with what to write: a name that may mean another device tomorrow, and the like."""
    driver = SettingsModels(Kinds(AUDIO_DRIVERS))[config.audio.driver]
    sections: list[tuple[str, Any, tuple[str, ...]]] = [
        ("[audio]", driver, (config.audio.device,)),
        *((f"[surface.{surface.name}]", surface.settings, ()) for surface in config.surfaces),
        *((f"[preamp.{preamp.name}]", preamp.settings, ()) for preamp in config.preamps),
        *((f"[{face.name}]", face.settings, ()) for face in config.faces),
    ]
    warnings = [
        f"{section} {warning}" for section, settings, about in sections for warning in _said(settings, *about)
    ]
    return [*warnings, *_names_of_two(config)]


def _names_of_two(config: RigConfig) -> Iterator[str]:
    """Channels of one name, whatever its capitals: a person, a file's name and a command by name mean one of them."""
    called: dict[str, list[Channel]] = {}
    for channel in config.channels:
        called.setdefault(channel.name.strip().casefold(), []).append(channel)
    for channels in called.values():
        if len(channels) > 1:
            numbers = channels_text([channel.number for channel in channels])
            yield (
                f'[[channel]] name = "{channels[0].name}" is the name of channels {numbers}: only their numbers tell '
                "them apart in takes and commands; give each a name of its own"
            )


def _said(settings: Any, *about: str) -> Iterator[str]:
    ask = getattr(settings, "warnings", None)
    if callable(ask):
        yield from ask(*about)
