"""Behringer X32 / Midas M32 and Behringer X Air / Midas MR: preamp gain and 48 V over OSC on UDP.

One thread a desk: it alone owns the socket and the follower. `request` leaves a wish and returns. A desk that
does not answer delays nobody; nothing here waits for the network but that thread.
Sources: P.-G. Maillot, "Unofficial X32/M32 OSC Remote Protocol", headamp, /xremote and /info sections.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import threading
import time
from collections.abc import Sequence
from socket import getaddrinfo, socketpair
from socket import socket as SystemSocket
from typing import ClassVar, Literal

from pydantic import field_validator

from rigd.config.options import NEEDED, Options, option
from rigd.model.access import Access
from rigd.model.errors import PreampError
from rigd.model.found import FoundPreamp
from rigd.model.gain import GAIN, PHANTOM, Abilities, Ability, PreampSink, PreampStatus, SettingKind
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns, SettingName
from rigd.preamps.osc_desk.flood_guard import DeskIntake
from rigd.preamps.osc_desk.host_lookup import Resolver
from rigd.preamps.osc_desk.talk import DeskTalk, Dialect
from rigd.preamps.osc_desk.udp_line import DeskLine
from rigd.preamps.x32.found import found_at
from rigd.wire.osc import OscMessage, encode_message

log = logging.getLogger(__name__)

MIN_DB, MAX_DB, STEP_DB = -12.0, 60.0, 0.5
_WORDS = {GAIN: "gain", PHANTOM: "phantom"}
MOST_CLIENTS = 4
"""That get pushes of an X32; its own app, a tablet and a stage box's remote are soon as many."""
_NODE_LINE = re.compile(
    r"/headamp/(?P<number>[0-9]{2,3}) (?P<gain>[+-]?[0-9]{1,2}(\.[0-9]{1,2})?) (?P<phantom>ON|OFF)"
)
_FLOAT_ERROR = 1e-4
_LOCAL_SOCKETS = {
    "X32": 32,
    "X32 Compact": 16,
    "X32 Producer": 16,
    "X32 Rack": 16,
    "X32 Core": 0,
    "M32": 32,
    "M32R": 16,
    "M32C": 0,
}
_FIRST_AES50, _LAST_AES50 = 33, 128
_AIR_SOCKETS = {"XR12": 4, "XR16": 8, "XR18": 16, "MR12": 4, "MR18": 16}


class _DeskSettings(Options):
    host: str = option(
        NEEDED,
        "The desk's address or name on the network, as its Setup > Network page shows it",
        longest=253,
    )

    @field_validator("host")
    @classmethod
    def _one_address(cls, host: str) -> str:
        if not host or any(letter.isspace() or not letter.isprintable() for letter in host):
            raise ValueError('must be an address such as "192.168.1.62"')
        return host

    def access(self) -> Access:
        """The desk, over the network."""
        return Access(hosts=(self.host,))


class X32Settings(_DeskSettings):
    """kind = "x32"."""

    port: int = option(10_023, "Its UDP port", least=1, most=65_535)
    model: Literal["X32", "X32 Compact", "X32 Producer", "X32 Rack", "X32 Core", "M32", "M32R", "M32C"] = (
        option("X32", "Which desk it is: says how many sockets are its own")
    )

    def sockets(self) -> frozenset[int]:
        """Local inputs from 1; 33 to 80 are AES50 A, 81 to 128 are AES50 B, on every model."""
        local = range(1, _LOCAL_SOCKETS[self.model] + 1)
        return frozenset((*local, *range(_FIRST_AES50, _LAST_AES50 + 1)))


class XAirSettings(_DeskSettings):
    """kind = "xair"."""

    port: int = option(10_024, "Its UDP port", least=1, most=65_535)
    model: Literal["XR12", "XR16", "XR18", "MR12", "MR18"] = option(
        "XR18", "Which mixer it is: says how many preamps it has"
    )

    def sockets(self) -> frozenset[int]:
        """Its microphone inputs; the line-only ones have no preamp that is known well enough."""
        return frozenset(range(1, _AIR_SOCKETS[self.model] + 1))


