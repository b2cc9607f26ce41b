"""ALSA's sequencer as one of the machine's MIDI systems, through alsa-midi: no polling, the kernel's times, and ports
that come and leave by the kernel's announcement.

A link's thread sleeps in the kernel until something comes. The time of a message is when the kernel had it, so a
thread that wakes up late costs no precision of a press.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from rigd.model.errors import SurfaceError
from rigd.model.units import ClockNs, Ns
from rigd.wire.midi.alsa_clients import AlsaPort, read_alsa_ports
from rigd.wire.midi.links import Heard
from rigd.wire.midi.names import output_of, stable_name
from rigd.wire.midi.parser import SYSEX, MidiParser
from rigd.wire.midi.sequencer import Arrived, Lost, PortCame, PortLeft, Sequencer
from rigd.wire.refused_device import SEQUENCER, why_no_sequencer
from rigd.wire.sound_cards import ROOT

_log = logging.getLogger(__name__)

TICK_NS = 1_000_000
"""The kernel stamps with the last tick of a queue's clock: 1,000 a second (sound/core/seq/seq_timer.c)."""
_BETWEEN_NEWS_S = 0.02
"""A device that comes announces its ports one after another: all of them are looked at once."""
_MOST_LOOKS = 10
_LOOKS_AT_OPENING = 5
"""So that the first press is placed as well as all others, though the thread may be held up between two looks."""


@functools.cache
def alsa_midi_is_there() -> bool:
    """Whether alsa-midi is installed, and ALSA's library with it."""
    if importlib.util.find_spec("alsa_midi") is None:
        return False
    try:
        import alsa_midi  # noqa: F401 - whether it can be
    except (ImportError, OSError) as error:
        _log.warning("alsa-midi cannot be used (%s); ALSA's MIDI goes by python-rtmidi", error)
        return False
    return True


