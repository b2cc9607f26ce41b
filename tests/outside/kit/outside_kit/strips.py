"""A console of 16 strips on TCP: banks of channels, a display, a motor and a meter each. [surface.<name>] kind
"strips".

What fader 3 means depends on the bank, so this surface makes its commands itself. Its eight buttons below are plain
controls that the config binds. One thread; the sink is never waited for, and neither is the console.
"""

from __future__ import annotations

import contextlib
import json
import math
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import field_validator

from outside_kit.wires import Bell, Gone, Lines
from rigd.config.options import NEEDED, Options, option
from rigd.hands.bindings import Binding
from rigd.hands.showing import gain_shown, level_shown, light_of, louder_of
from rigd.hands.surface import ControlInput, ControlSink, Motion
from rigd.model.access import Access
from rigd.model.command_text import parse_command
from rigd.model.errors import SurfaceError
from rigd.model.found import FoundHere, FurtherQuestion, OfferedSurface
from rigd.model.levels import Levels
from rigd.model.state import Channel, RigState, SurfaceStatus, channel_of
from rigd.model.units import ChannelNumber, Ns, Origin

STRIPS = 16
BUTTONS = 8
LAMPS = ("recording", "ready", "fault")
SWEEP_S = 0.02
"""Of a fader that moves its place is sent so often, and once more where it stops."""
LOOK_S = 0.2
CONNECT_WITHIN_S = 1.0


class StripsSettings(Options):
    """A console of 16 strips on the network."""

    host: str = option(NEEDED, "Its address", longest=253)
    port: int = option(10_123, "Its TCP port", least=1, most=65_535)

    @field_validator("host")
    @classmethod
    def _is_named(cls, host: str) -> str:
        if not host.strip():
            raise ValueError("is empty; the console shows its address in its menu")
        return host

    @property
    def names_commands(self) -> bool:
        """Its faders and its arm keys are commands of its own."""
        return True

    def motions_of(self, control: str) -> frozenset[Motion]:
        """Its buttons can be bound; faders and arm keys are its own affair."""
        word, _, number = control.partition(" ")
        if word == "button" and number.isdecimal() and 1 <= int(number) <= BUTTONS:
            return frozenset({Motion.PRESS, Motion.RELEASE})
        raise SurfaceError(
            f'"{control[:40]}" is not a button of the console; the form is "button 1" (1 to {BUTTONS})'
        )

    def warnings(self) -> Iterator[str]:
        """For `rigd check`."""
        if self.port < 1024:
            yield f"port {self.port} is a system's own; the console's is 10123"

    def access(self) -> Access:
        """For the units of the service."""
        return Access(hosts=(self.host,))


def found_here() -> FoundHere:
    """A console is on the network and not on this machine: only what to write is known."""
    return FoundHere(
        title="Consoles of 16 strips",
        pieces=(
            f'[surface.console]\nkind = "strips"\nhost = "..."  # as its menu shows\nallow = {json.dumps(ALLOW)}\n',
        ),
        facts={"strip_consoles": []},
        surfaces=(OFFERED,),
    )


ALLOW = ["gain", "arm", "disarm"]
"""What it makes itself."""
OFFERED = OfferedSurface(
    called="a console of 16 strips, console.local",
    lines=f'[surface.console]\nkind = "strips"\nhost = "console.local"\nallow = {json.dumps(ALLOW)}\n',
    questions=(
        FurtherQuestion(
            question="Does it listen at the port of its first series, 10024", lines="port = 10024\n"
        ),
        FurtherQuestion(
            question="How many of its buttons set a mark",
            lines='\n[[surface.console.binding]]\ncontrol = "button {n}"\ntap = "mark"\n',
            most=BUTTONS,
        ),
    ),
)
"""By the name that it has of its maker."""


