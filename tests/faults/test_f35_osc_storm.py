"""F35: OSC that is to be done in 2099 or 1970, and 20,000 packets a second, on the line of an X32, while a take rolls
and a foot goes on working."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.storms import Storm, dated_bundles, mutated, nested_bundles, osc_message
from hardware_sim.x32 import SimulatedX32
from rigd.model.events import Happening
from tests.faults.figures import Figures, count
from tests.faults.load import start_take, stop_take
from tests.faults.oracle import check_a, check_b
from tests.faults.storming import pedal_section, percentile, rss_bytes
from tests.support.capture_run import wait_for
from tests.support.events import EventLog
from tests.support.rig import RigRun

PACKETS_PER_S = 20_000
PRESSES = count(ci=30, full=500)
MARK_BYTES = 3 << 10
"""What each press leaves in the take: 1.4 MB were measured for 500 marks without any storm."""
MOST_GROWTH_BYTES = (4 << 20) + PRESSES * MARK_BYTES
DESK = """
[[channel]]
name = "Kick"
preamp = "desk:1"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
port = {port}
"""


def log_lines(rig: RigRun) -> int:
    """How much the daemon has had to say."""
    return (rig.folder / "daemon.log").read_text("utf-8", "replace").count("\n")


@pytest.mark.timeout(count(ci=180, full=600))
def test_an_osc_storm_costs_no_sound_and_holds_up_no_foot(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    with SimulatedX32() as desk, Pedal(lambda: PtyWire(tmp_path / "pedal")) as pedal:
        desk.turn(1, 10.0)
        rig = rig_of(more=DESK.format(port=desk.port) + pedal_section(pedal.port, press="mark"))
        rig.await_surfaces()
        rig.await_state(lambda state: state.channels[0].gain.value == 10.0, "the desk is heard")
        start_take(rig)
        gain = osc_message("/headamp/000/gain", 0.5)
        roots = [gain, osc_message("/-stat/talk/A", 1.0), *dated_bundles(gain), nested_bundles(50)]
        storm = itertools.chain(roots, mutated(roots, count=1 << 30, seed=35))
        before, lines_before = rss_bytes(rig.daemon.pid), log_lines(rig)
        with EventLog(rig.runtime / "rigd.sock") as events:
            with Storm(desk.send, storm, per_second=PACKETS_PER_S) as running:
                pressed: list[float] = []
                for press in range(1, PRESSES + 1):
                    rig.hear(0.08)  # a foot that comes down sooner than the debounce is no press
                    pressed.append(time.monotonic())
                    pedal.tap()
                    events.await_count(press, Happening.MARKER_ADDED)
                poured = running.poured
            came = [at for at, _ in events.of(Happening.MARKER_ADDED)]
        grown = rss_bytes(rig.daemon.pid) - before
        lines = log_lines(rig) - lines_before
        # What the desk itself says is shown again, whatever the storm said.
        desk.turn(1, 20.0)
        rig.await_state(
            lambda state: state.channels[0].gain.value == 20.0 and state.channels[0].gain.confirmed,
            "the desk's own knob is shown",
        )
        wait_for(lambda: rig.state().preamps[0].answering, "the desk answers")
        assert len(came) == PRESSES
        take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert not heard.gaps
    assert grown < MOST_GROWTH_BYTES
    assert lines <= poured.seconds + 1
    record = figures.record
    of = f"{poured.pieces:,} packets, {poured.pieces / poured.seconds:,.0f} a second"
    record("F35", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    record(
        "F35",
        "foot to event, p99",
        bound="< 50 ms",
        measured=1000 * percentile([after - at for at, after in zip(pressed, came, strict=True)], 0.99),
        unit="ms",
        count=f"{PRESSES} presses, {of}",
    )
    record(
        "F35", "log lines", bound="<= 1 a second", measured=lines / poured.seconds, unit="a second", count=of
    )
    record("F35", "memory grows by", bound="bounded", measured=grown / 1024, unit="KiB", count=of)
