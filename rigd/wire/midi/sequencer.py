"""One client of ALSA's sequencer: its ports, what comes in with the kernel's times, what is announced. One thread.

Through the functions of ALSA's library as alsa-midi declares them. alsa-midi's own client is not used: its waiting
counts seconds as milliseconds, its sending waits without an end for a device that takes nothing, and it cannot be
woken.

What bounds memory: the kernel keeps POOL_EVENTS of what comes in, and drops what is more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from rigd.model.errors import SurfaceError
from rigd.model.units import NS_PER_SECOND

POOL_EVENTS = 1024
"""A MIDI cable brings 1,000 messages in a second; the kernel's limit is 2,000."""
_LONGEST_SHORT_BYTES = 12
"""Four messages: an NRPN of another program is one event."""
_MOST_EVENTS_AT_ONCE = 256
_ENCODER_BYTES = 1024

Address = tuple[int, int]
"""Client and port."""


class Arrived(Struct, frozen=True, kw_only=True):
    """Bytes that came to a port, whole messages or a piece of a sysex."""

    port: int
    data: bytes
    queue_ns: int
    """By the clock of the client's queue, at its last tick before."""


class PortLeft(Struct, frozen=True, kw_only=True):
    """A port of anybody's is gone, or is no longer connected to one of this client."""

    address: Address


class PortCame(Struct, frozen=True, kw_only=True):
    """A port of anybody's is there."""


class Lost(Struct, frozen=True, kw_only=True):
    """The kernel had no room: events are missing."""


News = Arrived | PortLeft | PortCame | Lost


