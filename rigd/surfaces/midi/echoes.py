"""Which of the messages that come are the device's own echo of a lamp, and no foot. Pure; one open port.

Some devices send back what they are sent, each message or only one that changes something. What comes within ECHO_NS
of the same message on its way out is that: once, so that a foot's message beside its echo is a foot's. A device that
did not answer lamps that changed is believed not to echo. And where a release comes that nothing explains, what was
taken for an echo before it was the press.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TypeVar

ECHO_NS = 20_000_000
LATE_NS = 1_000_000_000
"""On a busy machine an echo may come so late; it is a foot's then, and must not make a press of the one before."""
SILENT_AFTER = 4
"""So many messages that changed a lamp and did not come back, and none that did: this device echoes nothing."""
PROVEN = 3
"""A device that seemed to echo so often does; before, a foot may have come beside a lamp by chance."""
_MOST_CONTROLS = 64

_Control = tuple[int, int]
_V = TypeVar("_V")
_NOTE_OFF, _NOTE_ON, _CONTROL_CHANGE = 0x80, 0x90, 0xB0


class Echoes:
    """Of one port since it was opened."""

    def __init__(self) -> None:
        self._sent: deque[tuple[bytes, int, bool]] = deque(maxlen=64)
        """Message, time, and whether it changed its lamp."""
        self._unanswered = 0
        self._echoed = 0
        self._lamps: OrderedDict[_Control, tuple[int, int]] = OrderedDict()
        """What was sent last, and when."""
        self._feet: OrderedDict[_Control, int] = OrderedDict()
        """What came last and was no echo."""
        self._taken: OrderedDict[_Control, tuple[bytes, int]] = OrderedDict()
        """What was taken for an echo since then."""

    def sent(self, message: bytes, at_ns: int) -> None:
        """This went out."""
        self._forget(at_ns)
        control, value = _read(message)
        before = self._lamps.get(control)
        _keep(self._lamps, control, (value, at_ns))
        if self._echoed or self._unanswered < SILENT_AFTER:
            self._sent.append((message, at_ns, before is not None and before[0] != value))

    def is_echo(self, message: bytes, at_ns: int) -> bool:
        """Whether this, which came then, is no foot."""
        self._forget(at_ns)
        for place, (sent, _, _) in enumerate(self._sent):
            if sent == message:
                del self._sent[place]
                self._echoed += 1
                _keep(self._taken, _read(message)[0], (message, at_ns))
                return True
        return False

    def press_before(self, message: bytes, at_ns: int) -> tuple[bytes, int] | None:
        """The press that was taken for an echo, and its time, where this, which is no echo, is the release of none
        that was seen."""
        control, value = _read(message)
        if control not in self._lamps:
            return None
        before, taken = self._feet.get(control), self._taken.pop(control, None)
        _keep(self._feet, control, value)
        lamp, lamp_ns = self._lamps[control]
        may_be_late = self._echoed >= PROVEN and lamp == value and at_ns - lamp_ns < LATE_NS
        if taken is None or may_be_late or before not in (None, value) or _read(taken[0])[1] == value:
            return None
        return taken

    def _forget(self, at_ns: int) -> None:
        while self._sent and at_ns - self._sent[0][1] > ECHO_NS:
            self._unanswered += self._sent.popleft()[2]


def _read(message: bytes) -> tuple[_Control, int]:
    """The control of a message and its value; a note that ends has none."""
    kind = message[0] & 0xF0
    if kind not in (_NOTE_OFF, _NOTE_ON, _CONTROL_CHANGE) or len(message) < 3:
        return (message[0], -1), 0
    status = _NOTE_ON | message[0] & 0x0F if kind == _NOTE_OFF else message[0]
    return (status, message[1]), 0 if kind == _NOTE_OFF else message[2]


def _keep(kept: OrderedDict[_Control, _V], control: _Control, value: _V) -> None:
    kept[control] = value
    kept.move_to_end(control)
    if len(kept) > _MOST_CONTROLS:
        kept.popitem(last=False)
