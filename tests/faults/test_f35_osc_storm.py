"""F35: OSC that is to be done in 2099 or 1970, and 20,000 packets a second, on the line of an X32, while a take rolls
and a foot goes on working."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from hardware_sim.storms import (
    NTP_OF_1970,
    Storm,
    dated_bundles,
    mutated,
    nested_bundles,
    osc_bundle,
    osc_message,
)
from hardware_sim.x32 import SimulatedX32
from rigd.model.events import Happening
from rigd.preamps.osc_desk.flood_guard import BURST, PER_SECOND
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import DESK, await_intake, log_lines, pedal_section, percentile, rss_bytes
from tests.support.events import EventLog
from tests.support.patience import wait_for
from tests.support.rig import RigRun

PACKETS_PER_S = 20_000
PRESSES = count(ci=30, full=500)
MARK_BYTES = 3 << 10
"""What each press leaves in the take: 1.4 MB were measured for 500 marks without any storm."""
MOST_GROWTH_BYTES = (4 << 20) + PRESSES * MARK_BYTES


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
        intake = await_intake(rig)
        assert len(came) == PRESSES
        take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert not heard.gaps
    assert grown < MOST_GROWTH_BYTES
    assert lines <= poured.seconds + 1
    # The bucket is the promise: so many at first, and 200 a second.
    assert intake.taken <= BURST + PER_SECOND * (intake.seconds + 0.1)
    assert intake.dropped > intake.taken
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
        "F35",
        "packets taken of one sender",
        bound=f"<= {PER_SECOND} a second, {BURST} more at once",
        limit=PER_SECOND,
        # The time is told in tenths of a second.
        measured=max(0, intake.taken - BURST) / (intake.seconds + 0.05),
        unit="a second",
        count=f"{intake.taken:,} in {intake.seconds:.0f} s of {of}",
    )
    record(
        "F35", "log lines", bound="<= 1 a second", measured=lines / poured.seconds, unit="a second", count=of
    )
    record(
        "F35",
        "memory grows by",
        bound="bounded",
        limit=MOST_GROWTH_BYTES / 1024,
        measured=grown / 1024,
        unit="KiB",
        count=of,
    )


@pytest.mark.timeout(180)
def test_a_bundle_for_another_time_is_done_at_no_time(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    with SimulatedX32() as desk:
        desk.turn(1, 10.0)
        rig = rig_of(channels=2, more=DESK.format(port=desk.port))
        rig.await_state(lambda state: state.channels[0].gain.value == 10.0, "the desk is heard")
        with EventLog(rig.runtime / "rigd.sock") as events:
            # A bundle for now is done: what is said in this way does reach the rig.
            desk.send(osc_bundle(_gain(20.0)))
            events.await_event(Happening.SETTING_CHANGED, count=1)
            # Its own words are the desk's truth again at the next reading.
            events.await_event(Happening.SETTING_CHANGED, count=2)
            poured = list(_dated())
            for packet in poured:
                desk.send(packet)
            rig.hear(SOON_S + 2.0)
            wait_for(lambda: rig.state().preamps[0].answering, "the desk answers")
            desk.turn(1, 30.0)
            events.await_event(Happening.SETTING_CHANGED, count=3)
            said = [event.text for _, event in events.of(Happening.SETTING_CHANGED)]
        assert len(said) == 3, f"done at another time: {said}"
        assert rig.state().channels[0].gain.value == 30.0
    figures.record(
        "F35",
        "bundles of 2099, 1970 and of in a moment: done, then or later",
        bound="0",
        measured=len(said) - 3,
        unit="times",
        count=f"{len(poured)} bundles, watched for {SOON_S + 2:g} s",
        load="2 ch",
    )


SOON_S = 2.0
"""A reader that schedules is caught by what is soon, not by 2099."""


def _gain(gain_db: float) -> bytes:
    return osc_message("/headamp/000/gain", (gain_db + 12.0) / 72.0)


def _dated() -> Iterator[bytes]:
    """Each would be seen: none says what the desk says when it is asked, twice a second."""
    yield from dated_bundles(_gain(40.0))
    yield from (osc_bundle(_gain(41.0), packet) for packet in dated_bundles(_gain(42.0)))
    for after_s in (-3600.0, -1.0, 0.2, SOON_S):
        at_s = NTP_OF_1970 + time.time() + after_s
        yield osc_bundle(_gain(43.0 + after_s % 2), time_tag=int(at_s * (1 << 32)))
