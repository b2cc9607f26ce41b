"""Brings a device to what was asked of it, and reports what it is: reads, writes, ramps, retries. Pure.

One Follower a device, used by the device's thread alone. It knows no wire and no clock: wishes, reports of the device
and the time come in; reads and writes, one at a time, and facts for the controller go out. It never says that a
setting is so unless the device has said it. A kind of preamp carries the reads and writes over its wire.
"""

from __future__ import annotations

from collections.abc import Mapping

from rigd.model.gain import (
    Abilities,
    PreampAbilities,
    PreampSetting,
    PreampSink,
    PreampStatus,
    ReadBack,
    SettingKind,
)
from rigd.model.units import NS_PER_SECOND, Ns, SettingName
from rigd.preamps.held_setting import CONFIRM_NS, MS, NEVER_NS, HeldSetting
from rigd.preamps.orders import Order, Probe, Read, ReadSocket, Subscribe, Write
from rigd.preamps.pace import MOST_AT_ONCE, WINDOW_NS, OrderPace

PACING_NS = WINDOW_NS // MOST_AT_ONCE
"""Between two orders, on average."""
SILENCE_NS = 1_500 * MS
"""Three rereads without an answer: the device is away."""
REREAD_NS = 500 * MS
"""One setting is read again so often, turn by turn: a push may be lost, and silence must be noticed."""
POLL_ROUND_NS = 2_500 * MS
"""In so much every setting is read once, where the device does not report changes by itself."""
PROBE_NS = 1_000 * MS
SUBSCRIBE_NS = 8_000 * MS
LARGEST_STEP_DB = 6.0
FOUND_OUT = 2
"""So many changes in a row that nobody pushed, and it is no accident of the line."""
_REFUSALS = 5
_UNANSWERED = 4
"""So many reads of whole sockets without an answer, and the device does not know such a read."""


