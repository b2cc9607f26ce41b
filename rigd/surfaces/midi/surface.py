"""A MIDI foot controller, or anything else that sends MIDI: [surface.<name>] kind = "midi".

One thread finds the port by its stable name, listens, lights the lamps and looks whether the port is still
there. A port that is missing or vanishes is no error: rigd looks every second. It never blocks the sink.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import ClassVar

from rigd.hands.bindings import Binding, control_fits, plain_control
from rigd.hands.showing import REFUSED, REFUSED_NS, Light, is_lit, light_of, next_turn_ns
from rigd.hands.surface import ControlInput, ControlSink, Motion
from rigd.model.errors import SurfaceError
from rigd.model.levels import Levels
from rigd.model.state import RigState, SurfaceStatus
from rigd.model.units import NS_PER_MS, NS_PER_SECOND, ClockNs, Ns
from rigd.surfaces.midi.controls import FineControls, Touch, message_for, touches_in
from rigd.surfaces.midi.echoes import Echoes
from rigd.surfaces.midi.encoders import detents
from rigd.surfaces.midi.found import found_here
from rigd.surfaces.midi.learning import MidiLearner
from rigd.surfaces.midi.nothing_held import lets_go
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.switches import PortSwitches, Switched
from rigd.wire.midi.links import Heard, MidiLink, SerialMidiLink, lasting_serial
from rigd.wire.midi.messages import load_mido
from rigd.wire.midi.names import remark_on, stable_name
from rigd.wire.midi.parser import ACTIVE_SENSING, NOISE
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.overheard import Overheard
from rigd.wire.serial_ports import SERIAL_PREFIX, PortLister, check_lasting, list_ports

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
_CHECK_S = 0.25
"""A pedal that was pulled out and put back faster than this would stay deaf; USB takes longer."""
_SETTLING_LOOK_S = 0.02
SENSING_NS = 500_000_000
"""A device that sends active sensing is never silent for 300 ms (MIDI 1.0). After so long it is off, or unplugged."""


class MidiSurface:
    """See rigd.hands.surface.Surface."""

    settings_model: ClassVar[type[MidiSettings]] = MidiSettings
    found_here = staticmethod(found_here)
    learner = MidiLearner

    def __init__(
        self,
        name: str,
        settings: MidiSettings,
        bindings: Sequence[Binding],
        sink: ControlSink,
        *,
        clock: ClockNs | None = None,
        serial_ports: PortLister = list_ports,
    ) -> None:
        self.name = name
        self._settings = settings
        self._sink = sink
        self._clock: ClockNs = clock or (lambda: Ns(time.monotonic_ns()))
        self._lock = threading.Lock()
        self._status = SurfaceStatus(name=name, kind="midi", connected=False, detail="not started")
        self._was_there = False
        self._lights: tuple[Light, ...] | None = None
        """What each lamp does; None: nobody has shown it a state."""
        self._refused_until_ns = 0
        self._link: MidiLink | None = None
        # Sysex is let in only where MIDI Machine Control is bound: nothing bounds its length (wire/midi/ports.py).
        self._sysex = any(plain_control(each.control).startswith("mmc ") for each in bindings)
        self._stopping = threading.Event()
        self._ports = MidiPorts(client=name, api=settings.api)
        self._serial_ports = serial_ports
        self._settled_ns = 0
        self._switches = PortSwitches(bindings)
        self._encoders = [each for each in bindings if each.nudge is not None and each.encoder is not None]
        self._bindings = bindings
        self._fine = FineControls(bindings)
        self.overheard = Overheard()
        """For `rigd learn`."""
        self._heard_ns = 0
        self._is_sensing = False
        self._lamps_sent: dict[str, int] = {}
        self._echoes = Echoes()
        self._thread = threading.Thread(target=self._run, name=f"rigd-midi-{name}", daemon=True)

    def start(self) -> None:
        """See Surface."""
        self._thread.start()

    def stop(self) -> None:
        """See Surface."""
        self._stopping.set()
        self._ports.wake()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def shows_levels(self) -> bool:
        """See Surface. A pedal has no meters."""
        return False

    def show(self, state: RigState, levels: Levels | None) -> None:
        """See Surface. Its thread is woken only where a lamp changes."""
        lights = tuple(light_of(lamp.on, state) for lamp in self._settings.led)
        with self._lock:
            news, self._lights = self._lights != lights, lights
        if news and lights:
            self._wake()

    def answered(self, control: str, accepted: bool, text: str) -> None:
        """See Surface. A refusal lights the lamps that are `on = "refused"`, for a moment."""
        if not accepted and any(lamp.on == REFUSED for lamp in self._settings.led):
            with self._lock:
                self._refused_until_ns = self._clock() + REFUSED_NS
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._link is not None:
                self._link.wake()

    # The thread

    def _run(self) -> None:
        load_mido()
        while not self._stopping.is_set():
            try:
                link = self._open()
            except SurfaceError as error:
                self._tell(connected=False, detail=str(error))
            except Exception as error:  # the top of the thread: the pedal must come back whatever happened
                _log.exception("surface %s failed while it looked for its port; trying again", self.name)
                self._tell(connected=False, detail=f"internal error ({error}); rigd tries again, see the log")
            else:
                self._serve(link)
            self._until_it_may_be_there()
        self._ports.close()
        self._tell(connected=False, detail="stopped")

    def _until_it_may_be_there(self) -> None:
        if self._settings.port.startswith(SERIAL_PREFIX):
            self._stopping.wait(_LOOK_S)
        elif not self._stopping.is_set():
            self._ports.wait_for_change(_LOOK_S)

    def _open(self) -> MidiLink:
        settings = self._settings
        if settings.port.startswith(SERIAL_PREFIX):
            path = settings.port.removeprefix(SERIAL_PREFIX)
            check_lasting(path, self._serial_ports, lasting_serial)
            return SerialMidiLink(path, baud=settings.baud, clock=self._clock)
        output = settings.port if settings.output is None else settings.output
        return self._ports.open(
            self._ports.find(settings.port, usb_path=settings.usb_path, usb_serial=settings.usb_serial),
            output=output if settings.led else "",
            sysex=self._sysex,
            clock=self._clock,
        )

    def _serve(self, link: MidiLink) -> None:
        with self._lock:
            self._link = link
        self._lamps_sent.clear()
        self._switches.let_go()
        self._is_sensing = False
        self._echoes = Echoes()
        self._fine = FineControls(self._bindings)
        self._settled_ns = self._clock() + self._settings.settle_ms * NS_PER_MS
        why = ""
        try:
            self._listen(link)
        except SurfaceError as error:
            why = str(error)
        except Exception as error:  # the top of the thread: the port is opened anew
            _log.exception("surface %s failed; its port is opened again", self.name)
            why = f"internal error ({error}); rigd opens the port again, see the log"
        finally:
            with self._lock:
                self._link = None
            link.close()
        if why:
            self._tell(connected=False, detail=why)
            self._sink.gone(self.name)

    def _listen(self, link: MidiLink) -> None:
        checked_ns = self._clock()
        lamps_missed = bool(link.output_trouble)
        while not self._stopping.is_set():
            now_ns = self._clock()
            if lamps_missed and not link.output_trouble:
                self._lamps_sent.clear()
            lamps_missed = bool(link.output_trouble)
            turn_ns = self._light(link, now_ns)
            if now_ns >= self._settled_ns:
                self._tell(connected=True, port=link.name, detail=self._troubles(link))
            if now_ns - checked_ns >= _CHECK_S * NS_PER_SECOND:
                link.check()
                checked_ns = now_ns
            wait_s = _CHECK_S if now_ns >= self._settled_ns else _SETTLING_LOOK_S
            for due_ns in (turn_ns, self._switches.next_deadline_ns()):
                if due_ns is not None:
                    wait_s = min(wait_s, max(0, due_ns - self._clock()) / NS_PER_SECOND)
            waited_from_ns = self._clock()
            for heard in link.wait(wait_s):
                self._hear(heard)
            self._pass_on(self._switches.tick(waited_from_ns))
            self._watch_sensing(waited_from_ns)
        self._darken(link)

    def _hear(self, heard: Heard) -> None:
        message, at_ns = heard
        self._heard_ns, self._is_sensing = at_ns, self._is_sensing or message[0] == ACTIVE_SENSING
        if message[0] in NOISE or self._echoes.is_echo(message, at_ns):
            return
        self.overheard.note(message, at_ns)
        is_state = at_ns < self._settled_ns
        if (missed := self._echoes.press_before(message, at_ns)) is not None and not is_state:
            self._touch(missed[0], Ns(missed[1]), is_state=False)
        self._touch(message, at_ns, is_state=is_state)
        if (channel := lets_go(message)) is not None:
            self._let_go(channel or None, at_ns)

    def _touch(self, message: bytes, at_ns: Ns, *, is_state: bool) -> None:
        for touch in (*touches_in(message), *self._fine.touches_in(message)):
            turned = self._turned(touch)
            if turned is None:
                self._pass_on(self._switches.touched(touch, at_ns, is_state=is_state))
            if turned is not None and not is_state:
                self._move(touch.control, Motion.RELATIVE, turned, at_ns)
            elif turned is None and touch.motion is Motion.ABSOLUTE:
                self._move(touch.control, Motion.ABSOLUTE, touch.value, at_ns)

    def _turned(self, touch: Touch) -> float | None:
        """The detents of an encoder; None of what is bound as none."""
        if touch.motion is not Motion.ABSOLUTE:
            return None
        for binding in self._encoders:
            if binding.encoder is not None and control_fits(binding.control, touch.control):
                return float(detents(binding.encoder, round(touch.value * 127)))
        return None

    def _move(self, control: str, motion: Motion, value: float, at_ns: Ns) -> None:
        self._sink.moved(
            ControlInput(surface=self.name, control=control, motion=motion, value=value, at_ns=at_ns)
        )

    def _pass_on(self, switched: Sequence[Switched]) -> None:
        for each in switched:
            self._sink.moved(
                ControlInput(
                    surface=self.name,
                    control=each.control,
                    motion=each.edge.motion,
                    value=each.value,
                    at_ns=each.edge.at_ns,
                    is_doubtful=each.edge.is_doubtful,
                )
            )

    def _let_go(self, channel: int | None, at_ns: Ns) -> None:
        """The device says that nothing is held on that channel, or on any."""
        for control in self._switches.held(channel):
            self._move(control, Motion.LET_GO, 0.0, at_ns)

    def _watch_sensing(self, now_ns: Ns) -> None:
        """Silence of a device that had said that it would never be silent is a device that is off."""
        if self._is_sensing and now_ns - self._heard_ns > SENSING_NS:
            self._is_sensing = False
            _log.info(
                "surface %s: its signs of life (active sensing) ended; what was held is let go", self.name
            )
            self._switches.let_go()
            self._sink.gone(self.name)

    def _light(self, link: MidiLink, now_ns: Ns) -> Ns | None:
        """Sends what changed. A lamp of MIDI cannot blink by itself, so this thread blinks it: returns when it has to
        be called again at the latest; None where only news changes a lamp."""
        with self._lock:
            lights, refused_until_ns = self._lights, self._refused_until_ns
        if lights is None:
            return None
        refused = now_ns < refused_until_ns
        wanted: dict[str, int] = {}
        for lamp, light in zip(self._settings.led, lights, strict=True):
            lit = refused if lamp.on == REFUSED else is_lit(light, now_ns)
            if lit or lamp.send not in wanted:
                wanted[lamp.send] = lamp.lit if lit else lamp.dark
        for control, value in wanted.items():
            if self._lamps_sent.get(control) != value:
                self._send(link, control, value)
        turns = [next_turn_ns(now_ns)] if Light.BLINK in lights else []
        return min([*turns, Ns(refused_until_ns)] if refused else turns, default=None)

    def _send(self, link: MidiLink, control: str, value: int) -> None:
        message = message_for(control, value)
        self._echoes.sent(message, self._clock())
        link.send(message)
        self._lamps_sent[control] = value

    def _darken(self, link: MidiLink) -> None:
        for lamp in self._settings.led:
            if self._lamps_sent.get(lamp.send, lamp.dark) != lamp.dark:
                self._send(link, lamp.send, lamp.dark)

    def _troubles(self, link: MidiLink) -> str:
        troubles = []
        if remark := remark_on(stable_name(link.name)):
            troubles.append(remark)
        if link.output_trouble:
            troubles.append(f'its lamps cannot be reached: {link.output_trouble}; set output = "...", or ""')
        return "; ".join(troubles)

    def _tell(self, *, connected: bool, port: str = "", detail: str = "") -> None:
        """Connected means that a press counts: the port is open and its device has settled."""
        status = SurfaceStatus(name=self.name, kind="midi", connected=connected, port=port, detail=detail)
        if status != self._status:
            self._status = status
            # Whoever is told has it in the log as well; but for a port that was not there from the start on.
            self._was_there = self._was_there or connected
            _log.log(
                logging.DEBUG if self._was_there else logging.INFO,
                "surface %s: %s",
                self.name,
                _sentence(status),
            )
            self._sink.surface_status(status)


def _sentence(status: SurfaceStatus) -> str:
    if not status.connected:
        return status.detail
    return f"listening on {status.port}" + (f"; {status.detail}" if status.detail else "")
