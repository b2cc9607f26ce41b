"""A config taken apart, section by section, before what two of them say together is looked at. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from rigd.config.rig_config import FaceConfig, PreampConfig, SurfaceConfig
from rigd.config.sections import (
    AudioSection,
    BindingSection,
    BlackBoxSection,
    ChannelSection,
    ControlSection,
    DiskSection,
    HooksSection,
    MirrorSection,
    RigSection,
    TakeSection,
    TapeSection,
)
from rigd.model.roles import Role
from rigd.model.state import Channel
from rigd.model.units import ChannelNumber, InputNumber


class SurfaceDraft(Struct, frozen=True, kw_only=True):
    """[surface.<name>] taken apart."""

    kind: str
    settings: BaseModel | None
    bindings: tuple[BindingSection | None, ...]
    allow: tuple[str, ...] | None = None
    role: Role = Role.OWNER


class FaceDraft(Struct, frozen=True, kw_only=True):
    """[<name>] of a face taken apart."""

    settings: BaseModel | None
    role: Role


class Draft(Struct, frozen=True, kw_only=True):
    """A config taken apart; what could not be read is None and has its fault already."""

    rig: RigSection | None
    audio: AudioSection | None
    tape: TapeSection | None
    take: TakeSection | None
    disk: DiskSection | None
    control: ControlSection | None
    mirror: MirrorSection | None
    blackbox: BlackBoxSection | None
    hooks: HooksSection | None
    channels: tuple[ChannelSection | None, ...]
    preamps: dict[str, PreampConfig | None]
    surfaces: dict[str, SurfaceDraft]
    faces: dict[str, FaceDraft]
    driver_options: dict[str, str | int | float | bool]

    def whole_sections(
        self,
    ) -> tuple[
        RigSection, AudioSection, TapeSection, TakeSection, DiskSection, ControlSection, MirrorSection
    ]:
        """Only for a draft without a fault."""
        assert (
            self.rig and self.audio and self.tape and self.take and self.disk and self.control and self.mirror
        )
        return self.rig, self.audio, self.tape, self.take, self.disk, self.control, self.mirror

    def input_of(self, place: int) -> int:
        """The socket of the channel at `place` (from 0) as listed."""
        channel = self.channels[place]
        return place + 1 if channel is None or channel.input is None else channel.input

    def socket_of(self, place: int) -> tuple[str, int] | None:
        """The preamp and its socket, of a channel whose `preamp` is of the form; else None."""
        channel = self.channels[place]
        return None if channel is None else socket_of(channel.preamp)

    def rig_channels(self) -> tuple[Channel, ...]:
        """Listed channels, then one for each input that no table names."""
        assert self.audio
        listed = [self._listed(place) for place in range(len(self.channels))]
        used = {channel.input for channel in listed}
        free = [number for number in range(1, self.audio.channels + 1) if number not in used]
        rest = [
            Channel(
                number=ChannelNumber(len(listed) + place),
                input=InputNumber(number),
                name=f"Input {number}",
                source="",
                armed=True,
            )
            for place, number in enumerate(free, start=1)
        ]
        return (*listed, *rest)

    def _listed(self, place: int) -> Channel:
        channel = self.channels[place]
        assert channel
        number = self.input_of(place)
        preamp, socket = self.socket_of(place) or ("", 0)
        return Channel(
            number=ChannelNumber(place + 1),
            input=InputNumber(number),
            name=channel.name.strip() or f"Input {number}",
            source=channel.source,
            armed=channel.armed,
            preamp=preamp,
            socket=socket,
            gang=channel.gang,
        )

    def whole_surfaces(self) -> tuple[SurfaceConfig, ...]:
        """Only for a draft without a fault."""
        return tuple(
            SurfaceConfig(
                name=name,
                kind=surface.kind,
                settings=surface.settings,
                bindings=tuple(each.binding() for each in surface.bindings if each is not None),
                allow=surface.allow,
                role=surface.role,
            )
            for name, surface in self.surfaces.items()
            if surface.settings is not None
        )

    def whole_faces(self) -> tuple[FaceConfig, ...]:
        """Only for a draft without a fault."""
        return tuple(
            FaceConfig(name=name, settings=face.settings, role=face.role)
            for name, face in self.faces.items()
            if face.settings is not None
        )

    def preamps_in_use(self) -> tuple[PreampConfig, ...]:
        """The preamps with the sockets that channels use, in ascending order."""
        sockets: dict[str, set[int]] = {name: set() for name in self.preamps}
        for place in range(len(self.channels)):
            if found := self.socket_of(place):
                sockets[found[0]].add(found[1])
        return tuple(
            replace(preamp, sockets=tuple(sorted(sockets[name])))
            for name, preamp in self.preamps.items()
            if preamp is not None
        )


def socket_of(preamp: str) -> tuple[str, int] | None:
    name, colon, socket = preamp.rpartition(":")
    if not colon or not name or not (socket.isascii() and socket.isdigit()) or len(socket) > 4:
        return None
    return name, int(socket)
