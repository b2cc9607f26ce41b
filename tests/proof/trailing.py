"""How far the files of a rolling take are behind the sound, as somebody finds them who opens them in another program.

The tape is asked first, and then every file is opened by every reader: what is measured is what a person would see.
"""

from __future__ import annotations

from random import Random

from rigd.model.state import Take
from rigd.tape.tape import Tape
from tests.proof.figures import Figures
from tests.proof.load import RATE_HZ
from tests.proof.oracle import check_b_rolling
from tests.support.rig import RigRun

PROMISED = "<= 1 s"
LATEST_LOOK_S = 1.0
"""Looks are spread over the time between two headers."""


class Trailing:
    """The worst of all looks at one take."""

    def __init__(self, rig: RigRun, take: Take, moments: Random) -> None:
        self._rig = rig
        self._take = take
        self._moments = moments
        self.worst_s = 0.0
        self.looks = 0

    def look(self, times: int = 1) -> None:
        """So many times, each at a random instant, the files are opened. They are as they must be (invariant B)."""
        for _ in range(times):
            self._rig.hear(self._moments.uniform(0, LATEST_LOOK_S))
            heard = self.heard_frames()
            self.worst_s = max(self.worst_s, (heard - check_b_rolling(self._take.folder)) / RATE_HZ)
            self.looks += 1

    def heard_frames(self) -> int:
        """How long the take would be if all that is on the tape now were in the files."""
        with Tape.attach(self._rig.runtime / "tape", writable=False) as tape:
            return tape.next_frame - self._take.first_frame

    def record(self, figures: Figures, fault: str, of: str) -> None:
        """The figure, of all looks; `of` says when they were."""
        figures.record(
            fault,
            "files trail the sound by",
            bound=PROMISED,
            measured=self.worst_s,
            unit="s",
            count=f"{self.looks} looks by three readers, {of}",
        )
