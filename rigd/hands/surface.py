"""What a surface is to the rest of the rig: controls come in as ControlInput, truth goes out as state.

bytes -> surface -> ControlInput -> gesture and binding (pure) -> Command -> controller.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from rigd.model.access import Access
from rigd.model.commands import Command
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus
from rigd.model.units import Ns


class Motion(StrEnum):
    """What a control just did."""

    PRESS = "press"
    RELEASE = "release"
    HELD = "held"  # it is down, but nobody saw it go down: told at start and at a port's return, never acts
    TRIGGER = "trigger"  # a press whose release is never told (program change, latching switch, MMC)
    ABSOLUTE = "absolute"  # value 0.0 to 1.0: a fader's or knob's place
    RELATIVE = "relative"  # value: detents turned, signed
    LET_GO = (
        "let go"  # the device itself says that nothing is held ("all notes off"): a release without an action
    )


class ControlInput(Struct, frozen=True, kw_only=True):
    """A control moved. `at_ns` is when the driver had it, CLOCK_MONOTONIC."""

    surface: str
    """The surface's name in the config: [surface.<name>]."""
    control: str
    """The control's name on it: "cc 80", "note 60", "fader 1", "encoder 2", "button 3"."""
    motion: Motion
    value: float = 0.0
    at_ns: Ns
    """When it happened."""
    is_doubtful: bool = False
    """Of a PRESS: which way round the switch is, is not known yet, so a foot may have gone up. It makes no hold."""


class ControlSink(Protocol):
    """Takes what surfaces find. Never blocks; any thread may call it."""

    def moved(self, control_input: ControlInput) -> None:
        """A control moved."""

    def said(self, surface: str, text: str, at_ns: Ns) -> None:
        """The surface names a command itself ("keep 20"), as a line protocol or OSC can."""

    def do(self, surface: str, command: Command, *, control: str) -> None:
        """The surface has made a command itself, as one with banks and layers does: what its fader 3 means is its own
        affair. `control` is what moved; `answered` gets it back. `allow` says which commands it may make. Of a sweep
        it makes one every 20 ms and the last place, and no command for each step."""

    def gone(self, surface: str) -> None:
        """The port vanished: every control held on it counts as released, without an action."""

    def surface_status(self, status: SurfaceStatus) -> None:
        """What is true of the surface's port now. Said whenever it is another one, first soon after the start."""


class SurfaceSettings(Protocol):
    """What the settings model of a kind may say besides its options. `rigd check` asks it; each may be missing."""

    def motions_of(self, control: str) -> frozenset[Motion]:
        """What the control of that name can do. Raises SurfaceError, with the forms there are, where the kind has
        none of that name."""

    def warnings(self) -> Iterator[str]:
        """What a person should know of them, a sentence each: "port ... may mean another device tomorrow"."""

    def access(self) -> Access:
        """What it opens on this machine, so that the units of the service let it."""

    @property
    def names_commands(self) -> bool:
        """It makes commands itself (`said`, `do`) and not only moves controls. `allow` says which it may."""

    def channels_shown(self) -> Iterator[tuple[tuple[str | int, ...], str, int]]:
        """The channels that its options name: where each stands, how it reads there, the channel's number."""


class Surface(Protocol):
    """One [surface.<name>]. Found by the entry point group "rigd.surfaces": a function
    `(name, settings, bindings, sink) -> Surface`, which opens nothing yet: one of the same name may still run. Its
    settings model (`SurfaceSettings`) is the attribute `settings_model` of it. `bindings` are what its controls do:
    so it can show a gain beside the control that turns it, or listen to no more than it has to.

    The function may have attributes `found_here() -> FoundHere` (`rigd.model.found`), for `rigd devices` and `rigd
    init`, and `learner(clock) -> Learner` (`rigd.hands.learning`), for `rigd learn`. A surface that holds a serial
    line may have an attribute `overheard` (`rigd.wire.overheard`), so that what comes there can be learnt while it
    runs."""

    name: str

    @property
    def shows_levels(self) -> bool:
        """Whether it would show levels now. Asked after each `show`, on the same thread; no levels are read while no
        surface shows any."""

    def start(self) -> None:
        """Its thread finds its port and reopens it by itself, until `stop`; a missing port is no error."""

    def stop(self) -> None:
        """Port closed, threads joined, LEDs dark."""

    def show(self, state: RigState, levels: Levels | None) -> None:
        """Feedback is drawn from this. Called some 20 times a second at most; returns at once. What the wire does not
        take yet it keeps: the newest state, and of levels the loudest peak and every clip (`louder_of`). `levels` are
        those since the last time, None where there are none."""

    def answered(self, control: str, accepted: bool, text: str) -> None:
        """The reply to a command that came from this control (empty for one that was named by its text)."""