class Follower:
    """Follows the settings in use on one device."""

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        called: str,
        place: str,
        abilities: Mapping[int, Abilities],
        sink: PreampSink,
        now: Ns,
        reads_sockets: bool = False,
        unserved: str = "it does not report changes by itself",
    ) -> None:
        """`called` is what a person calls such a device, "X32"; `place` where it is. `abilities`: of the sockets in
        use, as far as they are known without the device. `reads_sockets`: its wire has a read of all settings of a
        socket. `unserved`: what to say of a device whose pushes do not come."""
        self._name = name
        self._kind = kind
        self._place = place
        self._called = called
        self._sink = sink
        self._reads_sockets = reads_sockets
        self._unserved = unserved
        self._held: list[HeldSetting] = []
        self._of: dict[tuple[int, SettingName], HeldSetting] = {}
        self._answering = False
        self._missed = 0
        """So many changes were found by asking that had not been pushed, since one was."""
        self._unanswered = 0
        self._status_told: PreampStatus | None = None
        self._device = called
        self._trouble = ""
        self._began_ns: int = now
        self._pace = OrderPace()
        self._heard_ns: int = -NEVER_NS
        self._free_ns: int = now
        self._probe_ns: int = now
        self._subscribe_ns: int = now
        self._reread_ns: int = now
        self._turn = 0
        self._poll_ns: int = now
        self._poll_turn = 0
        self.able(abilities)

    def able(self, abilities: Mapping[int, Abilities]) -> None:
        """The sockets in use can do this now, by the device's word or by what is known of its kind. What stays as it
        was is followed on; what is new is read; what is gone is forgotten, with what was asked of it."""
        known = {(held.sockets, held.name): held for held in self._held}
        self._held, self._of = [], {}
        for socket, of in sorted(abilities.items()):
            for name, ability in of.items():
                if (socket, name) in self._of:
                    continue
                group = {*ability.group, socket}
                together = tuple(
                    each for each in sorted(abilities) if each in group and name in abilities[each]
                )
                held = known.get((together, name))
                if held is None or held.ability != ability:
                    held = HeldSetting(sockets=together, name=name, ability=ability)
                self._held.append(held)
                self._of |= {(each, name): held for each in together}
        self._sink.preamp_abilities(PreampAbilities(preamp=self._name, abilities=dict(abilities)))

    def ask(self, socket: int, name: SettingName, value: float, now: Ns) -> None:
        """The newest wish for a setting, made one of the preamp's own values. What comes of it goes to the sink.

        One for a setting that is gone meanwhile is passed by: the controller has been told."""
        held = self._of.get((socket, name))
        if held is None:
            return
        under_way = held.step is not None or held.read_due
        held.asked(held.ability.quantise(value), now)
        if held.fresh and held.is_at(held.target) and not under_way:
            self._settled(held, now)
        elif not held.fresh:
            held.spoken_ns = -NEVER_NS

    @property
    def _wish_ns(self) -> int:
        """Asked each time: the config may be read again."""
        return round(self._sink.wish_s * NS_PER_SECOND)

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
        self._subscribe_ns = self._reread_ns = self._poll_ns = now
        for held in self._held:
            held.spoken_ns, held.tries = -NEVER_NS, 0
        self._tell_status()

    def introduced(self, device: str) -> None:
        """The device says which it is; empty where it says nothing of use."""
        self._device = device or self._called
        if self._answering:
            self._tell_status()

    def reported(
        self, socket: int, name: SettingName, value: float, now: Ns, *, pushed: bool | None = None
    ) -> None:
        """The device says what a setting is. One that is not followed is passed by. `pushed`: whether it says so by
        itself; None: the wire cannot tell, and it is an answer where one is awaited."""
        held = self._of.get((socket, name))
        if held is None:
            return
        if pushed is None:
            pushed = not held.awaited
        is_news = held.fresh and held.is_idle and not held.is_at(value)
        was_found = held.reread or self._missed > 0
        held.awaited = held.reread = False
        self._said(held, value, now)
        if is_news and held.ability.read_back is ReadBack.PUSH and (pushed or was_found):
            self._note_push(pushed, now)

    def _note_push(self, pushed: bool, now: Ns) -> None:
        """A change was pushed, or found by asking. The first that is found may have been lost on the line."""
        before, self._missed = self._missed, 0 if pushed else self._missed + 1
        if self._missed == 1:
            self._poll_ns = now
            self.read_again()
        if before != self._missed and self._answering:
            self._tell_status()

    def socket_reported(self) -> None:
        """A ReadSocket was answered."""
        self._unanswered = 0

    def read_again(self) -> None:
        """Every setting is read once more: what the device said of it may have been dropped."""
        for held in self._held:
            held.in_doubt = True

    def tick(self, now: Ns) -> None:
        """What is due by the clock alone: silence noticed, lateness told, wishes given up."""
        if self._answering and now - self._heard_ns > SILENCE_NS:
            self._lost(now)
        if not self._answering and now - max(self._began_ns, self._heard_ns) >= CONFIRM_NS:
            self._tell_status()
        for held in self._held:
            if held.target is not None and not held.late and now - held.progress_ns >= held.confirm_ns:
                held.late = True
                if held.ability.confirm and not self._answering:
                    held.drop()
                self._tell(held, confirmed=False, now=now)
            if held.target is not None and now - held.progress_ns >= self._wish_ns:
                held.drop()
                self._tell(held, confirmed=False, now=now)

    def next_order(self, now: Ns) -> Order | None:
        """The one thing to ask of the device now, if any."""
        if now < self._free_ns:
            return None
        order = self._choose(now)
        if order is not None:
            self._free_ns = self._pace.next_ns(now)
        return order

    def pause_ns(self, now: Ns) -> int:
        """How long nothing will be due."""
        speak = [self._subscribe_ns, self._reread_ns] if self._answering else [self._probe_ns]
        by_clock = [self._heard_ns + SILENCE_NS + MS] if self._answering else []
        if self._answering and self._polled():
            speak.append(self._poll_ns)
        if not self._answering and self._status_told is None:
            by_clock.append(self._began_ns + CONFIRM_NS)
        for held in self._held:
            if self._answering:
                speak.append(held.due()[1])
            if held.target is not None and not held.late:
                by_clock.append(held.progress_ns + held.confirm_ns)
            if held.target is not None:
                by_clock.append(held.progress_ns + self._wish_ns)
        first = min(max(min(speak), self._free_ns), *by_clock, NEVER_NS)
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
        waiting = [(*held.due(), place) for place, held in enumerate(self._held)]
        ready = [entry for entry in waiting if entry[1] <= now]
        if ready:
            held = self._held[min(ready)[2]]
            return self._speak(held, now) or self._choose(now)  # one that is given up says nothing
        if now >= self._poll_ns and (polled := self._polled()):
            return self._poll(polled, now)
        if now >= self._reread_ns:
            self._reread_ns = now + REREAD_NS
            return self._reread()
        return None

    def _speak(self, held: HeldSetting, now: Ns) -> Order | None:
        held.spoken_ns = now
        in_doubt, held.in_doubt = held.in_doubt, False
        if not held.is_silent and (held.read_due or not held.fresh or (in_doubt and held.is_idle)):
            held.tries += not held.fresh and not held.read_due
            held.read_due = False
            held.awaited, held.reread = True, False
            return Read(held.sockets[0], held.name)
        if held.step is not None:
            held.tries += not held.refused  # silence is waited out, a refusal is soon believed
            held.refusals += held.refused
            if held.refusals >= _REFUSALS:
                held.drop()
                self._tell(held, confirmed=True, now=now)
                return None
        held.step, held.refused = self._next_step(held), False
        order = Write(held.sockets[0], held.name, held.step)
        if held.is_silent:
            self._sent(held, now)
        else:
            held.read_due = True
        return order

    def _next_step(self, held: HeldSetting) -> float:
        """Down at once; up by no more than 6 dB, each step confirmed before the next."""
        assert held.target is not None
        if held.ability.kind is not SettingKind.DB:
            return held.target
        if held.value is None:  # nobody knows where it stands: it begins at the bottom
            return held.ability.min_db
        if held.target <= held.value + LARGEST_STEP_DB:
            return held.target
        return held.ability.climbed(held.value, LARGEST_STEP_DB)

    def _sent(self, held: HeldSetting, now: Ns) -> None:
        """A device that cannot say what it is was sent a step: the next is reckoned from it, and nothing is known."""
        held.value, held.step, held.progress_ns = held.step, None, now
        if held.is_at(held.target):
            self._tell(held, confirmed=False, now=now)
            held.target = None

    def _polled(self) -> list[HeldSetting]:
        """What has to be asked for."""
        return [
            held
            for held in self._held
            if held.ability.read_back is ReadBack.POLL
            or (held.ability.read_back is ReadBack.PUSH and self._missed > 0)
        ]

    def _poll(self, polled: list[HeldSetting], now: Ns) -> Order:
        if self._reads_sockets and self._unanswered < _UNANSWERED:
            sockets = sorted({held.sockets[0] for held in polled})
            self._unanswered += 1
            self._poll_turn = (self._poll_turn + 1) % len(sockets)
            self._poll_ns = now + max(PACING_NS, POLL_ROUND_NS // len(sockets))
            return ReadSocket(sockets[self._poll_turn])
        self._poll_turn = (self._poll_turn + 1) % len(polled)
        self._poll_ns = now + max(PACING_NS, POLL_ROUND_NS // len(polled))
        held = polled[self._poll_turn]
        held.awaited, held.reread = True, False
        return Read(held.sockets[0], held.name)

    def _reread(self) -> Order:
        can_say = [held for held in self._held if not held.is_silent]
        if not can_say:
            return Probe()
        self._turn = (self._turn + 1) % len(can_say)
        held = can_say[self._turn - 1]
        held.awaited = held.reread = True
        return Read(held.sockets[0], held.name)

    def _said(self, held: HeldSetting, value: float, now: Ns) -> None:
        """While a wish is pending only news is told: an answer that was already under way is none."""
        changed, stepped = value != held.value, held.step is not None and held.is_same(value, held.step)
        if not held.fresh:
            held.tries = 0
        held.value, held.fresh = value, True
        if stepped:
            held.step, held.tries, held.refusals = None, 0, 0
            held.progress_ns, held.late = now, False
        elif held.step is not None:
            held.refused = True
        if held.target is not None and held.step is None and held.is_at(held.target):
            self._settled(held, now)
        elif held.target is None or stepped or changed:
            self._tell(held, confirmed=True, now=now)

    def _settled(self, held: HeldSetting, now: Ns) -> None:
        held.target = held.step = None
        held.read_due = False
        self._tell(held, confirmed=not held.is_silent, now=now)

    def _lost(self, now: Ns) -> None:
        """What was asked for is asked for again where the device is back in time; 48 V never. That nothing is
        confirmed any more the status says, once for all settings."""
        self._answering = False
        self._probe_ns = now
        for held in self._held:
            held.lost()
            if held.ability.confirm and held.target is not None:
                held.drop()
                self._tell(held, confirmed=False, now=now)
        self._tell_status()

    def _tell(self, held: HeldSetting, *, confirmed: bool, now: Ns) -> None:
        """Of a setting that the device never told only this is told, that it is asked for no more: the rig knows that
        it asked, and by the status that nobody answers."""
        silent = held.is_silent
        if held.given_up is None and not silent and held.value is None:
            return
        if held.given_up is None and held.told == (held.value, confirmed):
            return
        held.told = None if held.value is None else (held.value, confirmed)
        given_up, held.given_up = held.given_up, None
        for socket in held.sockets:
            self._sink.preamp_setting(
                PreampSetting(
                    preamp=self._name,
                    socket=socket,
                    name=held.name,
                    value=None if silent else held.value,
                    confirmed=confirmed and not silent,
                    at_ns=now,
                    asked=held.target if given_up is None else given_up,
                    given_up=given_up is not None,
                )
            )

    def _tell_status(self) -> None:
        if self._answering:
            unserved = f"; {self._unserved}: rigd asks for every setting all the time"
            detail = f"{self._device} at {self._place}{unserved if self._missed >= FOUND_OUT else ''}"
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
