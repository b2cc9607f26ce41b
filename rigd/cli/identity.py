"""What of a config may mean another device tomorrow: for `rigd check`. Pure; what is plugged in now is not asked."""

from __future__ import annotations

from rigd.capture.interfaces import is_card_number
from rigd.config.rig_config import RigConfig, SurfaceConfig
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.serial.settings import SerialSettings
from rigd.wire.midi.links import SERIAL_PREFIX
from rigd.wire.midi.names import remark_on, stable_name
from rigd.wire.serial_ports import is_counted


def identity_warnings(config: RigConfig) -> list[str]:
    """One sentence each, with what to write."""
    warnings = []
    if is_card_number(config.audio.device):
        warnings.append(
            f'[audio] device "{config.audio.device}" is a card\'s number, which goes by the order of plugging: rigd '
            "refuses it. Write hw:CARD=... as rigd devices prints it"
        )
    for surface in config.surfaces:
        if told := _of_surface(surface):
            warnings.append(f"[surface.{surface.name}] port {told}")
    return warnings


def _of_surface(surface: SurfaceConfig) -> str:
    settings = surface.settings
    if isinstance(settings, SerialSettings) and is_counted(settings.port):
        return (
            f'"{settings.port}" is the order of plugging: with two such boxes rigd refuses it. Write usb_serial or '
            "usb_path as rigd devices prints it"
        )
    if isinstance(settings, MidiSettings):
        line = settings.port.removeprefix(SERIAL_PREFIX)
        if line != settings.port and is_counted(line):
            return (
                f'"{settings.port}" is the order of plugging: with two such lines rigd refuses it. Write '
                "serial:/dev/serial/by-id/... or by-path/..., as rigd learn prints it"
            )
        if remark := remark_on(stable_name(settings.port)):
            return f'"{settings.port}" is {remark}'
    return ""
