"""F13 and F14: the take volume's file system is frozen. As long as the tape lasts nothing is lost; longer, recording
goes on, and what the tape could not hold is silence of exactly that length, declared.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from hardware_sim.disks import LoopDisk
from hardware_sim.faderbox import Build, FaderBox
from rigd.api.client import ControlClient
from rigd.model.state import RigState, Transport
from rigd.model.take import GapCause
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import PERIOD_FRAMES, RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b, check_whole
from tests.proof.overflow import HoldMoves, episodes_of, places
from tests.proof.trailing import Trailing
from tests.support.patience import wait_for
from tests.support.rig import RigRun
from tests.support.tools import need_mounts

pytestmark = pytest.mark.alone

STALLS_S = count(ci=[3.0], full=[10.0, 20.0, 30.0])
PROMISED_S = count(ci=3.0, full=30.0)
LONG_S = count(ci=9.0, full=60.0)
LONG_TAPE_S = count(ci=2.0, full=30.0)
CAUGHT_UP_S = 2.0
LOOKS = count(ci=3, full=7)
"""After each stall."""
LOSING = re.compile(r"sound is being lost, ([0-9.]+) s of it so far")
DISK_BYTES = count(ci=768, full=2560) << 20


@pytest.fixture
def disk() -> Iterator[LoopDisk]:
    need_mounts()
    with LoopDisk(DISK_BYTES) as disk:
        yield disk


class Asked:
    """The slowest answer of the control socket, from each `with` to its end; asked on a thread, on its own
    connection."""

    def __init__(self, rig: RigRun) -> None:
        self._rig = rig
        self._ended = threading.Event()
        self._thread = threading.Thread()
        self.slowest_s = 0.0
        self.answers = 0

    def __enter__(self) -> Asked:
        self._ended.clear()
        self._thread = threading.Thread(target=self._ask, name="asked", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        with ControlClient(self._rig.runtime / "rigd.sock", origin="test") as client:
            while not self._ended.wait(0.02):
                at = time.monotonic()
                client.status(levels=True)
                self.slowest_s = max(self.slowest_s, time.monotonic() - at)
                self.answers += 1


def stall_for(rig: RigRun, disk: LoopDisk, how: str, seconds: float) -> None:
    """Frozen: every write waits. Hanging: writes go into the page cache, and nothing becomes durable. Time is told
    by the sound that the rig hears meanwhile."""
    disk.freeze() if how == "frozen" else disk.stall()
    try:
        rig.hear(seconds)
        assert rig.state().transport is Transport.ROLLING
    finally:
        disk.thaw() if how == "frozen" else disk.go_on()


@pytest.mark.timeout(count(ci=120, full=600))
@pytest.mark.parametrize("how", ["frozen", "hanging"])
def test_the_disk_stalls_as_long_as_is_promised_and_nothing_is_lost(
    rig_of: Callable[..., RigRun], disk: LoopDisk, how: str, figures: Figures
) -> None:
    rig = rig_of(
        stall_s=PROMISED_S, keep_s=0, preroll_s=0, overrides=[f'rig.library="{disk.path / "takes"}"']
    )
    take = start_take(rig)
    trailing = Trailing(rig, take, Random(13))
    asked = Asked(rig)
    for seconds in STALLS_S:
        with asked:
            stall_for(rig, disk, how, seconds)
            # The next stall is one of its own: what this one held up is on the disk.
            rig.await_state(lambda state: state.unsafe_s < CAUGHT_UP_S, "the writer has caught up")
            rig.roll(1)
        trailing.look(LOOKS)
    closed = stop_take(rig)
    heard = check_whole(closed)
    of = f"{how}, stalls of {', '.join(f'{seconds:g}' for seconds in STALLS_S)} s"
    figures.record("F13", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record(
        "F13",
        "slowest answer of the control socket meanwhile",
        bound="< 200 ms",
        measured=1000 * asked.slowest_s,
        unit="ms",
        count=f"{asked.answers} answers",
    )
    trailing.record(figures, "F13", f"after {len(STALLS_S)} stalls ({how})")


@pytest.mark.timeout(count(ci=150, full=600))
def test_the_disk_stalls_longer_than_the_tape_lasts_and_the_silence_is_exact(
    rig_of: Callable[..., RigRun], disk: LoopDisk, figures: Figures, tmp_path: Path
) -> None:
    with FaderBox(tmp_path / "box", Build(leds=2)) as box:
        rig = rig_of(
            stall_s=LONG_TAPE_S,
            keep_s=0,
            preroll_s=0,
            overrides=[f'rig.library="{disk.path / "takes"}"'],
            more=f'[surface.box]\nkind = "serial"\nport = "{box.link}"\nleds = ["fault", "gap"]\n',
        )
        rig.await_surfaces()
        take = start_take(rig)
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            assert tape.geometry.capacity_frames < LONG_S * RATE_HZ, "the stall outlasts the tape"
            lost_before = tape.counters().lost_frames
            disk.freeze()
            try:
                until = tape.next_frame + LONG_S * RATE_HZ
                wait_for(lambda: tape.next_frame >= until, "the interface goes on", within_s=30 + LONG_S)
                (hold,) = tape.holds()  # nothing was lost before: positions on the tape are frames
                check_that_it_is_told(rig, box, tape, full_at=hold.position + tape.geometry.capacity_frames)
                with HoldMoves(tape.path) as watched:
                    wait_for(lambda: watched.known == hold.position, "the hold is watched")
                    thawed_at = tape.next_frame
                    disk.thaw()
                    state = rig.await_state(
                        lambda now: (
                            now.take is not None and bool(now.take.gaps) and now.unsafe_s < CAUGHT_UP_S
                        ),
                        "the gap is told, and the writer has caught up",
                        within_s=30 + LONG_TAPE_S,
                    )
            finally:
                disk.thaw()
            episodes = episodes_of(tape, watched.moves)
            wait_for(lambda: box.front().leds == ("on", "on"), "the lamps for the fault and for the gap")
            closed = stop_take(rig)
            lost = tape.counters().lost_frames - lost_before
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert closed.take_id == take.take_id
    assert heard.gaps == closed.gaps
    assert {gap.cause for gap in heard.gaps} == {GapCause.TAPE_FULL}
    assert all(gap.exact for gap in heard.gaps)
    assert heard.gap_frames == lost > 0, "what capture dropped is what the take declares"
    assert places(heard.gaps) == [(each.at_frame, each.lost_frames) for each in episodes], (
        "one gap an episode"
    )
    assert all(0 <= each.unused_frames < PERIOD_FRAMES for each in episodes), "the tape was used to its end"
    assert all(each.surely_beyond_frames <= PERIOD_FRAMES for each in episodes), episodes
    (told,) = [fault.what for fault in state.faults if fault.key == f"gap {take.take_id}"]
    assert f"{heard.gap_frames:,} frames ({heard.gap_frames / RATE_HZ:.3f} s) of silence" in told
    of = f"1 stall of {LONG_S:g} s, tape for {LONG_TAPE_S:g} s"
    figures.record(
        "F14",
        "declared silence is wrong by",
        bound="1 block",
        limit=PERIOD_FRAMES,
        measured=max(heard.worst_gap_error, abs(heard.gap_frames - lost)),
        unit="frames",
        count=of,
    )
    figures.record(
        "F14",
        "silence is longer than what no tape of that length could hold, by",
        bound="1 block",
        limit=1,
        measured=max(each.beyond_frames for each in episodes) / PERIOD_FRAMES,
        unit=f"blocks of {PERIOD_FRAMES:,} frames",
        count=of,
    )
    figures.record(
        "F14",
        "gaps an overflow episode",
        bound="1",
        measured=len(heard.gaps) / len(episodes),
        unit="gaps",
        count=f"{len(episodes)} overflow episodes, {of}",
    )
    figures.record(
        "F14",
        "from the thaw until sound is kept again (the disk's own sync; within the silence)",
        bound="none",
        measured=(episodes[0].at_frame + episodes[0].lost_frames - thawed_at) / RATE_HZ,
        unit="s",
        count=of,
    )


def check_that_it_is_told(rig: RigRun, box: FaderBox, tape: Tape, *, full_at: int) -> None:
    """While sound is being lost, since frame `full_at`: the take rolls, the state says how much, a lamp is lit."""

    def said(state: RigState) -> re.Match[str] | None:
        texts = (fault.what for fault in state.faults if fault.key == "disk slow")
        return next((found for text in texts if (found := LOSING.search(text))), None)

    state = rig.await_state(lambda now: said(now) is not None, "it is told that sound is being lost")
    assert state.transport is Transport.ROLLING
    told = said(state)
    assert told is not None and 0 < float(told[1]) <= (tape.next_frame - full_at) / RATE_HZ + 0.1
    wait_for(lambda: box.front().leds == ("on", "off"), "the fault's lamp, and no gap yet")
