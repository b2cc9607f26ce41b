"""The ports of ALSA's sequencer and of JACK, through python-rtmidi: finding, opening, seeing that they left.

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
from typing import Any, Literal

from rigd.model.errors import SurfaceError
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.wire.midi.links import DistanceStamps, Heard
from rigd.wire.midi.names import FoundPort, alsa_client, fits, pick, pick_port, placed, stable_name
from rigd.wire.midi.parser import MidiParser
from rigd.wire.refused_device import SEQUENCER, why_no_sequencer
from rigd.wire.sound_cards import ROOT, read_cards

POLL_S = 0.01
"""Measured on JACK: 0.9 % of a core a port, and 1.3 % at 5 ms. For the time of a press see DistanceStamps."""
QUICK_POLL_S = 0.001
STILL_AFTER_S = 1.0
"""A control that sent nothing for so long is not being moved."""
RING_MESSAGES = 256
OWN_CLIENTS = "rigd-"
"""How every MIDI client of rigd's own begins; never taken for a pedal."""

_CLIENTS = threading.Lock()
"""libjack keeps state of its own once a process, and crashes when one thread closes a client while another
opens one of a dead server. That is why this lock is global too: whoever opens or closes a client holds it."""

Api = Literal["auto", "alsa", "jack"]


class MidiPorts:
    """The ports of this machine's MIDI systems. Keeps one client a system, however often it looks."""

    def __init__(self, *, client: str, api: Api = "auto", root: Path = ROOT) -> None:
        """`root`: where /proc and /sys are, which tell the USB sockets."""
        self._client = OWN_CLIENTS + client
        self._root = root
        self._apis: tuple[Literal["alsa", "jack"], ...] = ("alsa", "jack") if api == "auto" else (api,)
        self._listeners: dict[str, Any] = {}
        self._servers: frozenset[str] = frozenset()
        self.troubles: list[str] = []
        """Why a MIDI system cannot be used, with the cure; as of the last `look`."""

    def look(self) -> list[FoundPort]:
        """The ports there are now, ALSA's first."""
        self.troubles = []
        found: list[FoundPort] = []
        cards = read_cards(self._root)
        for api in self._apis:
            try:
                found += [placed(FoundPort(api=api, name=name), cards) for name in self._names(api)]
            except SurfaceError as error:
                self.troubles.append(str(error))
        return found

    def why_so_few(self) -> list[str]:
        """What of `troubles` may hide a port. That no JACK server runs is none where ALSA can be used."""
        if len(self.troubles) == len(self._apis):
            return self.troubles
        return [trouble for trouble in self.troubles if trouble != NO_JACK_SERVER]

    def find(self, wanted: str, *, usb_path: str = "", usb_serial: str = "") -> FoundPort:
        """The port that `wanted` means, ALSA's before JACK's. Raises SurfaceError with what to do."""
        found = self.look()
        if len(self.troubles) == len(self._apis):
            raise SurfaceError("no MIDI here: " + "; ".join(self.troubles))
        for api in self._apis:
            of_this = [port for port in found if port.api == api]
            if any(fits(wanted, port.name) for port in of_this):
                return pick(wanted, of_this, usb_path=usb_path, usb_serial=usb_serial)
        return pick(wanted, found)

    def open(self, port: FoundPort, *, output: str, sysex: bool, clock: ClockNs) -> RtMidiLink:
        """Listens on `port` and, unless `output` is empty, sends to the output of that name."""
        with _as_surface_errors(f'MIDI port "{port.name}" cannot be opened'):
            listener = self._listener(port.api)
            names = listener.get_ports()
            if port.name not in names:
                raise SurfaceError(f'MIDI port "{stable_name(port.name)}" has just gone; rigd looks again')
            listener.ignore_types(sysex=not sysex, timing=False, active_sense=False)
            sender = None
            if output:
                sender = self._sender(port, output)
            try:
                listener.open_port(names.index(port.name), "in")
            except BaseException:
                _delete(sender)
                _delete(self._listeners.pop(port.api))
                raise
        del self._listeners[port.api]
        for api in list(self._listeners):
            _delete(self._listeners.pop(api))
        servers = self._servers if port.api == "jack" else frozenset()
        half_period_ns = _jack_period_ns() // 2 if port.api == "jack" else 0
        return RtMidiLink(
            listener, sender, port.name, servers=servers, half_period_ns=half_period_ns, clock=clock
        )

    def close(self) -> None:
        """No client is left."""
        for listener in self._listeners.values():
            _delete(listener)
        self._listeners.clear()

    def _names(self, api: str) -> list[str]:
        with _as_surface_errors(f"the MIDI ports of {api.upper()} cannot be listed"):
            names = self._listener(api).get_ports()
        return [name for name in names if not name.startswith(OWN_CLIENTS)]

    def _listener(self, api: str) -> Any:
        if api == "jack" and api in self._listeners and _jack_servers() != self._servers:
            _delete(self._listeners.pop(api))  # libjack goes on listing the ports of a dead server
        if api not in self._listeners:
            rtmidi = _rtmidi()
            _ready(api, rtmidi)
            try:
                with _CLIENTS:
                    self._listeners[api] = rtmidi.MidiIn(
                        _number(api, rtmidi), name=self._client, queue_size_limit=RING_MESSAGES
                    )
            except rtmidi.RtMidiError as error:
                cure = why_no_sequencer() if api == "alsa" else NO_JACK_SERVER
                raise SurfaceError(cure) from error
            if api == "jack":
                self._servers = _jack_servers()
        return self._listeners[api]

    def _sender(self, port: FoundPort, output: str) -> Any:
        rtmidi = _rtmidi()
        with _CLIENTS:
            sender = rtmidi.MidiOut(_number(port.api, rtmidi), name=f"{self._client}-leds")
        try:
            names = [name for name in sender.get_ports() if not name.startswith(OWN_CLIENTS)]
            # Of two equal pedals the lamps are those of the one that is listened to.
            own = alsa_client(port.name)
            names = [name for name in names if own is not None and alsa_client(name) == own] or names
            sender.open_port(sender.get_ports().index(pick_port(output, names)), "out")
        except SurfaceError:
            # A pedal without an input for lamps still records.
            _delete(sender)
            return None
        except BaseException:
            _delete(sender)
            raise
        return sender


