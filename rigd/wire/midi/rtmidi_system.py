"""MIDI through python-rtmidi: JACK's, and ALSA's where alsa-midi is not installed.

Used by one thread at a time. rtmidi is never given a Python callback: on JACK it would run in the server's
real-time thread and hold up the whole graph whenever another thread holds the GIL (13 xruns in three such
seconds; none this way). Messages wait in RtMidi's own ring instead, with their distance in time, and are
fetched every POLL_S while nothing moves and every QUICK_POLL_S while a hand is on a control, so that a gain follows
it; a late fetch costs no precision of a press.

What bounds memory: RtMidi's ring has RING_MESSAGES places. Its sysex assembly has no bound of its own, so
sysex is filtered inside RtMidi unless a control of MMC is bound.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rigd.model.errors import SurfaceError
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.wire.midi.links import DistanceStamps, Heard, MidiSystemName
from rigd.wire.midi.names import OWN_CLIENTS, output_of, stable_name
from rigd.wire.midi.parser import MidiParser
from rigd.wire.refused_device import SEQUENCER, why_no_sequencer

POLL_S = 0.01
"""Measured on JACK: 0.9 % of a core a port, and 1.3 % at 5 ms. For the time of a press see DistanceStamps."""
QUICK_POLL_S = 0.001
STILL_AFTER_S = 1.0
"""A control that sent nothing for so long is not being moved."""
RING_MESSAGES = 256

_CLIENTS = threading.Lock()
"""libjack keeps state of its own once a process, and crashes when one thread closes a client while another
opens one of a dead server. That is why this lock is global too: whoever opens or closes a client holds it."""


class RtMidiSystem:
    """See MidiSystem."""

    def __init__(self, client: str, api: MidiSystemName) -> None:
        self._client = client
        self._api = api
        self._listener: Any = None
        self._servers: frozenset[str] = frozenset()
        self._woken = threading.Event()

    def names(self) -> list[str]:
        """See MidiSystem."""
        with _as_surface_errors(f"the MIDI ports of {self._api.upper()} cannot be listed"):
            names: list[str] = self._looking().get_ports()
        return names

    def open(self, name: str, *, output: str, sysex: bool, clock: ClockNs) -> RtMidiLink:
        """See MidiSystem."""
        with _as_surface_errors(f'MIDI port "{name}" cannot be opened'):
            listener = self._looking()
            names = listener.get_ports()
            if name not in names:
                raise SurfaceError(f'MIDI port "{stable_name(name)}" has just gone; rigd looks again')
            listener.ignore_types(sysex=not sysex, timing=False, active_sense=False)
            try:
                listener.open_port(names.index(name), "in")
                sender = _Sender(name, output, self._client, self._api) if output else None
            except BaseException:
                self.close()
                raise
        self._listener = None
        is_jack = self._api == "jack"
        return RtMidiLink(
            listener,
            sender,
            name,
            servers=self._servers if is_jack else frozenset(),
            half_period_ns=_jack_period_ns() // 2 if is_jack else 0,
            clock=clock,
        )

    def wait_for_change(self, timeout_s: float) -> None:
        """See MidiSystem. RtMidi announces nothing."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """See MidiSystem."""
        self._woken.set()

    def close(self) -> None:
        """See MidiSystem."""
        _delete(self._listener)
        self._listener = None

    def _looking(self) -> Any:
        is_jack = self._api == "jack"
        if is_jack and self._listener is not None and jack_servers() != self._servers:
            self.close()  # libjack goes on listing the ports of a dead server
        if self._listener is None:
            if is_jack and not jack_servers() and not _is_there():
                raise SurfaceError(NO_JACK_SERVER)
            rtmidi = _rtmidi()
            _ready(self._api, rtmidi)
            try:
                with _CLIENTS:
                    self._listener = rtmidi.MidiIn(
                        _number(self._api, rtmidi), name=self._client, queue_size_limit=RING_MESSAGES
                    )
            except rtmidi.RtMidiError as error:
                raise SurfaceError(NO_JACK_SERVER if is_jack else why_no_sequencer()) from error
            if is_jack:
                self._servers = jack_servers()
        return self._listener


class _Sender:
    """What reaches the lamps of the port `name`, from when there is an output of that name on."""

    def __init__(self, name: str, output: str, client: str, api: MidiSystemName) -> None:
        rtmidi = _rtmidi()
        self._name, self._output = name, output
        self.trouble = "not looked for yet"
        with _CLIENTS:
            self._port = rtmidi.MidiOut(_number(api, rtmidi), name=f"{client}-leds")
        try:
            self.connect()
        except BaseException:
            self.close()
            raise

    def connect(self) -> None:
        """Connected where it can be, and was not."""
        if self.trouble:
            names = self._port.get_ports()
            found, self.trouble = output_of(self._name, self._output, names)
            if found:
                self._port.open_port(names.index(found), "out")

    def send(self, message: bytes) -> None:
        if not self.trouble:
            self._port.send_message(message)

    def close(self) -> None:
        _delete(self._port)


class RtMidiLink:
    """An open port of ALSA or JACK."""

    def __init__(
        self,
        listener: Any,
        sender: _Sender | None,
        name: str,
        *,
        servers: frozenset[str],
        half_period_ns: int,
        clock: ClockNs,
    ) -> None:
        """`half_period_ns`: JACK hands a message on with the period after the one in which it came, so on
        average it came half a period before it was there."""
        self.name = name
        self._half_period_ns = half_period_ns
        self._listener = listener
        self._sender = sender
        self._servers = servers
        self._clock = clock
        self._stamps = DistanceStamps()
        self._fetched_ns = clock()
        self._moves_until_s = 0.0
        self._woken = threading.Event()

    @property
    def output_trouble(self) -> str:
        """See MidiLink."""
        return self._sender.trouble if self._sender is not None else ""

    def wait(self, timeout_s: float) -> list[Heard]:
        """See MidiLink."""
        until_s = time.monotonic() + timeout_s
        while True:
            heard, now_s = self._fetch(), time.monotonic()
            if heard:
                self._moves_until_s = now_s + STILL_AFTER_S
            if heard or self._woken.is_set() or now_s >= until_s:
                self._woken.clear()
                return heard
            self._woken.wait(QUICK_POLL_S if now_s < self._moves_until_s else POLL_S)

    def _fetch(self) -> list[Heard]:
        now_ns = self._clock()
        messages: list[bytes] = []
        distances_s: list[float] = []
        while len(messages) < RING_MESSAGES and (got := self._listener.get_message()) is not None:
            messages.append(bytes(got[0]))
            distances_s.append(got[1])
        now_ns, before_ns = self._clock() if messages else now_ns, now_ns
        stamps = self._stamps.stamp(distances_s, after_ns=self._fetched_ns, now_ns=now_ns)
        self._fetched_ns = before_ns
        return [
            (whole, Ns(at_ns - self._half_period_ns))
            for message, at_ns in zip(messages, stamps, strict=True)
            for whole in _whole_messages(message)
        ]

    def wake(self) -> None:
        """See MidiLink."""
        self._woken.set()

    def send(self, message: bytes) -> None:
        """See MidiLink."""
        if self._sender is not None:
            with _as_surface_errors(f'MIDI port "{self.name}" takes no message'):
                self._sender.send(message)

    def check(self) -> None:
        """See MidiLink. RtMidi does not tell: the list of ports does, and the socket of JACK's server."""
        with _as_surface_errors(f'MIDI port "{self.name}" cannot be checked'):
            there = self.name in self._listener.get_ports()
            if self._sender is not None:
                self._sender.connect()
        if self._servers and jack_servers() != self._servers:
            raise SurfaceError(f'MIDI port "{self.name}" went with its JACK server; rigd waits for both')
        if not there:
            raise SurfaceError(f'MIDI port "{self.name}" is gone; plug it in again, rigd opens it by itself')

    def close(self) -> None:
        """See MidiLink."""
        _delete(self._listener)
        if self._sender is not None:
            self._sender.close()


