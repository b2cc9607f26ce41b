"""F36: random bytes of MIDI, a sysex without end, running status, contacts that bounce, while a take rolls."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.storms import Storm, double_notes, endless_sysex, random_bytes, running_status
from rigd.model.events import Happening
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import pedal_section, rss_bytes
from tests.support.events import EventLog
from tests.support.rig import RigRun

RANDOM_BYTES = count(ci=100_000, full=1_000_000)
SYSEX_BYTES = count(ci=1_000_000, full=10_000_000)
MOST_GROWTH_BYTES = 4 << 20
"""Of the whole daemon, which keeps the markers that random bytes made, too. The 64 kB of a port alone are tested
where nothing else is counted: tests/surfaces/test_midi.py."""
NOTES = 5
NOTE_OFF = bytes((0x80, 60, 0))
BOUNCING = """
[[surface.pedal.binding]]
control = "note 60"
press = "mark bounced"
"""


@pytest.mark.timeout(count(ci=180, full=900))
def test_a_midi_storm_costs_no_sound_and_the_next_message_works(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    with Pedal(lambda: PtyWire(tmp_path / "pedal")) as pedal:
        rig = rig_of(more=pedal_section(pedal.port, press="mark") + BOUNCING)
        rig.await_surfaces()
        start_take(rig)
        with EventLog(rig.runtime / "rigd.sock") as events:
            storm = itertools.chain(
                random_bytes(RANDOM_BYTES // 2, seed=36),
                running_status(1000, seed=36),
                random_bytes(RANDOM_BYTES // 2, seed=63),
                endless_sysex(SYSEX_BYTES),
            )
            before = rss_bytes(rig.daemon.pid)
            with Storm(pedal.send, storm) as running:
                running.wait(600)
            marked = events.settle(Happening.MARKER_ADDED)
            grown = rss_bytes(rig.daemon.pid) - before
            # The last that random bytes said of the switch may have been that it is down.
            pedal.release()
            rig.hear(0.2)
            pedal.tap()
            events.await_count(marked + 1, Happening.MARKER_ADDED)
            pedal.send(NOTE_OFF)  # the storm may have left that one down, too
            with Storm(pedal.send, double_notes(60, times=NOTES)) as bouncing:
                bouncing.wait(60)
            # The last press is heard after all that bounced.
            pedal.tap()
            events.await_count(marked + NOTES + 2, Happening.MARKER_ADDED)
            assert events.settle(Happening.MARKER_ADDED) == marked + NOTES + 2
        take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert not heard.gaps
    assert grown < MOST_GROWTH_BYTES
    of = f"{RANDOM_BYTES:,} random bytes, a sysex of {SYSEX_BYTES:,}"
    figures.record("F36", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record(
        "F36",
        "memory of the daemon grows by",
        bound=f"< {MOST_GROWTH_BYTES >> 10:,} KiB",
        measured=grown / 1024,
        unit="KiB",
        count=of,
    )