class RtMidiLink:
    """An open port of ALSA or JACK."""

    def __init__(
        self,
        listener: Any,
        sender: Any,
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
        self.has_output = sender is not None
        self._listener = listener
        self._sender = sender
        self._servers = servers
        self._clock = clock
        self._stamps = DistanceStamps()
        self._fetched_ns = clock()
        self._moves_until_s = 0.0
        self._woken = threading.Event()

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
                self._sender.send_message(message)

    def check(self) -> None:
        """See MidiLink. RtMidi does not tell: the list of ports does, and the socket of JACK's server."""
        with _as_surface_errors(f'MIDI port "{self.name}" cannot be checked'):
            there = self.name in self._listener.get_ports()
        if self._servers and _jack_servers() != self._servers:
            raise SurfaceError(f'MIDI port "{self.name}" went with its JACK server; rigd waits for both')
        if not there:
            raise SurfaceError(f'MIDI port "{self.name}" is gone; plug it in again, rigd opens it by itself')

    def close(self) -> None:
        """See MidiLink."""
        _delete(self._listener)
        _delete(self._sender)


NO_JACK_SERVER = "no JACK server answers; start it, as the same user, or name it in JACK_DEFAULT_SERVER"


def _rtmidi() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise SurfaceError(f"python-rtmidi cannot be used ({error}); pip install python-rtmidi") from error
    return rtmidi


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


def _jack_servers() -> frozenset[str]:
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