class HeadampDialect:
    """/headamp/000/gain on an X32, /headamp/01/gain on an X Air; the same values on both."""

    subscribe = encode_message("/xremote")

    def __init__(
        self,
        *,
        called: str,
        probe_address: str,
        first_number: int,
        digits: int,
        has_nodes: bool,
        unserved: str,
    ) -> None:
        self.called = called
        self.has_nodes = has_nodes
        self.unserved = unserved
        self.probe_address = probe_address
        self.probe = encode_message(probe_address)
        self._first_number = first_number
        self._digits = digits

    def address(self, socket: int, name: SettingName) -> str:
        """Sockets count from 1 in rigd, headamps from `first_number` on the desk."""
        return f"/headamp/{self._number(socket)}/{_WORDS[name]}"

    def _number(self, socket: int) -> str:
        return f"{socket - 1 + self._first_number:0{self._digits}}"

    def query(self, socket: int, name: SettingName) -> bytes:
        """An address alone asks for its value."""
        return encode_message(self.address(socket, name))

    def node(self, socket: int) -> bytes:
        """ "/node" asks for a branch of the desk's settings as one line of text."""
        return encode_message("/node", f"headamp/{self._number(socket)}")

    def node_values(self, line: str) -> tuple[int, dict[SettingName, float]] | None:
        """ "/headamp/000 +30.0 ON", as a scene file has it."""
        found = _NODE_LINE.fullmatch(line.strip())
        if found is None:
            return None
        gain_db = float(found["gain"])
        if not MIN_DB - STEP_DB / 2 <= gain_db <= MAX_DB + STEP_DB / 2:
            return None
        socket = int(found["number"]) - self._first_number + 1
        gain = ABILITIES[GAIN].quantise(gain_db)
        return socket, {GAIN: gain, PHANTOM: float(found["phantom"] == "ON")}

    def order(self, socket: int, name: SettingName, value: float) -> bytes:
        """Gain as float 0 to 1 over -12 to +60 dB, 48 V as int 0 or 1."""
        if name == GAIN:
            return encode_message(self.address(socket, name), (value - MIN_DB) / (MAX_DB - MIN_DB))
        return encode_message(self.address(socket, name), round(value))

    def value(self, name: SettingName, message: OscMessage) -> float | None:
        """The setting in a message, on rigd's steps; None for NaN, out of range, another type or number."""
        if len(message.arguments) != 1:
            return None
        (argument,) = message.arguments
        if name == PHANTOM:
            plain = isinstance(argument, int) and not isinstance(argument, bool) and argument in (0, 1)
            return float(argument) if plain and isinstance(argument, int) else None
        if not isinstance(argument, float) or not -_FLOAT_ERROR <= argument <= 1 + _FLOAT_ERROR:
            return None
        return ABILITIES[GAIN].quantise(MIN_DB + (MAX_DB - MIN_DB) * argument)


ABILITIES: Abilities = {
    GAIN: Ability(kind=SettingKind.DB, min_db=MIN_DB, max_db=MAX_DB, step_db=STEP_DB),
    PHANTOM: Ability(kind=SettingKind.SWITCH, confirm=True),
}
"""Of every socket; no pad, and polarity only after the converter, which is not rigd's."""
X32_DIALECT = HeadampDialect(
    called="X32",
    probe_address="/info",
    first_number=0,
    digits=3,
    has_nodes=True,
    unserved=f"it does not push changes, because at most {MOST_CLIENTS} programs get them and this is one too many "
    "(end one of the others)",
)
XAIR_DIALECT = HeadampDialect(
    called="X Air",
    probe_address="/xinfo",
    first_number=1,
    digits=2,
    has_nodes=False,
    unserved="it does not push changes; where many programs are connected to it, end one of the others",
)