NO_JACK_SERVER = "no JACK server answers; start it, as the same user, or name it in JACK_DEFAULT_SERVER"


def _rtmidi() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise SurfaceError(
            f"MIDI over JACK needs python-rtmidi, which cannot be used ({error}); pip install 'rigd[jack-midi]'"
        ) from error
    return rtmidi


def _is_there() -> bool:
    try:
        _rtmidi()
    except SurfaceError:
        return False
    return True


def _number(api: str, rtmidi: Any) -> int:
    return int(rtmidi.API_LINUX_ALSA if api == "alsa" else rtmidi.API_UNIX_JACK)


def _ready(api: str, rtmidi: Any) -> None:
    """Raises SurfaceError where trying would only make the MIDI library print on the terminal."""
    if _number(api, rtmidi) not in rtmidi.get_compiled_api():
        raise SurfaceError(f"this python-rtmidi was built without {api.upper()}; install the one from PyPI")
    if api == "alsa" and not os.access(SEQUENCER, os.R_OK | os.W_OK):
        raise SurfaceError(why_no_sequencer())
    if api == "jack":
        _quiet_libjack()


def _quiet_libjack() -> None:
    """libjack prints five lines on stderr each time it finds no server; the surface's status says it in one.

    Its print function becomes `strlen`, which takes the same argument, needs no Python and does nothing.
    python-rtmidi brings a libjack of its own, so the one to quiet is looked up among what is mapped.
    """
    with contextlib.suppress(OSError, AttributeError):
        nothing = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
        for library in _mapped_libjacks():
            for setter in (library.jack_set_error_function, library.jack_set_info_function):
                setter.argtypes, setter.restype = [ctypes.c_void_p], None
                setter(nothing)