class Sequencer:
    """An open client. Raises SurfaceError where ALSA refuses."""

    def __init__(self, name: str) -> None:
        from alsa_midi import alsa, ffi

        self._alsa, self._ffi = alsa, ffi
        handle = ffi.new("snd_seq_t **")
        self._try(alsa.snd_seq_open(handle, b"default", alsa.SND_SEQ_OPEN_DUPLEX, alsa.SND_SEQ_NONBLOCK))
        self._handle = handle[0]
        self._queue = -1
        try:
            self._set_up(name)
        except BaseException:
            alsa.snd_seq_close(self._handle)
            raise
        self._waking = threading.Lock()
        self._closed = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._wake, select.POLLIN)
        self._poll.register(self._fd(), select.POLLIN)

    def _set_up(self, name: str) -> None:
        alsa, ffi = self._alsa, self._ffi
        alsa.snd_seq_set_client_name(self._handle, name.encode())
        self._try(alsa.snd_seq_set_client_pool_input(self._handle, POOL_EVENTS))
        coder = ffi.new("snd_midi_event_t **")
        self._try(alsa.snd_midi_event_new(_ENCODER_BYTES, coder))
        self._coder = ffi.gc(coder[0], alsa.snd_midi_event_free)
        alsa.snd_midi_event_no_status(self._coder, 1)
        self._short = ffi.new("unsigned char[]", _LONGEST_SHORT_BYTES)
        writable = alsa.SND_SEQ_PORT_CAP_WRITE | alsa.SND_SEQ_PORT_CAP_SUBS_WRITE
        hidden = writable | alsa.SND_SEQ_PORT_CAP_NO_EXPORT
        self._news_port = self._port("news", hidden)
        announcements = alsa.SND_SEQ_PORT_SYSTEM_ANNOUNCE
        self._try(
            alsa.snd_seq_connect_from(
                self._handle, self._news_port, alsa.SND_SEQ_CLIENT_SYSTEM, announcements
            )
        )

    def listen(self, source: Address) -> int:
        """The number of a port of its own that takes what `source` sends, with the queue's time."""
        alsa, ffi = self._alsa, self._ffi
        self._queue = self._try(alsa.snd_seq_alloc_queue(self._handle))
        start = alsa.SND_SEQ_EVENT_START
        self._try(alsa.snd_seq_control_queue(self._handle, self._queue, start, 0, ffi.NULL))
        self._try(alsa.snd_seq_drain_output(self._handle))
        about = self._port_info()
        alsa.snd_seq_port_info_set_name(about, b"in")
        writable = alsa.SND_SEQ_PORT_CAP_WRITE | alsa.SND_SEQ_PORT_CAP_SUBS_WRITE
        alsa.snd_seq_port_info_set_capability(about, writable)
        alsa.snd_seq_port_info_set_type(about, self._kind)
        alsa.snd_seq_port_info_set_timestamping(about, 1)
        alsa.snd_seq_port_info_set_timestamp_real(about, 1)
        alsa.snd_seq_port_info_set_timestamp_queue(about, self._queue)
        self._try(alsa.snd_seq_create_port(self._handle, about))
        port: int = alsa.snd_seq_port_info_get_port(about)
        self._try(alsa.snd_seq_connect_from(self._handle, port, *source))
        return port

    def connect_out(self, dest: Address) -> int:
        """The number of a port of its own from which `send` reaches `dest`."""
        alsa = self._alsa
        port = self._port("out", alsa.SND_SEQ_PORT_CAP_READ | alsa.SND_SEQ_PORT_CAP_SUBS_READ)
        self._try(alsa.snd_seq_connect_to(self._handle, port, *dest))
        return port

    def wait(self, timeout_s: float) -> list[News]:
        """What came, in order; returns early with the first of it, and on `wake`."""
        if self._alsa.snd_seq_event_input_pending(self._handle, 0) > 0:
            timeout_s = 0.0  # read from the kernel already, which no longer shows it as there
        ready = {fd for fd, _ in self._poll.poll(timeout_s * 1000)}
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 8)
        return list(self._take())

    def wake(self) -> None:
        """Ends a `wait` early. Any thread, also while it is closed."""
        with self._waking:
            if not self._closed:
                os.eventfd_write(self._wake, 1)

    def queue_now_ns(self) -> int:
        """The queue's clock now."""
        alsa, ffi = self._alsa, self._ffi
        status = ffi.new("snd_seq_queue_status_t **")
        self._try(alsa.snd_seq_queue_status_malloc(status))
        about = ffi.gc(status[0], alsa.snd_seq_queue_status_free)
        self._try(alsa.snd_seq_get_queue_status(self._handle, self._queue, about))
        time = alsa.snd_seq_queue_status_get_real_time(about)
        return int(time.tv_sec * NS_PER_SECOND + time.tv_nsec)

    def send(self, port: int, message: bytes) -> None:
        """The message is with whoever is connected to the port. Never waits: what is not taken is an error."""
        alsa, ffi = self._alsa, self._ffi
        event = ffi.new("snd_seq_event_t *")
        alsa.snd_midi_event_reset_encode(self._coder)
        given = ffi.from_buffer("unsigned char[]", message)
        done = 0
        while done < len(message):
            done += self._try(
                alsa.snd_midi_event_encode(self._coder, given + done, len(message) - done, event)
            )
            if event.type == alsa.SND_SEQ_EVENT_NONE:
                continue
            event.queue = alsa.SND_SEQ_QUEUE_DIRECT
            event.source.port = port
            event.dest.client = alsa.SND_SEQ_ADDRESS_SUBSCRIBERS
            event.dest.port = alsa.SND_SEQ_ADDRESS_UNKNOWN
            self._try(alsa.snd_seq_event_output_direct(self._handle, event))

    def is_there(self, address: Address) -> bool:
        """Whether the kernel has that port now."""
        found = self._alsa.snd_seq_get_any_port_info(self._handle, *address, self._port_info())
        return bool(found >= 0)

    def close(self) -> None:
        """The client, its ports and its queue are gone."""
        self._alsa.snd_seq_close(self._handle)
        with self._waking:
            self._closed = True
            os.close(self._wake)

    # ------------------------------------------------------------------------------------------------

    @property
    def _kind(self) -> int:
        return int(self._alsa.SND_SEQ_PORT_TYPE_MIDI_GENERIC | self._alsa.SND_SEQ_PORT_TYPE_APPLICATION)

    def _port(self, name: str, rights: int) -> int:
        return self._try(
            self._alsa.snd_seq_create_simple_port(self._handle, name.encode(), rights, self._kind)
        )

    def _port_info(self) -> Any:
        info = self._ffi.new("snd_seq_port_info_t **")
        self._try(self._alsa.snd_seq_port_info_malloc(info))
        return self._ffi.gc(info[0], self._alsa.snd_seq_port_info_free)

    def _fd(self) -> int:
        found = self._ffi.new("struct pollfd[]", 1)
        self._try(self._alsa.snd_seq_poll_descriptors(self._handle, found, 1, select.POLLIN))
        return int(found[0].fd)

    def _take(self) -> Iterator[News]:
        alsa, ffi = self._alsa, self._ffi
        found = ffi.new("snd_seq_event_t **")
        for _ in range(_MOST_EVENTS_AT_ONCE):
            result = alsa.snd_seq_event_input(self._handle, found)
            if result == -errno.EAGAIN:
                return
            if result == -errno.ENOSPC:
                yield Lost()
                continue
            self._try(result)
            news = self._news_in(found[0])
            if news is not None:
                yield news

    def _news_in(self, event: Any) -> News | None:
        alsa = self._alsa
        if event.dest.port == self._news_port:
            if event.type in (alsa.SND_SEQ_EVENT_PORT_START, alsa.SND_SEQ_EVENT_PORT_CHANGE):
                return PortCame()
            if event.type == alsa.SND_SEQ_EVENT_PORT_EXIT:
                return PortLeft(address=(event.data.addr.client, event.data.addr.port))
            return None
        if event.type == alsa.SND_SEQ_EVENT_PORT_UNSUBSCRIBED:
            sender = event.data.connect.sender
            return PortLeft(address=(sender.client, sender.port))
        data = bytes_in(event, self._coder, self._short, alsa, self._ffi)
        if not data:
            return None
        time = event.time.time
        queue_ns = int(time.tv_sec * NS_PER_SECOND + time.tv_nsec)
        return Arrived(port=event.dest.port, data=data, queue_ns=queue_ns)

    def _try(self, result: int) -> int:
        if result < 0:
            why = self._ffi.string(self._alsa.snd_strerror(result)).decode(errors="replace")
            raise SurfaceError(f"ALSA's sequencer: {why}")
        return result


def bytes_in(event: Any, coder: Any, short: Any, alsa: Any, ffi: Any) -> bytes:
    """The MIDI bytes of an event; empty of one that is no MIDI message. `short` has room for a short one."""
    if event.type == alsa.SND_SEQ_EVENT_SYSEX:
        return bytes(ffi.buffer(event.data.ext.ptr, event.data.ext.len))
    alsa.snd_midi_event_reset_decode(coder)
    length = alsa.snd_midi_event_decode(coder, short, len(short), event)
    return bytes(ffi.buffer(short, length)) if length > 0 else b""
