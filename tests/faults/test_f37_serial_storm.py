"""F37: random bytes on a serial box's line, a line of a megabyte, half a line and then nothing, a port that returns
as another tty, while a take rolls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from hardware_sim.faderbox import FaderBox, frame
from hardware_sim.storms import Storm, endless, halved, random_bytes
from rigd.model.events import Happening
from rigd.surfaces.serial.box import SerialBox
from rigd.surfaces.serial.settings import LineTiming, SerialSettings
from rigd.wire.serial_ports import SerialPort
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import cpu_seconds, rss_bytes
from tests.support.events import EventLog
from tests.support.patience import wait_for
from tests.support.rig import RigRun
from tests.surfaces.serial_bench import Notebook

LINE_BYTES = 1_000_000
PAUSE_S = count(ci=1.0, full=10.0)
WIRE_S = count(ci=3.0, full=20.0)
WIRE_PIECES_PER_S = 11_520 / 256
"""What 115,200 baud can bring."""
MOST_GROWTH_BYTES = 2 << 20
RETURNS = count(ci=3, full=20)


def share_of_processor(rig: RigRun) -> float:
    """What the daemon uses of a core, for as long as WIRE_S."""
    used, at = cpu_seconds(rig.daemon.pid), time.monotonic()
    rig.hear(WIRE_S)
    return (cpu_seconds(rig.daemon.pid) - used) / (time.monotonic() - at)


@pytest.mark.timeout(count(ci=180, full=600))
def test_a_serial_storm_costs_no_sound_and_the_next_line_works(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    with FaderBox(tmp_path / "box") as box:
        rig = rig_of(
            more=f"""
[surface.box]
kind = "serial"
port = "{tmp_path / "box"}"
[[surface.box.binding]]
control = "button 1"
press = "mark"
"""
        )
        rig.await_surfaces()
        start_take(rig)
        pid = rig.daemon.pid
        with EventLog(rig.runtime / "rigd.sock") as events:
            lost_lines = 0

            def presses_until_heard() -> int:
                """How many presses it takes until one is heard."""
                before = len(events.of(Happening.MARKER_ADDED))
                for presses in range(1, 4):
                    box.tap(1)
                    if events.settle(Happening.MARKER_ADDED) > before:
                        return presses
                raise AssertionError("no press was heard after the storm")

            presses_until_heard()
            # As fast as a serial line is, for the processor; then as fast as a pty is, for everything else.
            calm = share_of_processor(rig)
            with Storm(box.send_raw, random_bytes(1 << 30, seed=37), per_second=WIRE_PIECES_PER_S):
                share = share_of_processor(rig) - calm
            before = rss_bytes(pid)
            storms = (
                random_bytes(200_000, seed=73),
                endless(b"x", LINE_BYTES),
                halved(frame("button 1 down"), pause_s=PAUSE_S),
            )
            for pieces in storms:
                with Storm(box.send_raw, pieces, per_second=2000) as storm:
                    storm.wait(300)
                lost_lines = max(lost_lines, presses_until_heard() - 1)
            grown = rss_bytes(pid) - before
            box.vanish()
            rig.await_state(lambda state: not state.surfaces[0].connected, "the box is gone")
            at = time.monotonic()
            box.come_back()
            rig.await_surfaces()
            back_s = time.monotonic() - at
            presses_until_heard()
        take = stop_take(rig)
    heard = check_a(take.folder)
    check_b(take.folder)
    assert not heard.gaps
    assert lost_lines <= 1
    assert grown < MOST_GROWTH_BYTES
    record, of = figures.record, f"200,000 random bytes, a line of {LINE_BYTES:,}, half a line"
    record("F37", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    record("F37", "lines lost after the storm", bound="<= 1", measured=lost_lines, unit="lines", count=of)
    record(
        "F37",
        "memory grows by",
        bound="bounded",
        limit=MOST_GROWTH_BYTES / 1024,
        measured=grown / 1024,
        unit="KiB",
        count=of,
    )
    record(
        "F37", "port back, by its path: found", bound="<= 3 s", measured=back_s, unit="s", count="1 return"
    )
    record(
        "F37",
        "processor, more than without it",
        bound="< 5 %",
        measured=100 * share,
        unit="% of a core",
        count=f"{WIRE_S:g} s of random bytes at 115,200 baud",
    )


@pytest.mark.timeout(count(ci=120, full=300))
def test_a_box_that_returns_as_another_tty_is_found_by_its_usb_serial_number(
    figures: Figures, tmp_path: Path
) -> None:
    link = tmp_path / "box"

    def ports() -> tuple[SerialPort, ...]:
        """In place of pyserial's list, which reads /sys: this pty has the number, whatever it is called now."""
        others = (SerialPort(device="/dev/ttyS0"), SerialPort(device="/dev/ttyACM7", usb_serial="another"))
        there = link.is_symlink()
        return (*others, SerialPort(device=os.readlink(link), usb_serial="8573")) if there else others

    with ExitStack() as running:
        box = running.enter_context(FaderBox(link))
        settings = SerialSettings.model_validate({"usb_serial": "8573"})
        notes = Notebook()
        surface = SerialBox("box", settings, (), notes, timing=LineTiming(), ports=ports)
        surface.start()
        running.callback(surface.stop)
        wait_for(lambda: notes.status.connected, "the box is met")
        slowest_s = 0.0
        for _ in range(RETURNS):
            before = notes.status.port
            box.vanish()
            wait_for(lambda: not notes.status.connected, "the box is gone")
            box.come_back()
            at = time.monotonic()
            wait_for(lambda: notes.status.connected, "the box is found again")
            slowest_s = max(slowest_s, time.monotonic() - at)
            assert notes.status.port != before
    figures.record(
        "F37",
        "port back, by its USB serial number: found",
        bound="<= 3 s",
        measured=slowest_s,
        unit="s",
        count=f"{RETURNS} returns as another tty (a list of ports in place of /sys)",
        load="the surface alone",
    )