class QueueClock:
    """When the kernel had a message, CLOCK_MONOTONIC, from the time of a queue. Pure; of one queue.

    What lies between the two clocks is known as well as the narrowest look at both: a thread that is held up between
    its looks sees the other clock late."""

    _DRIFT_PER_NS = 1e-6
    """The kernel runs the queue by CLOCK_MONOTONIC itself."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._width_ns = 0
        self._read_ns = 0

    def read(self, before_ns: int, queue_ns: int, after_ns: int) -> None:
        """The queue's clock showed `queue_ns` at a time between these two."""
        width_ns = after_ns - before_ns
        grown_ns = self._width_ns + round((after_ns - self._read_ns) * self._DRIFT_PER_NS)
        if self._offset_ns is None or width_ns <= grown_ns:
            self._offset_ns = (before_ns + after_ns) // 2 - queue_ns
            self._width_ns, self._read_ns = width_ns, after_ns

    def stamp(self, queue_ns: int, *, now_ns: int) -> Ns:
        """A message has the time of the queue's last tick before it, so it came up to a tick later; and never later
        than now. After `read`."""
        assert self._offset_ns is not None
        return Ns(min(now_ns, queue_ns + TICK_NS // 2 + self._offset_ns))


class AlsaSystem:
    """See MidiSystem."""

    def __init__(self, client: str, root: Path = ROOT) -> None:
        self._client = client
        self._root = root
        self._looking: Sequencer | None = None
        self._woken = threading.Event()

    def names(self) -> list[str]:
        """See MidiSystem."""
        self._looker()
        return [port.name for port in read_alsa_ports(self._root) if port.can_be_heard]

    def open(self, name: str, *, output: str, sysex: bool, clock: ClockNs) -> AlsaLink:
        """See MidiSystem."""
        ports = read_alsa_ports(self._root)
        source = next((port for port in ports if port.name == name and port.can_be_heard), None)
        if source is None:
            raise SurfaceError(f'MIDI port "{stable_name(name)}" has just gone; rigd looks again')
        sequencer, self._looking = self._looker(), None
        try:
            return AlsaLink(sequencer, source, output, sysex=sysex, clock=clock, root=self._root)
        except SurfaceError as error:
            sequencer.close()
            raise SurfaceError(f'MIDI port "{name}" cannot be opened ({error}); rigd tries again') from error

    def wait_for_change(self, timeout_s: float) -> None:
        """See MidiSystem."""
        try:
            looking = self._looker()
            if not self._woken.is_set() and any(map(_is_of_a_port, looking.wait(timeout_s))):
                for _ in range(_MOST_LOOKS):
                    if not looking.wait(_BETWEEN_NEWS_S):
                        break
        except SurfaceError:
            self.close()
            self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """See MidiSystem."""
        self._woken.set()
        if (looking := self._looking) is not None:
            looking.wake()

    def close(self) -> None:
        """See MidiSystem."""
        if self._looking is not None:
            self._looking.close()
            self._looking = None

    def _looker(self) -> Sequencer:
        if self._looking is None:
            self._looking = _opened(self._client)
        return self._looking


class AlsaLink:
    """An open port of ALSA's sequencer. See MidiLink."""

    def __init__(
        self,
        sequencer: Sequencer,
        source: AlsaPort,
        output: str,
        *,
        sysex: bool,
        clock: ClockNs,
        root: Path = ROOT,
    ) -> None:
        """The link closes the sequencer."""
        self.name = source.name
        self._sequencer = sequencer
        self._source = (source.client, source.port)
        self._sysex = sysex
        self._clock = clock
        self._parser = MidiParser()
        self._queue_clock = QueueClock()
        self._gone = False
        self._told_lost = False
        self._in = sequencer.listen(self._source)
        self._out: int | None = None
        self._output = output
        self._root = root
        self.output_trouble = ""
        self._connect()
        for _ in range(_LOOKS_AT_OPENING):
            self._look_at_clocks()

    def wait(self, timeout_s: float) -> list[Heard]:
        """See MidiLink."""
        if self._gone:
            self.check()
        arrived: list[Arrived] = []
        for news in self._sequencer.wait(timeout_s):
            match news:
                case Arrived() if news.port == self._in:
                    arrived.append(news)
                case PortLeft() if news.address == self._source:
                    self._gone = True
                case PortCame() if self.output_trouble:
                    self._connect()
                case Lost():
                    self._tell_lost()
        return self._heard(arrived) if arrived else []

    def _connect(self) -> None:
        if not self._output:
            return
        outputs = {port.name: port for port in read_alsa_ports(self._root) if port.can_be_sent_to}
        found, self.output_trouble = output_of(self.name, self._output, list(outputs))
        if found:
            self._out = self._sequencer.connect_out((outputs[found].client, outputs[found].port))

    def _look_at_clocks(self) -> Ns:
        before_ns = self._clock()
        self._queue_clock.read(before_ns, self._sequencer.queue_now_ns(), now_ns := self._clock())
        return now_ns

    def _heard(self, arrived: Sequence[Arrived]) -> list[Heard]:
        now_ns = self._look_at_clocks()
        return [
            (message, self._queue_clock.stamp(each.queue_ns, now_ns=now_ns))
            for each in arrived
            for message in self._parser.feed(each.data)
            if self._sysex or message[0] != SYSEX
        ]

    def _tell_lost(self) -> None:
        if not self._told_lost:
            self._told_lost = True
            _log.warning(
                'MIDI port "%s" sends faster than rigd takes it: messages are lost; look for a broken control',
                self.name,
            )

    def wake(self) -> None:
        """See MidiLink."""
        self._sequencer.wake()

    def send(self, message: bytes) -> None:
        """See MidiLink."""
        if self._out is not None:
            self._sequencer.send(self._out, message)

    def check(self) -> None:
        """See MidiLink. The kernel announces it; it is asked as well: an announcement can be among what was lost."""
        if self._gone or not self._sequencer.is_there(self._source):
            raise SurfaceError(f'MIDI port "{self.name}" is gone; plug it in again, rigd opens it by itself')

    def close(self) -> None:
        """See MidiLink."""
        self._sequencer.close()


def _is_of_a_port(news: object) -> bool:
    return isinstance(news, PortCame | PortLeft | Lost)


def _opened(client: str) -> Sequencer:
    if not os.access(SEQUENCER, os.R_OK | os.W_OK):
        raise SurfaceError(why_no_sequencer())
    try:
        return Sequencer(client)
    except SurfaceError as error:
        raise SurfaceError(f"{why_no_sequencer()} ({error})") from error
