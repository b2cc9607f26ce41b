"""The tape's memory, taken part by part ahead of what capture writes: sound is heard while the rest is still touched.

A new page of tmpfs has to be found and zeroed: 0.4 s for 64 channels, 1.9 s for 256, and nobody is heard meanwhile.
The first seconds take a hundredth of that, and the rest is taken twenty times faster than it is written. The
callback never meets a page that is not there: it may write up to where the memory is, and not one frame beyond. The
thread that opens the interface calls this; `stop` is for any thread.
"""

from __future__ import annotations

import threading

from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import Tape

AHEAD_S = 2
"""So much is there before the stream runs: by then the next part is, however busy the machine."""
PART_S = 1


class TapeMemory:
    """Of one tape and the capture that writes it, be the tape new or one that is gone on with."""

    def __init__(self, tape: Tape, core: CaptureCore) -> None:
        self._tape, self._core = tape, core
        geometry = tape.geometry
        self._rate, self._capacity = geometry.sample_rate_hz, geometry.capacity_frames
        self._begins = self._ends = tape.written
        self._taking = threading.Lock()
        """Held while a part is taken: nobody unmaps the tape then."""
        self._stopped = False

    def begin(self) -> None:
        """The stream may run. TapeError where there is no room, for the first part or for the rest."""
        self._tape.map.check_room()
        self._tape.map.take_head()
        self._take(AHEAD_S * self._rate)

    def take_rest(self) -> None:
        """All of it is there, or `stop` was called. TapeError: capture must stop, for it will come to where its
        memory ends."""
        while self._take(PART_S * self._rate):
            pass

    def stop(self) -> None:
        """Nothing more is taken, and the tape may be closed."""
        with self._taking:
            self._stopped = True

    def _take(self, frames: int) -> bool:
        """One part more. True while there is another."""
        with self._taking:
            left = self._begins + self._capacity - self._ends
            if self._stopped or not left:
                return False
            self._tape.map.take_rows(self._ends, min(frames, left))
            self._ends += min(frames, left)
            is_whole = frames >= left
            self._core.ready_to(None if is_whole else self._ends)
            return not is_whole
