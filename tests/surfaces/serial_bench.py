"""What the serial tests share: a sink that remembers, a rig's state, and waiting for what must come."""

from __future__ import annotations

import threading

import msgspec

from rigd.hands.surface import ControlInput, Motion
from rigd.model.gain import PreampAbility, ReadBack
from rigd.model.state import Channel, RigState, Setting, SurfaceStatus, Take, Transport
from rigd.model.take import Slate
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns, TakeId
from rigd.surfaces.serial.settings import LineTiming

QUICK = LineTiming(beat_s=0.1, dead_s=0.4, half_line_s=0.2, retry_s=0.05, meters_s=0.1)
"""The protocol's clockwork, ten times as fast."""

Move = tuple[str, Motion, float]


class Notebook:
    """A ControlSink that writes down what it is told."""

    def __init__(self) -> None:
        self.inputs: list[ControlInput] = []
        self.commands: list[str] = []
        self.lost: list[str] = []
        self.status = SurfaceStatus(name="", kind="serial", connected=False, detail="nothing was reported")
        """As it was reported last."""
        self._lock = threading.Lock()

    def moved(self, control_input: ControlInput) -> None:
        with self._lock:
            self.inputs.append(control_input)

    def said(self, surface: str, text: str, at_ns: Ns) -> None:
        with self._lock:
            self.commands.append(text)

    def gone(self, surface: str) -> None:
        with self._lock:
            self.lost.append(surface)

    def surface_status(self, status: SurfaceStatus) -> None:
        self.status = status

    def moves(self) -> list[Move]:
        """What moved so far, in short."""
        with self._lock:
            return [(seen.control, seen.motion, round(seen.value, 3)) for seen in self.inputs]


ABILITY = PreampAbility(min_db=-12.0, max_db=60.0, step_db=0.5, read_back=ReadBack.PUSH)


def channel(number: int, *, gain: Setting | None = None, armed: bool = True) -> Channel:
    """A channel on the input of the same number; with a preamp if it has a gain."""
    return Channel(
        number=ChannelNumber(number),
        input=InputNumber(number),
        name=f"Channel {number}",
        source="mic",
        armed=armed,
        preamp="desk" if gain is not None else "",
        ability=ABILITY if gain is not None else None,
        gain=gain or Setting(),
    )


def rig(transport: Transport = Transport.READY, **changes: object) -> RigState:
    """A rig of four channels; 1 and 2 have a confirmed gain."""
    confirmed = Setting(value=30.0, confirmed=True)
    state = RigState(
        number=1,
        transport=transport,
        session="Sunday",
        session_folder="/takes/Sunday",
        song="Morning",
        next_take_number=4,
        locked=False,
        sample_rate_hz=48_000,
        channels=(channel(1, gain=confirmed), channel(2, gain=confirmed), channel(3), channel(4)),
        take=None,
        takes=(),
    )
    if transport in (Transport.ROLLING, Transport.POSTROLL):
        state = msgspec.structs.replace(state, take=take())
    return msgspec.structs.replace(state, **changes)  # type: ignore[arg-type]


def take(number: int = 3, **changes: object) -> Take:
    """A take that began at frame 1,000,000."""
    made = Take(
        take_id=TakeId(f"{number:032x}"),
        folder="/takes/Sunday/Morning/Take 003",
        slate=Slate(session="Sunday", song="Morning", number=number),
        first_frame=Frame(1_000_000),
        end_frame=None,
        started_at="2026-01-01T12:00:00.000+01:00",
        channels=(ChannelNumber(1),),
    )
    return msgspec.structs.replace(made, **changes)  # type: ignore[arg-type]
