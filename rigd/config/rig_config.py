"""The whole config of a rig, read, checked and frozen. Parts take from it what they need. Pure."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from pydantic import BaseModel

from rigd.config.sections import (
    AudioSection,
    BlackBoxSection,
    ControlSection,
    DiskSection,
    HooksSection,
    RigSection,
    TakeSection,
    TapeSection,
)
from rigd.hands.bindings import Binding
from rigd.model.commands import COMMANDS
from rigd.model.errors import ConfigError
from rigd.model.messages import CaptureSettings, TapeGeometry, WriterSettings
from rigd.model.names import Naming, parse_naming
from rigd.model.roles import SCOPES, Role
from rigd.model.state import Channel
from rigd.model.take import SAMPLE_BYTES
from rigd.rules.permissions import Principal, surface_principal
from rigd.rules.tape_size import capacity_frames_for, tape_bytes


class PreampConfig(Struct, frozen=True, kw_only=True):
    """[preamp.<name>]: `settings` is of the kind's own `settings_model`."""

    name: str
    kind: str
    settings: BaseModel
    sockets: tuple[int, ...]
    """The preamp channels, 1-based, that [[channel]] tables use."""


class SurfaceConfig(Struct, frozen=True, kw_only=True):
    """[surface.<name>]: `settings` is of the kind's own `settings_model`."""

    name: str
    kind: str
    settings: BaseModel
    bindings: tuple[Binding, ...]
    allow: tuple[str, ...] | None = None
    """What it may name itself; None: what its controls are bound to."""

    role: Role = Role.OWNER

    @property
    def principal(self) -> Principal:
        """Who it is to the rig, and what it may do."""
        return surface_principal(self.name, self.role, self.bindings, self.allow)

    @property
    def may_name(self) -> tuple[str, ...]:
        """The commands that it may name itself; none where a surface of its kind cannot."""
        can, who = getattr(self.settings, "names_commands", False), self.principal
        if who.rights is None or not can:
            return ()
        scopes = SCOPES[self.role]
        return tuple(str(each) for each in who.rights.named if COMMANDS[each.verb].scope in scopes)


class FaceConfig(Struct, frozen=True, kw_only=True):
    """[NAME]: `settings` is of the face's own `settings_model`."""

    name: str
    settings: BaseModel
    role: Role = Role.OWNER


class RigConfig(Struct, frozen=True, kw_only=True):
    """All that was configured; every reference in it holds."""

    path: Path
    library: Path
    """Absolute."""
    mirror: Path | None
    """The second volume's library, absolute; None: there is none."""
    runtime_dir: Path
    """Absolute."""
    rig: RigSection
    audio: AudioSection
    tape: TapeSection
    take: TakeSection
    disk: DiskSection
    control: ControlSection
    channels: tuple[Channel, ...]
    """One for each input rigd listens to, in order; preamp settings as yet unknown."""
    preamps: tuple[PreampConfig, ...]
    surfaces: tuple[SurfaceConfig, ...]
    faces: tuple[FaceConfig, ...]
    """Those whose section stands in the file."""
    blackbox: BlackBoxSection
    blackbox_folder: Path
    """Absolute."""
    hooks: HooksSection = field(default_factory=HooksSection)
    driver_options: dict[str, str | int | float | bool] = field(default_factory=dict)
    """[audio.<driver>], checked by the driver's model where it has one."""

    def session_name(self) -> str:
        """What the first session of a day is called."""
        return self.rig.session or self.rig.name

    def tape_geometry(self) -> TapeGeometry:
        """The shape of the tape that keeps the promises of [tape] and [take]."""
        return TapeGeometry(
            channels=self.audio.channels,
            sample_rate_hz=self.audio.sample_rate_hz,
            capacity_frames=capacity_frames_for(
                sample_rate_hz=self.audio.sample_rate_hz,
                stall_seconds=self.tape.stall_seconds,
                preroll_seconds=self.take.preroll_seconds,
                keep_seconds=self.tape.keep_seconds,
            ),
        )

    def tape_bytes(self) -> int:
        """The memory that the tape's samples take."""
        return tape_bytes(self.tape_geometry())

    def capture_settings(self) -> CaptureSettings:
        """What `rigd-capture` is started with."""
        return CaptureSettings(
            driver=self.audio.driver,
            device=self.audio.device,
            period_frames=self.audio.period_frames,
            tape=self.tape_geometry(),
            options=dict(self.driver_options),
        )

    def writer_settings(self) -> WriterSettings:
        """What `rigd-writer` is started with."""
        return WriterSettings(
            library_root=str(self.library),
            sync_interval_ms=self.take.sync_interval_ms,
            beside="" if self.mirror is None else str(self.mirror),
        )

    def mirror_settings(self) -> WriterSettings | None:
        """What the mirror's writer is started with."""
        if self.mirror is None:
            return None
        return replace(
            self.writer_settings(), library_root=str(self.mirror), spare=True, beside=str(self.library)
        )

    def blackbox_settings(self) -> WriterSettings:
        """What the black box's `rigd-writer` is started with."""
        return WriterSettings(
            library_root=str(self.blackbox_folder), sync_interval_ms=self.take.sync_interval_ms, spare=True
        )

    def blackbox_bytes_per_second(self) -> int:
        """What the black box writes, day and night."""
        return len(self.channels) * self.audio.sample_rate_hz * SAMPLE_BYTES[self.take.sample]

    def blackbox_bytes(self) -> int:
        """The most that it has on disk: its minutes, the segment that is next to go, and the two being written."""
        seconds = 60 * self.blackbox.minutes + 4 * self.blackbox.segment_seconds
        return round(seconds * self.blackbox_bytes_per_second()) if self.blackbox.minutes else 0

    def naming(self) -> Naming:
        """How folders and files are called."""
        return parse_naming(
            take_folder=self.take.folder,
            mono_file=self.take.file,
            poly_file=self.take.poly_file,
            error=ConfigError,
        )
