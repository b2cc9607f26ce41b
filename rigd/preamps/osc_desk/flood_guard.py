"""How much of what a desk sends is taken, so that a flood costs little and leaves no wrong gain behind. Pure.

One DeskIntake a preamp, used by that preamp's thread alone. It touches no socket and no clock: packets and the time
come in; what is worth reading, and now and then a line for the log, comes out. Why these figures:
docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Iterable

from rigd.model.units import NS_PER_SECOND, Ns

PER_SECOND = 200
"""Sustained. rigd asks 50 times a second at most; the rest is for hands at the desk."""
BURST = 400
"""At once: a scene that sets each of 128 gains and 48 V switches is 256 packets; answers come between them."""
QUIET_NS = 10 * NS_PER_SECOND
"""So long without a packet too many, or one that says nothing, and it is over. So two lines of the log, one when it
begins and one when it is over, are the most that any sender can cause in that time."""
_BUNDLE = b"#bundle\0"


class DeskIntake:
    """`words` is what addresses that matter begin with. A desk pushes every fader that moves: such a packet is passed
    by unread and takes nothing out of the bucket."""

    def __init__(self, *words: str, now: Ns) -> None:
        self._beginnings = (*(word.encode() for word in words), _BUNDLE)
        self._room = float(BURST)
        self._filled_ns: int = now
        self._lacking = False
        """Packets were dropped since it was last read again."""
        self._began_ns: int | None = None
        """When the bucket was full for the last time before there was too much; None while there is not."""
        self._full_ns: int = now
        self._last_ns: int = now
        self._taken = self._dropped = self._refused = 0
        self._taken_by_last = 0
        self._news: str | None = None

    def admit(self, packets: Iterable[bytes], now: Ns, *, flooded: bool = False) -> list[bytes]:
        """Those that are to be read, in order. `flooded`: the line has more than was taken from it."""
        self._room = min(float(BURST), self._room + PER_SECOND * (now - self._filled_ns) / NS_PER_SECOND)
        self._filled_ns = now
        if self._room >= BURST and self._began_ns is None:
            self._taken, self._full_ns = 0, now
        admitted = []
        dropped = 0
        for packet in packets:
            if not packet.startswith(self._beginnings):
                continue
            if self._room >= 1:
                self._room -= 1
                admitted.append(packet)
            else:
                dropped += 1
        self._taken += len(admitted)
        self._dropped += dropped
        if dropped or flooded:
            self._lacking = True
            self._trouble(now)
        return admitted

    def refused(self, count: int, now: Ns) -> None:
        """So many of those that were admitted are no OSC, or say what no desk can say."""
        self._refused += count
        self._trouble(now)

    def must_read_again(self, now: Ns) -> bool:
        """Once behind each flood: something that mattered may have been dropped."""
        over = self._lacking and self._room + PER_SECOND * (now - self._filled_ns) / NS_PER_SECOND >= BURST
        self._lacking = self._lacking and not over
        return over

    def news(self, now: Ns) -> str | None:
        """A line for the log, once."""
        if self._began_ns is not None and now - self._last_ns >= QUIET_NS:
            seconds = (self._last_ns - self._began_ns) / NS_PER_SECOND
            self._news = (
                f"what was no OSC, or too much of it, is over after {seconds:.1f} s: {self._taken_by_last:,} packets"
                f" were taken, {self._refused:,} of them refused, and {self._dropped:,} more read and dropped"
            )
            self._began_ns = None
            self._taken = self._dropped = self._refused = 0
        told, self._news = self._news, None
        return told

    def _trouble(self, now: Ns) -> None:
        if self._began_ns is None:
            self._began_ns = self._full_ns
            self._news = (
                "the desk, or who speaks in its name, sends what is no OSC, or more than"
                f" {PER_SECOND} packets a second; it is dropped, and gains are read again when it is over"
            )
        self._last_ns = now
        self._taken_by_last = self._taken
