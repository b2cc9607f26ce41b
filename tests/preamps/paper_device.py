"""A device without a wire, and the follower of it: the test has the clock, the line and the hand at the device."""

from __future__ import annotations

from collections.abc import Mapping

from rigd.model.gain import (
    GAIN,
    WISH_S,
    Abilities,
    PreampAbilities,
    PreampSetting,
    PreampStatus,
    ReadBack,
    SettingKind,
)
from rigd.model.units import Ns, SettingName
from rigd.preamps.follower import LARGEST_STEP_DB, Follower
from rigd.preamps.held_setting import MS
from rigd.preamps.orders import Order, Read, ReadSocket, Write
from rigd.preamps.x32.preamp import ABILITIES

SECOND_NS = 1_000 * MS
Key = tuple[int, SettingName]
THE_GAIN: Key = (1, GAIN)


class PaperDevice:
    """On a line that loses and delays. What it says is kept as what was reported, what rigd says as what is shown."""

    def __init__(
        self,
        abilities: Mapping[int, Abilities] | None = None,
        *,
        reads_sockets: bool = False,
        wish_s: float = WISH_S,
    ) -> None:
        self.abilities = abilities or {1: {GAIN: ABILITIES[GAIN]}}
        self.wish_s = wish_s
        self.now = Ns(SECOND_NS)
        self.values: dict[Key, float] = {
            (socket, name): 0.0 for socket, of in self.abilities.items() for name in of
        }
        self.is_there = True
        self.loses = 0
        """So many orders are lost yet."""
        self.late: list[tuple[Key, float]] = []
        """Reports that are still under way, of whatever it was."""
        self.holds_back = False
        self.keeps_to_its_own = False
        """It answers, and does nothing of what is asked."""
        self.answers_reads = True
        """False: it answers probes, and says nothing of its settings."""
        self.reported: dict[Key, float] = {}
        self.shown: dict[Key, float | None] = {}
        self.confirmed: dict[Key, bool] = {}
        self.settings: list[PreampSetting] = []
        self.statuses: list[PreampStatus] = []
        self.orders: list[tuple[int, Order]] = []
        self.follower = Follower(
            name="desk",
            kind="test",
            called="desk",
            place="here",
            abilities=self.abilities,
            sink=self,
            now=self.now,
            reads_sockets=reads_sockets,
        )

    # rigd's side

    def preamp_abilities(self, abilities: PreampAbilities) -> None:
        pass

    def preamp_setting(self, setting: PreampSetting) -> None:
        self.settings.append(setting)
        self.shown[setting.socket, setting.name] = setting.value
        self.confirmed[setting.socket, setting.name] = setting.confirmed

    def preamp_status(self, status: PreampStatus) -> None:
        self.statuses.append(status)

    def wish(self, value: float, key: Key = THE_GAIN) -> None:
        self.settings.clear()
        self.follower.ask(*key, value, self.now)

    def writes(self) -> list[float]:
        return [order.value for _, order in self.orders if isinstance(order, Write)]

    def run(self, for_ns: int) -> None:
        """Time passes, and the follower has its way."""
        end = self.now + for_ns
        while self.now < end:
            self.follower.tick(self.now)
            order = self.follower.next_order(self.now)
            if order is not None:
                self.take(order)
            pause = self.follower.pause_ns(self.now)
            assert order is not None or pause > 0, "it must not spin"
            self.now = Ns(min(end, self.now + pause))

    # The device's

    def together(self, key: Key) -> list[Key]:
        socket, name = key
        group = {socket, *self.abilities[socket][name].group}
        return [
            (each, name) for each in sorted(self.abilities) if each in group and name in self.abilities[each]
        ]

    def turned(self, value: float, key: Key = THE_GAIN, *, pushed: bool = True) -> None:
        """By a hand at the device, which reports it where it does so by itself."""
        self.set_to(key, value)
        if pushed and self.abilities[key[0]][key[1]].read_back is ReadBack.PUSH:
            self.report(key)

    def set_to(self, key: Key, value: float) -> None:
        for each in self.together(key):
            self.values[each] = value

    def report(self, key: Key = THE_GAIN) -> None:
        if self.holds_back:
            self.late.append((key, self.values[key]))
        elif self.is_there:
            self._says(key, self.values[key])

    def arrive(self, place: int) -> None:
        """One of the reports that are under way."""
        if self.late and self.is_there:
            self._says(*self.late.pop(place % len(self.late)))

    def _says(self, key: Key, value: float) -> None:
        self.follower.answered(self.now)
        self.follower.reported(*key, value, self.now)
        for each in self.together(key):
            self.reported[each] = value

    def take(self, order: Order) -> None:
        self.orders.append((self.now, order))
        if not self.is_there or self.loses:
            self.loses = max(0, self.loses - 1)
            return
        match order:
            case Write(socket, name, value):
                ability = self.abilities[socket][name]
                if ability.kind is SettingKind.DB and ability.read_back is not ReadBack.NEVER:
                    known = self.reported.get((socket, name), self.values[socket, name])
                    most = max(LARGEST_STEP_DB, ability.step_db)
                    assert value <= known + most, "up by no more than 6 dB of what it was told"
                assert value == ability.quantise(value), "on its own steps"
                if not self.keeps_to_its_own:
                    self.set_to((socket, name), value)
            case Read(socket, name):
                assert self.abilities[socket][name].read_back is not ReadBack.NEVER
                if self.answers_reads:
                    self.report((socket, name))
            case ReadSocket(socket) if self.answers_reads and not self.holds_back:
                self.follower.socket_reported()
                for name in self.abilities[socket]:
                    self.follower.answered(self.now)
                    self.follower.reported(socket, name, self.values[socket, name], self.now, pushed=False)
                    self.reported |= dict.fromkeys(self.together((socket, name)), self.values[socket, name])
            case _:
                if not self.holds_back:
                    self.follower.answered(self.now)
