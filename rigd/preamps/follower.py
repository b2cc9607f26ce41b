"""Brings a device to what was asked of it, and reports what it is: reads, writes, ramps, retries. Pure.

One Follower a device, used by the device's thread alone. It knows no wire and no clock: wishes, reports of the device
and the time come in; reads and writes, one at a time, and facts for the controller go out. It never says that a
setting is so unless the device has said it. A kind of preamp carries the reads and writes over its wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct

from rigd.model.gain import PreampAbility, PreampSetting, PreampSink, PreampStatus
from rigd.model.take import Parameter
from rigd.model.units import NS_PER_SECOND, Ns

MS = 1_000_000
PACING_NS = 20 * MS
"""Between two orders: 50 a second, which is what a device's control processor takes without dropping any."""
CONFIRM_NS = 250 * MS
SILENCE_NS = 1_500 * MS
"""Three rereads without an answer: the device is away."""
REREAD_NS = 500 * MS
"""One setting is read again so often, turn by turn: a push may be lost, and silence must be noticed."""
PROBE_NS = 1_000 * MS
SUBSCRIBE_NS = 8_000 * MS
LARGEST_STEP_DB = 6.0
_SLOWEST_RETRY_NS = 4_000 * MS
_REFUSALS = 5
_NEVER = 1 << 62


class Read(Struct, frozen=True):
    """The device is asked what one setting of one socket is."""

    socket: int
    parameter: Parameter


class Write(Struct, frozen=True):
    """The device is to set it to that value."""

    socket: int
    parameter: Parameter
    value: float


class Probe(Struct, frozen=True):
    """The device is asked whether it is there, and which it is."""


class Subscribe(Struct, frozen=True):
    """The device is asked to report every change by itself, from now on for a while."""


Order = Read | Write | Probe | Subscribe


@dataclass(slots=True, kw_only=True)
class _Held:
    """One setting of one socket: what the device said of it and what is still to be done about it."""

    socket: int
    parameter: Parameter
    value: float | None = None
    fresh: bool = False
    """The device has said so since it came (back)."""
    target: float | None = None
    """What was asked for and is not yet reached."""
    step: float | None = None
    """What was sent last and is not yet confirmed."""
    refused: bool = False
    """Something else than `step` was heard since it was sent."""
    refusals: int = 0
    tries: int = 0
    read_due: bool = False
    in_doubt: bool = False
    """A push of it may have been dropped in a flood."""
    spoken_ns: int = -_NEVER
    progress_ns: int = 0
    late: bool = False
    """Already told that it is not confirmed in time."""
    told: tuple[float, bool] | None = None
    given_up: float | None = None
    """The wish that was dropped, where that has not been told yet."""

    def due(self) -> tuple[int, int]:
        """(urgency, when): 0 is most urgent."""
        retry_ns = self.spoken_ns + min(CONFIRM_NS << min(self.tries, 8), _SLOWEST_RETRY_NS)
        if self.read_due:
            return 0, 0
        if self.step is not None:
            return 1, retry_ns
        if self.target is not None and self.fresh:
            return 1, self.spoken_ns  # all climb together: none waits until another one is there
        if not self.fresh:
            return 2 if self.target is None else 1, retry_ns
        return 3, 0 if self.in_doubt else _NEVER