class X32Preamp:
    """The preamps of one X32 or M32."""

    settings_model: ClassVar[type[X32Settings] | type[XAirSettings]] = X32Settings
    kind: ClassVar[str] = "x32"
    dialect: ClassVar[Dialect] = X32_DIALECT

    @classmethod
    def find_at(cls, host: str, *, port: int | None = None) -> FoundPreamp | None:
        """The desk of this kind at an address or name, for a person who is asked for it. Waits a second at most."""
        question = cls.dialect.probe_address
        return found_at(host, kind=cls.kind, question=question, settings=cls.settings_model, port=port)

    def __init__(
        self,
        name: str,
        settings: X32Settings | XAirSettings,
        sockets: Sequence[int],
        sink: PreampSink,
        *,
        clock: ClockNs = lambda: Ns(time.monotonic_ns()),
        resolver: Resolver = getaddrinfo,
    ) -> None:
        self.name = name
        self._resolver = resolver
        self._settings = settings
        self._sockets = tuple(sockets)
        self._sink = sink
        self._clock = clock
        self._lock = threading.Lock()
        self._wishes: dict[tuple[int, SettingName], float] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell: SystemSocket | None = None

    def start(self) -> None:
        """The thread asks the desk for every socket in use and follows it. At most once."""
        if self._thread is not None:
            raise PreampError(f"[preamp.{self.name}] was started twice")
        heard, self._bell = socketpair()
        heard.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, args=(heard,), name=f"preamp {self.name}")
        self._thread.start()

    def stop(self) -> None:
        """The thread has ended and its sockets are closed. A host name that is still being looked up is not
        waited for."""
        self._stopping.set()
        self._ring()
        if self._thread is not None:
            self._thread.join()
        if self._bell is not None:
            self._bell.close()

    def request(self, socket: int, name: SettingName, value: float) -> None:
        """Asks for a setting; what came of it goes to the sink. Raises PreampError for what no desk could do.

        Gain is clamped to the range. Going up, it climbs by at most 6 dB a step, each told when confirmed.
        """
        self._check_socket(socket)
        if name not in ABILITIES:
            raise PreampError(f"[preamp.{self.name}] kind {self.kind} has no {name}; it was not asked")
        if not math.isfinite(value):
            raise PreampError(
                f"[preamp.{self.name}] socket {socket}: {value} is not a {name}; nothing was changed"
            )
        with self._lock:
            self._wishes[socket, name] = value
        self._ring()

    def _check_socket(self, socket: int) -> None:
        if socket not in self._sockets:
            raise PreampError(f"[preamp.{self.name}] has no socket {socket} in use; see [[channel]] preamp")

    def _ring(self) -> None:
        """Wakes the thread. A full bell has been rung already; a closed one has nobody behind it."""
        if self._bell is not None:
            with contextlib.suppress(OSError):
                self._bell.send(b"!")

    def _run(self, bell: SystemSocket) -> None:
        line = DeskLine(self._settings.host, self._settings.port, resolver=self._resolver)
        try:
            talk = DeskTalk(
                name=self.name,
                kind=self.kind,
                place=f"{self._settings.host}:{self._settings.port}",
                dialect=self.dialect,
                abilities=dict.fromkeys(self._sockets, ABILITIES),
                sink=self._sink,
                now=self._clock(),
            )
            intake = DeskIntake("/headamp/", "node", self.dialect.probe_address, now=self._clock())
            while not self._stopping.is_set():
                self._turn(talk, line, intake, bell)
        except Exception:
            log.exception("[preamp.%s] its thread failed", self.name)
            detail = (
                "a fault in rigd ended it; gains can no longer be set or followed. Restart rigd, see its log"
            )
            self._sink.preamp_status(
                PreampStatus(name=self.name, kind=self.kind, answering=False, detail=detail)
            )
        finally:
            line.close()
            bell.close()

    def _turn(self, talk: DeskTalk, line: DeskLine, intake: DeskIntake, bell: SystemSocket) -> None:
        """Wishes in, one packet out, then a wait for whatever is first: an answer, a wish, the clock."""
        now = self._clock()
        line.open(now, answering=talk.follower.is_answering)
        talk.follower.line_is(line.place, line.trouble)
        with self._lock:
            wishes, self._wishes = self._wishes, {}
        for (socket, name), value in wishes.items():
            talk.follower.ask(socket, name, value, now)
        talk.follower.tick(now)
        if packet := talk.next_packet(now):
            line.send(packet)
        came, ignored = line.wait(bell, talk.follower.pause_ns(now) / NS_PER_SECOND), talk.ignored
        now = self._clock()
        for packet in intake.admit(came, now, flooded=line.is_flooded):
            talk.heard(packet, now)
        if talk.ignored > ignored:
            intake.refused(talk.ignored - ignored, now)
        if intake.must_read_again(now):
            talk.follower.read_again()
        if news := intake.news(now):
            log.warning("[preamp.%s] %s", self.name, news)


class XAirPreamp(X32Preamp):
    """The preamps of one X Air or MR mixer."""

    settings_model = XAirSettings
    kind = "xair"
    dialect = XAIR_DIALECT
