"""What an audio driver is: it finds an interface, and brings its blocks to the tape's C core.

Drivers are found by entry point (group "rigd.audio_drivers"), so that anyone can ship one. This file imports
neither numpy nor pydantic: what the capture process needs before the first block has to be light.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from rigd.model.errors import InterfaceError
from rigd.model.messages import CaptureSettings

if TYPE_CHECKING:
    from rigd.tape.capture_core import CaptureCore

GROUP = "rigd.audio_drivers"
OWN_DRIVERS = {"portaudio": "rigd.capture.portaudio:PortAudioDriver"}
"""As pyproject.toml has it. To read what is installed takes 4 MB, and a tenth of a start to the first frame."""


class FoundInterface(Struct, frozen=True, kw_only=True):
    """The interface that will be opened."""

    device: str
    """Its full name, fit for the config."""
    host_api: str
    sample_rate_hz: int
    channels: int
    """How many are taken of it, from its first input on: as many as were asked for, or all that it has."""
    full_scale: float
    """What the driver divides a 24-bit code by; the tape is made with it."""
    warnings: tuple[str, ...] = ()
    """What a person should know of this interface; each with its cure."""
    usb_serial: str = ""
    """Its serial number, which tells it from an equal one; empty where it has none."""
    simulated: bool = False
    """No sound ever comes to it: what it brings is made up."""


class StreamLeft(Exception):
    """Not an error: the process may end at once, and nothing of the stream is to be touched before."""


class AudioDriver(Protocol):
    """One interface, opened once. Made, and all its methods called, by one thread; `stop` perhaps by
    another, after the others returned. Errors are InterfaceError. Whether it still brings blocks is not
    asked of it: the tape's frame counter tells.

    A driver may have an attribute `settings_model`, the pydantic model of its options in
    [audio.<driver>]; see SettingsModel for how to have it without importing pydantic here. It may have a static
    method `found_here() -> FoundHere`, for `rigd devices` and `rigd init`.
    """

    def __init__(self, settings: CaptureSettings, runtime: Path) -> None: ...

    @property
    def in_callback(self) -> bool:
        """True when a thread of the driver's library delivers the blocks, which should be SCHED_FIFO."""
        ...

    def find(self) -> FoundInterface:
        """The interface that the settings mean, with its rate checked (MismatchError), also where it has fewer
        inputs. Opens nothing yet."""
        ...

    def start(self, core: CaptureCore) -> None:
        """Blocks come to `core` from now on, on one thread, until `stop`."""
        ...

    def stop(self) -> None:
        """No block comes any more. May hang, if the interface does: the caller has a time-out. Raises StreamLeft
        where nobody waits for this process any more, and what it has of the stream ends best with it."""
        ...


class SettingsModel:
    """A class attribute that imports the model "module:Name" when it is first looked at: the config
    reads it, the capture process never does."""

    def __init__(self, where: str) -> None:
        self._module, _, self._name = where.partition(":")

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return getattr(importlib.import_module(self._module), self._name)


def load_driver(name: str) -> type[AudioDriver]:
    """The driver class of that name. Raises InterfaceError that lists what there is."""
    own = OWN_DRIVERS.get(name)
    if own is not None:
        module, _, class_name = own.partition(":")
        found: type[AudioDriver] = getattr(importlib.import_module(module), class_name)
        return found

    from rigd.wire.entry_points import points_of  # only where a driver is not rigd's own

    points = {point.name: point for point in points_of(GROUP)[0]}
    point = points.get(name)
    if point is None:
        raise InterfaceError(
            f'[audio] driver "{name}" is not installed; there are: {", ".join(sorted(points)) or "none"}. '
            "Nothing was opened. Name one of these, or install the package that brings it"
        )
    try:
        driver: type[AudioDriver] = point.load()
    except Exception as error:  # a stranger's module runs what it likes as it is imported
        raise InterfaceError(
            f'[audio] driver "{name}" ({point.value}) cannot be loaded ({error}). Nothing was opened. '
            "Install the package that brings it again"
        ) from error
    return driver