def _jack_period_ns() -> int:
    """How long a period of the JACK server is, which RtMidi does not tell; 0 where the server does not either."""
    no_start_server = 1
    with contextlib.suppress(OSError, AttributeError), _CLIENTS:
        for library in _mapped_libjacks():
            library.jack_client_open.restype = ctypes.c_void_p
            for name in ("jack_get_buffer_size", "jack_get_sample_rate", "jack_client_close"):
                getattr(library, name).argtypes = [ctypes.c_void_p]
            client = library.jack_client_open(f"{OWN_CLIENTS}period".encode(), no_start_server, None)
            if client:
                frames, rate_hz = library.jack_get_buffer_size(client), library.jack_get_sample_rate(client)
                library.jack_client_close(client)
                return int(frames * NS_PER_SECOND // rate_hz)
    return 0


def _mapped_libjacks() -> list[ctypes.CDLL]:
    """The libjack that this process uses: python-rtmidi brings one of its own."""
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        ctypes.CDLL(path)
        for path in sorted({line.split(maxsplit=5)[5] for line in mapped if "libjack" in line})
    ]


def jack_servers() -> frozenset[str]:
    """jackd's listening sockets, by path and file. They differ once the server was gone, however shortly. Only those
    of this user and root: a stranger who opens and closes such a socket somewhere must not have a pedal's port opened
    anew each time. By the file and not by the line, which a socket's name with a newline in it can forge."""
    wanted = f"/jack_{os.environ.get('JACK_DEFAULT_SERVER', 'default')}_"
    listening = "00010000"
    try:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return frozenset()
    words = [line.split(maxsplit=7) for line in lines if wanted in line]
    paths = {word[7] for word in words if len(word) > 7 and word[3] == listening}
    return frozenset(filter(None, map(_own_socket, paths)))


def _own_socket(path: str) -> str:
    """Another text for each socket that was bound there; empty for a stranger's."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return ""
    # The variable says that the server is somebody else's (jackd(1)).
    is_own = found.st_uid in (0, os.geteuid()) or "JACK_PROMISCUOUS_SERVER" in os.environ
    return f"{path} {found.st_ino} {found.st_ctime_ns}" if is_own else ""


def _whole_messages(message: bytes) -> list[bytes]:
    """RtMidi glues what follows a broken sysex to it. Only the last of such a heap is fresh enough to use."""
    if message[:1] != b"\xf0":
        return [message] if message else []
    return MidiParser().feed(message)[-1:]


def _delete(port: Any) -> None:
    if port is not None:
        with _CLIENTS:
            with contextlib.suppress(_rtmidi().RtMidiError):
                port.close_port()
            port.delete()


@contextlib.contextmanager
def _as_surface_errors(what: str) -> Iterator[None]:
    try:
        yield
    except SurfaceError:
        raise
    except (_rtmidi().RtMidiError, OSError, ValueError) as error:
        raise SurfaceError(f"{what} ({error}); rigd tries again") from error
