"""What a control does: one Binding a [[surface.<name>.binding]] of the config, checked. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from rigd.model.channels import channels_of
from rigd.model.command_text import parse_command
from rigd.model.commands import Command, NudgeGain
from rigd.model.units import ChannelNumber, Ns, Origin

Encoder = Literal["twos complement", "offset", "sign bit"]
"""How an encoder tells one to the right and one to the left by its values: 1 and 127, 65 and 63, or 1 and 65."""


class Bound(Protocol):
    """What a [[surface.<name>.binding]] says, read or not yet: of a gesture only whether it has a command."""

    @property
    def control(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def gain(self) -> int | None: ...
    @property
    def nudge(self) -> int | None: ...
    @property
    def encoder(self) -> str | None: ...
    @property
    def pressed(self) -> int | None: ...
    @property
    def released(self) -> int | None: ...
    @property
    def step_db(self) -> float: ...
    @property
    def debounce_ms(self) -> int: ...
    @property
    def double_ms(self) -> int: ...
    @property
    def hold_ms(self) -> int: ...
    @property
    def long_hold_ms(self) -> int: ...


class Binding(Struct, frozen=True, kw_only=True):
    """Control to command. The gestures hold commands as they are given but for their time (`given_now`): their texts
    were read once, with the config. None means nothing.

    `gain` and `nudge` bind a fader or an encoder to a channel's preamp gain instead.
    """

    control: str
    """As the surface names it: "cc 80", "note 60 ch 2", "program 3", "mmc record", "fader 1", "button 2"."""
    mode: Literal["momentary", "latching", "trigger"] = "momentary"
    """momentary: press and release are told. latching: every message is one press. trigger: press only."""
    pressed: int | None = None
    """Of a switch made of values: what it sends when it is down. None: learnt from what it sends."""
    released: int | None = None
    """And what it sends when it is up."""
    press: Command | None = None
    """Acts at once on the press and leaves no room for gestures."""
    release: Command | None = None
    tap: Command | None = None
    double: Command | None = None
    hold: Command | None = None
    long_hold: Command | None = None
    gain: ChannelNumber | None = None
    """An absolute fader or knob that sets this channel's gain over the preamp's range."""
    nudge: ChannelNumber | None = None
    """An encoder that turns this channel's gain by `step_db` a detent."""
    encoder: Encoder | None = None
    """How a controller with `nudge` tells its turns; other encoders tell them by themselves."""
    step_db: float = 1.0
    pickup: bool = True
    """Soft takeover: an absolute control does nothing until it has passed the true value."""
    debounce_ms: int = 30
    double_ms: int = 300
    hold_ms: int = 600
    long_hold_ms: int = 2000

    @property
    def commands(self) -> tuple[Command, ...]:
        """Of its gestures."""
        return tuple(each for name in COMMAND_FIELDS if (each := getattr(self, name)) is not None)


ONE_SWITCH: Mapping[str, str] = MappingProxyType(
    {"tap": "toggle", "double": "next", "hold": "again", "long_hold": "circle"}
)
"""The whole rig under one foot: tap = record/stop, double = keep and go on as the next take, hold = discard
and start again, long hold = circle the last take."""
TWO_GESTURES: Mapping[str, str] = MappingProxyType({"tap": "toggle", "double": "next"})
"""What is left of it on a switch that never tells its release."""

COMMAND_FIELDS = ("press", "release", "tap", "double", "hold", "long_hold")
_NOBODY = Origin("config")


def plain_control(control: str) -> str:
    """Lower case, single spaces: "CC  80 " is "cc 80"."""
    return " ".join(control.lower().split())


def control_fits(bound: str, moved: str) -> bool:
    """Whether a binding of `bound` means the control `moved`; without " ch N" it means every MIDI channel."""
    bound, moved = plain_control(bound), plain_control(moved)
    return moved == bound or moved.startswith(f"{bound} ch ")


def binding_of(control: str, **given: Any) -> Binding:
    """A binding whose gestures are given as texts (`tap="toggle"`). Raises CommandError where one is no command."""
    read: dict[str, Any] = {
        name: (prototype_of(value) if value else None) if name in COMMAND_FIELDS else value
        for name, value in given.items()
    }
    return Binding(control=control, **read)


def prototype_of(text: str) -> Command:
    """The command of a binding's text, without a time. Raises CommandError."""
    return parse_command(text, origin=_NOBODY, at_ns=Ns(0))


def check_binding(binding: Bound) -> list[str]:
    """What is wrong with a binding, one sentence each; empty when it can be used as it is."""
    wrong: list[str] = []
    given = [name for name in COMMAND_FIELDS if getattr(binding, name)]
    where = f'control "{binding.control}"'
    if not binding.control.strip():
        wrong.append("control is empty; it is named as the surface names it, see: rigd learn")
    if not given and binding.gain is None and binding.nudge is None:
        wrong.append(f'{where} is bound to nothing; give a gesture a command, such as tap = "toggle"')
    if binding.gain is not None and binding.nudge is not None:
        wrong.append(f"{where} has both gain (a fader) and nudge (an encoder); keep one")
    gestures = [name for name in given if name not in ("press", "release")]
    if "press" in given and gestures:
        wrong.append(f"{where}: press acts at once, which leaves no room for {', '.join(gestures)}; use tap")
    if binding.mode != "momentary":
        for name in sorted({"release", "hold", "long_hold"}.intersection(given)):
            wrong.append(
                f"{where}: {name} needs a switch that tells its release; a {binding.mode} one does not"
            )
    if binding.encoder is not None and binding.nudge is None:
        wrong.append(
            f"{where}: encoder says how turns are told, and nothing is turned; give it nudge = CHANNEL"
        )
    if (binding.gain or binding.nudge) and (binding.pressed is not None or binding.released is not None):
        wrong.append(f"{where}: pressed and released are of a switch, and this sets a gain; leave them out")
    if binding.pressed is not None and binding.pressed == binding.released:
        wrong.append(
            f"{where}: pressed and released are the same value ({binding.pressed}); leave released out"
        )
    if "hold" in given and "long_hold" in given and binding.hold_ms >= binding.long_hold_ms:
        times = f"hold_ms {binding.hold_ms} is not shorter than long_hold_ms {binding.long_hold_ms}"
        wrong.append(f"{where}: {times}")
    shortest_ms = min(binding.double_ms, binding.hold_ms, binding.long_hold_ms)
    if gestures and binding.debounce_ms >= shortest_ms:
        times = f"debounce_ms {binding.debounce_ms} is not shorter than a gesture ({shortest_ms} ms)"
        wrong.append(f"{where}: {times}")
    if not (math.isfinite(binding.step_db) and binding.step_db > 0):
        wrong.append(f"{where}: step_db {binding.step_db} is not a positive number of dB")
    return wrong


def given_now(prototype: Command, *, held: bool, origin: Origin, at_ns: Ns) -> Command:
    """The command of a binding, given; `held` where the gesture was a hold, which the lock asks for."""
    return replace(prototype, held=held, origin=origin, at_ns=at_ns)


def nudge_command(binding: Binding, detents: float, *, origin: Origin, at_ns: Ns) -> Command | None:
    """The command of an encoder's turn; None where it is bound to none or did not turn."""
    if binding.nudge is None or not math.isfinite(detents) or detents == 0:
        return None
    delta_db = round(detents * binding.step_db, 6)
    return NudgeGain(origin=origin, at_ns=at_ns, channels=channels_of([binding.nudge]), delta_db=delta_db)
