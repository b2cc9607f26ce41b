"""What a Follower wants of its device, one at a time: the kind of preamp puts it on its wire. Pure."""

from __future__ import annotations

from msgspec import Struct

from rigd.model.units import SettingName


class Read(Struct, frozen=True):
    """The device is asked what one setting of one socket is."""

    socket: int
    name: SettingName


class ReadSocket(Struct, frozen=True):
    """The device is asked for all settings of one socket at once."""

    socket: int


class Write(Struct, frozen=True):
    """The device is to set it to that value."""

    socket: int
    name: SettingName
    value: float


class Probe(Struct, frozen=True):
    """The device is asked whether it is there, and which it is."""


class Subscribe(Struct, frozen=True):
    """The device is asked to report every change by itself, from now on for a while."""


Order = Read | ReadSocket | Write | Probe | Subscribe
