"""Which of the messages that come are the device's own echo of a lamp, and no foot. Pure; one open port.

Some pedals send back what they are sent. What comes within ECHO_NS of the same message on its way out is that. A
pedal that never did so is believed not to: else, while its lamp blinks by the same message that its switch sends, one
press in twenty-five would be taken for an echo.
"""

from __future__ import annotations

from collections import deque

ECHO_NS = 20_000_000
SILENT_AFTER = 24
"""So many messages that did not come back, and none that did: this device echoes nothing."""


class Echoes:
    """Of one port since it was opened."""

    def __init__(self) -> None:
        self._sent: deque[tuple[bytes, int]] = deque(maxlen=64)
        self._unanswered = 0
        self._has_echoed = False

    def sent(self, message: bytes, at_ns: int) -> None:
        """This went out."""
        self._forget(at_ns)
        if self._has_echoed or self._unanswered < SILENT_AFTER:
            self._sent.append((message, at_ns))

    def is_echo(self, message: bytes, at_ns: int) -> bool:
        """Whether this, which came then, is no foot."""
        self._forget(at_ns)
        found = any(sent == message for sent, _ in self._sent)
        self._has_echoed = self._has_echoed or found
        return found

    def _forget(self, at_ns: int) -> None:
        while self._sent and at_ns - self._sent[0][1] > ECHO_NS:
            self._sent.popleft()
            self._unanswered += 1
