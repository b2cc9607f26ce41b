"""Which lines of a box were refused, and the likely cause in one sentence. Pure; one thread.

Keeps counts, one sample and one reason, however much comes. It is fed what came before it is cut into lines,
for a box at the wrong speed may never send a line feed.
"""

from __future__ import annotations

from rigd.surfaces.serial.line_protocol import MAX_LINE

_SAMPLE = 32
"""Characters shown of a refused line."""
_NO_TEXT_SHARE = 4
"""One byte in so many that is no printable ASCII: the speed is wrong, or this is no box."""
_TEXT = bytes(range(32, 127)) + b"\r\t"
_ENOUGH_BYTES = 64
_RETURNS = 3
"""So many carriage returns and no line feed: that is how the box ends its lines."""


class RefusedLines:
    """Of one open port."""

    def __init__(self, *, baud: int) -> None:
        self.count = 0
        self._baud = baud
        self._sample = b""
        self._why = ""
        self._since_feed = 0
        self._returns = 0
        self._no_text = 0

    def brought(self, received: bytes) -> None:
        """These bytes came, whatever they are."""
        rest = received.rpartition(b"\n")[2]
        if len(rest) < len(received):
            self._since_feed = self._returns = self._no_text = 0
        # Bounded: a port that never sends a line feed is judged by its last bytes.
        if self._since_feed > MAX_LINE * 4:
            self._since_feed, self._returns, self._no_text = (
                each // 2 for each in (self._since_feed, self._returns, self._no_text)
            )
        self._since_feed += len(rest)
        self._returns += rest.count(b"\r")
        self._no_text += _no_text_in(rest)

    def refuse(self, line: bytes, why: str) -> None:
        """This line counts for nothing."""
        self.count += 1
        self._sample, self._why = line[: _SAMPLE + 2], why  # put into words where somebody asks

    @property
    def cause(self) -> str:
        """Why nothing that comes can be understood, where that is plain to see; empty where it is not."""
        if self._since_feed >= _ENOUGH_BYTES and self._no_text * _NO_TEXT_SHARE > self._since_feed:
            return self._wrong_speed
        if self._returns >= _RETURNS:
            return (
                "its lines end with a carriage return and no line feed, so none is ever whole; end them with "
                "a line feed (Serial.println does)"
            )
        if self._since_feed > MAX_LINE:
            return f"{self._since_feed} bytes came without a line feed; end each line with one (Serial.println does)"
        return ""

    @property
    def told(self) -> str:
        """How many lines were refused and why the last of them was; empty where none was."""
        if not self.count:
            return ""
        lines = "1 line was refused," if self.count == 1 else f"{self.count} lines were refused, the last"
        no_text = _no_text_in(self._sample) * _NO_TEXT_SHARE > len(self._sample)
        return f'{lines} "{printable(self._sample)}": {self._wrong_speed if no_text else self._why}'

    @property
    def _wrong_speed(self) -> str:
        return (
            f"what it sends is no text; rigd listens at {self._baud} baud, so set the box or baud to the same"
        )


def _no_text_in(received: bytes) -> int:
    """How many bytes are no text. Without a loop of Python's: a storm on the line must cost little."""
    return len(received.translate(None, _TEXT))


def printable(line: bytes) -> str:
    """A sample of a line for a person: printable ASCII, everything else as \\xHH."""
    text = "".join(
        chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in line.removesuffix(b"\r")[:_SAMPLE]
    )
    return text + ("..." if len(line) > _SAMPLE + 1 else "")