class Strips:
    """See rigd.hands.surface.Surface."""

    settings_model = StripsSettings
    found_here = staticmethod(found_here)

    def __init__(
        self, name: str, settings: StripsSettings, bindings: Sequence[Binding], sink: ControlSink
    ) -> None:
        self.name = name
        self._settings, self._sink = settings, sink
        self._lock = threading.Lock()
        self._state: RigState | None = None
        self._levels: Levels | None = None
        self._refusals: list[tuple[str, str]] = []
        self._status = SurfaceStatus(name=name, kind="strips", connected=False, detail="not started")
        self._bell = Bell()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"strips {name}", daemon=True)
        # From here on the thread's own.
        self._bank = 0
        self._moves: dict[int, float] = {}
        """Faders that moved since their place was sent, and where they are."""
        self._moves_due_s = 0.0
        self._shown: dict[tuple[str, Any], object] = {}

    @property
    def shows_levels(self) -> bool:
        return self._status.connected

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join()
        self._bell.close()

    def show(self, state: RigState, levels: Levels | None) -> None:
        with self._lock:
            self._state = state
            self._levels = louder_of(self._levels, levels)
        self._bell.ring()

    def answered(self, control: str, accepted: bool, text: str) -> None:
        if not accepted:
            with self._lock:
                self._refusals.append((control, text))
            self._bell.ring()

    # The thread

    def _run(self) -> None:
        place = f"{self._settings.host}:{self._settings.port}"
        try:
            while not self._stopping.is_set():
                try:
                    address = (self._settings.host, self._settings.port)
                    stream = socket.create_connection(address, CONNECT_WITHIN_S)
                except OSError as error:
                    why = f"no console at {place} ({error.strerror or error}); switch it on, rigd looks all the time"
                    self._report(connected=False, detail=why)
                    self._stopping.wait(LOOK_S)
                    continue
                console = Lines(stream)
                self._shown.clear()
                self._moves.clear()
                self._report(connected=True, detail="16 strips", port=place)
                with contextlib.suppress(Gone):
                    while not self._stopping.is_set():
                        self._turn(console)
                self._leave(console)
                self._sink.gone(self.name)
                self._report(
                    connected=False, detail=f"the console at {place} is gone; rigd looks for it all the time"
                )
        finally:
            self._report(connected=False, detail="stopped")

    def _turn(self, console: Lines) -> None:
        writes = [console.stream] if console.waits else []
        wait_s = max(0.0, self._moves_due_s - time.monotonic()) if self._moves else None
        ready, _, _ = select.select([console.stream, self._bell.ear], writes, [], wait_s)
        self._bell.heard()
        console.flush()
        if console.stream in ready:
            for said in console.receive():
                with contextlib.suppress(KeyError, TypeError, ValueError):
                    self._hear(said)
        if self._moves and time.monotonic() >= self._moves_due_s:
            self._send_moves()
        if not console.waits:  # what it did not take yet was of an older state
            self._draw(console)

    def _leave(self, console: Lines) -> None:
        """Dark, where it still listens."""
        with contextlib.suppress(Gone):
            if self._stopping.is_set():
                for lamp in LAMPS:
                    self._put(console, "lamp", lamp, "off")
        console.close()

    def _hear(self, said: dict[str, Any]) -> None:
        at_ns = Ns(time.monotonic_ns())
        if "button" in said:
            motion = Motion.PRESS if said["down"] else Motion.RELEASE
            control = f"button {int(said['button'])}"
            self._sink.moved(ControlInput(surface=self.name, control=control, motion=motion, at_ns=at_ns))
        elif "bank" in said:
            channels = len(self._state.channels) if self._state is not None else 0
            last = max(0, math.ceil(channels / STRIPS) - 1)
            self._bank = min(last, max(0, self._bank + int(said["bank"])))
        elif "fader" in said:
            if not self._moves:
                self._moves_due_s = max(time.monotonic(), self._moves_due_s)
            self._moves[int(said["fader"])] = min(1.0, max(0.0, float(said["to"])))
        elif "arm" in said:
            strip = int(said["arm"])
            channel = self._channel(strip)
            if channel is not None:
                verb = "disarm" if channel.armed else "arm"
                self._make(f"{verb} {channel.number}", f"arm {strip}", at_ns)

    def _send_moves(self) -> None:
        moves, self._moves = self._moves, {}
        self._moves_due_s = time.monotonic() + SWEEP_S
        for strip, place in moves.items():
            channel = self._channel(strip)
            if channel is not None and channel.ability is not None:
                ability = channel.ability
                gain_db = ability.quantise(ability.min_db + place * (ability.max_db - ability.min_db))
                self._make(f"gain {channel.number} {gain_db}", f"fader {strip}", Ns(time.monotonic_ns()))

    def _make(self, text: str, control: str, at_ns: Ns) -> None:
        command = parse_command(text, origin=Origin(self.name), at_ns=at_ns)
        self._sink.do(self.name, command, control=control)

    def _channel(self, strip: int) -> Channel | None:
        if self._state is None or not 1 <= strip <= STRIPS:
            return None
        return channel_of(self._state, ChannelNumber(self._bank * STRIPS + strip))

    def _draw(self, console: Lines) -> None:
        with self._lock:
            state, levels, self._levels = self._state, self._levels, None
            refusals, self._refusals = self._refusals, []
        for control, text in refusals:
            console.send(json.dumps({"refused": control, "text": text}).encode())
        if state is None:
            return
        for lamp in LAMPS:
            self._put(console, "lamp", lamp, light_of(lamp, state).value)
        for strip in range(1, STRIPS + 1):
            channel = self._channel(strip)
            text = "" if channel is None else f"{channel.name} {gain_shown(channel).text}"
            self._put(console, "display", strip, text)
            self._put(console, "motor", strip, _place_of(channel))
            armed = light_of(f"armed {channel.number}", state).value if channel is not None else "off"
            self._put(console, "lamp", f"arm {strip}", armed)
            level = level_shown(levels, channel)
            if level is not None:
                self._put(console, "meter", strip, round(level.peak_dbfs, 1))

    def _put(self, console: Lines, what: str, which: object, value: object) -> None:
        """Only what is another one goes out."""
        if self._shown.get((what, which), self) != value:
            self._shown[what, which] = value
            console.send(json.dumps({what: which, "is": value}).encode())

    def _report(self, *, connected: bool, detail: str, port: str = "") -> None:
        status = SurfaceStatus(name=self.name, kind="strips", connected=connected, detail=detail, port=port)
        if status != self._status:
            self._status = status
            self._sink.surface_status(status)


def _place_of(channel: Channel | None) -> float | None:
    """Where the motor goes: by the confirmed gain, and never by what was asked for."""
    if channel is None or channel.ability is None or channel.gain.value is None:
        return None
    ability = channel.ability
    return round((channel.gain.value - ability.min_db) / (ability.max_db - ability.min_db), 4)