class Follower:
    """Follows the settings in use on one device."""

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        called: str,
        place: str,
        ability: PreampAbility,
        held: Iterable[tuple[int, Parameter]],
        sink: PreampSink,
        now: Ns,
    ) -> None:
        """`called` is what a person calls such a device, "X32"; `place` where it is. `held`: the settings in use."""
        self._name = name
        self._kind = kind
        self._place = place
        self._called = called
        self._ability = ability
        self._sink = sink
        self._wish_ns = round(sink.wish_s * NS_PER_SECOND)
        self._held = {
            (socket, parameter): _Held(socket=socket, parameter=parameter) for socket, parameter in held
        }
        self._turn = list(self._held)
        self._answering = False
        self._status_told: PreampStatus | None = None
        self._device = called
        self._trouble = ""
        self._began_ns: int = now
        self._heard_ns: int = -_NEVER
        self._free_ns: int = now
        self._probe_ns: int = now
        self._subscribe_ns: int = now
        self._reread_ns: int = now

    def ask(self, socket: int, parameter: Parameter, value: float, now: Ns) -> None:
        """The newest wish for a setting, on the preamp's steps. What comes of it goes to the sink."""
        held = self._held[socket, parameter]
        under_way = held.step is not None or held.read_due
        held.target, held.step, held.read_due = value, None, False
        held.refusals = held.tries = 0
        held.progress_ns, held.late, held.told, held.given_up = now, False, None, None
        if held.fresh and held.value == value and not under_way:
            self._settled(held, now)
        elif not held.fresh:
            held.spoken_ns = -_NEVER

    @property
    def is_answering(self) -> bool:
        """The device has answered lately."""
        return self._answering

    def line_is(self, place: str, trouble: str) -> None:
        """To whom the line goes, and why it cannot be used where the network itself says so (else empty)."""
        moved, self._place, self._trouble = place != self._place, place, trouble
        if moved and self._answering:
            self._tell_status()

    def answered(self, now: Ns) -> None:
        """Something came from the device, whatever it was."""
        self._heard_ns = now
        if self._answering:
            return
        self._answering, self._trouble = True, ""
        self._subscribe_ns = self._reread_ns = now
        for held in self._held.values():
            held.spoken_ns, held.tries = -_NEVER, 0
        self._tell_status()

    def introduced(self, device: str) -> None:
        """The device says which it is; empty where it says nothing of use."""
        self._device = device or self._called
        if self._answering:
            self._tell_status()

    def reported(self, socket: int, parameter: Parameter, value: float, now: Ns) -> None:
        """The device says what a setting is, on the preamp's own steps. One that is not followed is passed by."""
        held = self._held.get((socket, parameter))
        if held is not None:
            self._said(held, value, now)

    def read_again(self) -> None:
        """Every setting is read once more: what the device said of it may have been dropped."""
        for held in self._held.values():
            held.in_doubt = True

    def tick(self, now: Ns) -> None:
        """What is due by the clock alone: silence noticed, lateness told."""
        if self._answering and now - self._heard_ns > SILENCE_NS:
            self._lost(now)
        if not self._answering and now - max(self._began_ns, self._heard_ns) >= CONFIRM_NS:
            self._tell_status()
        for held in self._held.values():
            if held.target is not None and not held.late and now - held.progress_ns >= CONFIRM_NS:
                held.late = True
                if held.parameter == "phantom" and not self._answering:
                    self._drop(held)
                self._tell(held, confirmed=False, now=now)
            if held.target is not None and now - held.progress_ns >= self._wish_ns:
                self._drop(held)
                self._tell(held, confirmed=False, now=now)

    def next_order(self, now: Ns) -> Order | None:
        """The one thing to ask of the device now, if any."""
        if now < self._free_ns:
            return None
        order = self._choose(now)
        if order is not None:
            self._free_ns = now + PACING_NS
        return order

    def pause_ns(self, now: Ns) -> int:
        """How long nothing will be due."""
        speak = [self._subscribe_ns, self._reread_ns] if self._answering else [self._probe_ns]
        by_clock = [self._heard_ns + SILENCE_NS + MS] if self._answering else []
        if not self._answering and self._status_told is None:
            by_clock.append(self._began_ns + CONFIRM_NS)
        for held in self._held.values():
            if self._answering:
                speak.append(held.due()[1])
            if held.target is not None and not held.late:
                by_clock.append(held.progress_ns + CONFIRM_NS)
            if held.target is not None:
                by_clock.append(held.progress_ns + self._wish_ns)
        first = min(max(min(speak), self._free_ns), *by_clock, _NEVER)
        return max(0, first - now)

    def _choose(self, now: Ns) -> Order | None:
        if not self._answering:
            if now < self._probe_ns:
                return None
            self._probe_ns = now + PROBE_NS
            return Probe()
        if now >= self._subscribe_ns:
            self._subscribe_ns = now + SUBSCRIBE_NS
            return Subscribe()
        waiting = [(*held.due(), place) for place, held in enumerate(self._held.values())]
        ready = [entry for entry in waiting if entry[1] <= now]
        if ready:
            held = list(self._held.values())[min(ready)[2]]
            return self._speak(held, now) or self._choose(now)  # one that is given up says nothing
        if now >= self._reread_ns:
            self._reread_ns = now + REREAD_NS
            return self._reread()
        return None

    def _speak(self, held: _Held, now: Ns) -> Order | None:
        held.spoken_ns = now
        in_doubt, held.in_doubt = held.in_doubt, False
        idle = in_doubt and held.step is None and held.target is None
        if held.read_due or not held.fresh or idle:
            held.tries += not held.fresh and not held.read_due
            held.read_due = False
            return Read(held.socket, held.parameter)
        if held.step is not None:
            held.tries += not held.refused  # silence is waited out, a refusal is soon believed
            held.refusals += held.refused
            if held.refusals >= _REFUSALS:
                self._drop(held)
                self._tell(held, confirmed=True, now=now)
                return None
        held.step, held.refused = self._next_step(held), False
        held.read_due = True
        return Write(held.socket, held.parameter, held.step)

    def _next_step(self, held: _Held) -> float:
        """Down at once; up by no more than 6 dB, each step confirmed before the next."""
        assert held.target is not None and held.value is not None
        if held.parameter != "gain_db" or held.target <= held.value + LARGEST_STEP_DB:
            return held.target
        return self._ability.quantise(held.value + LARGEST_STEP_DB)

    def _reread(self) -> Order:
        if not self._turn:
            return Probe()
        self._turn.append(self._turn.pop(0))
        held = self._held[self._turn[-1]]
        return Read(held.socket, held.parameter)

    def _said(self, held: _Held, value: float, now: Ns) -> None:
        """While a wish is pending only news is told: an answer that was already under way is none."""
        changed, stepped = value != held.value, value == held.step
        if not held.fresh:
            held.tries = 0
        held.value, held.fresh = value, True
        if stepped:
            held.step, held.tries, held.refusals = None, 0, 0
            held.progress_ns, held.late = now, False
        elif held.step is not None:
            held.refused = True
        if value == held.target and held.step is None:
            self._settled(held, now)
        elif held.target is None or stepped or changed:
            self._tell(held, confirmed=True, now=now)

    def _settled(self, held: _Held, now: Ns) -> None:
        held.target = held.step = None
        held.read_due = False
        self._tell(held, confirmed=True, now=now)

    def _drop(self, held: _Held) -> None:
        held.given_up = held.target
        held.target = held.step = None
        held.read_due = False

    def _lost(self, now: Ns) -> None:
        """Gain that was asked for is asked for again where the device is back in time; 48 V never. That nothing is
        confirmed any more the status says, once for all settings."""
        self._answering = False
        self._probe_ns = now
        for held in self._held.values():
            held.fresh = held.read_due = False
            held.step = None
            held.told = None
            if held.parameter == "phantom" and held.target is not None:
                self._drop(held)
                self._tell(held, confirmed=False, now=now)
        self._tell_status()

    def _tell(self, held: _Held, *, confirmed: bool, now: Ns) -> None:
        """Of a setting that the device never told only this is told, that it is asked for no more: the rig knows that
        it asked, and by the status that nobody answers."""
        if held.given_up is None and (held.value is None or held.told == (held.value, confirmed)):
            return
        held.told = None if held.value is None else (held.value, confirmed)
        given_up, held.given_up = held.given_up, None
        self._sink.preamp_setting(
            PreampSetting(
                preamp=self._name,
                socket=held.socket,
                parameter=held.parameter,
                value=held.value,
                confirmed=confirmed,
                at_ns=now,
                asked=held.target if given_up is None else given_up,
                given_up=given_up is not None,
            )
        )

    def _tell_status(self) -> None:
        if self._answering:
            detail = f"{self._device} at {self._place}"
        else:
            because = f" ({self._trouble})" if self._trouble else ""
            detail = (
                f"no answer from the {self._called} at {self._place}{because}; what it said last is kept, and "
                "nothing of it is confirmed. See that it is on, that its network cable is in and that "
                f"[preamp.{self._name}] host is its address; rigd keeps asking"
            )
        status = PreampStatus(name=self._name, kind=self._kind, answering=self._answering, detail=detail)
        if status != self._status_told:
            self._status_told = status
            self._sink.preamp_status(status)
