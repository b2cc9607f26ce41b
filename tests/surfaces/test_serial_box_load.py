"""A serial surface against a box on a pty: what it costs, and what a port must survive (F37)."""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from collections.abc import Iterator

import pytest

from hardware_sim.faderbox import FaderBox, frame
from rigd.hands.surface import Motion
from tests.support.patience import wait_for
from tests.surfaces.box_bench import Bench
from tests.surfaces.serial_bench import Move, rig


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Garbage that other tests left is collected by whichever thread happens to allocate: not by the surface's."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def cpu_s() -> float:
    """Seconds of processor that the surface's threads have used so far."""
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("rigd-serial-box")]
    return sum(time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0)) for thread in ours)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("shown", [False, True])
def test_a_surface_that_nobody_touches_sleeps(bench: Bench, shown: bool) -> None:
    surface, box = bench.met()
    if shown:
        surface.show(rig(), None)
        wait_for(lambda: box.front().display[1] == "Morning", "the display")
    box.received.clear()
    wall, cpu = time.monotonic(), cpu_s()
    wait_for(lambda: len(box.received) >= 5, "five beats")
    assert cpu_s() - cpu < 0.1 * (time.monotonic() - wall)


@pytest.mark.usefixtures("no_collection")
def test_a_line_that_takes_nothing_is_waited_for_asleep(bench: Bench) -> None:
    surface, box = bench.met()
    box.deafen()
    filler = os.open(bench.link, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        with pytest.raises(BlockingIOError):
            while True:
                os.write(filler, b"\n" * 256)
    finally:
        os.close(filler)
    wall, cpu = time.monotonic(), cpu_s()
    while time.monotonic() < wall + 0.6:
        surface.show(rig(song=f"Song {time.monotonic()}"), None)
        time.sleep(0.05)
    assert cpu_s() - cpu < 0.1 * (time.monotonic() - wall)
    box.deafen(False)
    surface.show(rig(song="Evening"), None)
    wait_for(lambda: box.front().display[1] == "Evening", "the newest song")


# --- F37: what a port must survive ------------------------------------------------------------------


def send_all(box: FaderBox, raw: bytes) -> None:
    """Every byte, as fast as the port takes them."""
    while raw:
        sent = box.send_raw(raw[:4096])
        raw = raw[sent:]
        if not sent:
            time.sleep(0.001)


def next_moves_work(bench: Bench, box: FaderBox) -> None:
    """Moves made now arrive; nothing else did. The first ones may be lost with the line they are glued to."""

    def turned() -> list[Move]:
        box.turn(1, 1)
        return bench.notes.moves()

    wait_for(turned, "the next move")
    assert set(bench.notes.moves()) == {("encoder 1", Motion.RELATIVE, 1.0)}


def test_random_bytes_move_nothing_and_the_next_moves_work(bench: Bench) -> None:
    _, box = bench.met()
    send_all(box, os.urandom(20_000))
    next_moves_work(bench, box)
    wait_for(lambda: bench.notes.status.connected, "connected")


@pytest.mark.usefixtures("no_collection")
def test_a_flood_without_a_newline_keeps_memory_and_cpu_bounded(bench: Bench) -> None:
    _, box = bench.met()
    send_all(box, b"x" * 20_000)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.monotonic(), cpu_s()
    send_all(box, b"x" * 100_000)
    wall, cpu = time.monotonic() - wall, cpu_s() - cpu
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size < 4_000
    assert cpu < 0.1 * wall
    next_moves_work(bench, box)


def test_half_a_line_and_a_pause_cost_that_line_only(bench: Bench) -> None:
    _, box = bench.met()
    box.send_raw(frame("fader 1 900")[:9])
    next_moves_work(bench, box)


def test_a_box_at_a_wrong_baud_rate_is_never_connected_and_the_cure_is_named(bench: Bench) -> None:
    master, slave = os.openpty()
    bench.link.symlink_to(os.ttyname(slave))
    try:
        surface = bench.surface()

        def is_named() -> bool:
            os.write(master, bytes([0x9E, 0x00, 0xF8, 0x0A, 0x1C, 0xFE]))
            return "115200 baud" in bench.notes.status.detail

        wait_for(is_named, "the cure", every_s=0.01)
        assert not bench.notes.status.connected
        assert bench.notes.moves() == []
    finally:
        surface.stop()
        os.close(master)
        os.close(slave)


def test_a_storm_of_true_moves_ends_at_the_true_place(bench: Bench) -> None:
    _, box = bench.met()
    storm = b"".join(frame(f"fader 1 {step % 1024}") for step in range(3000)) + frame("fader 1 1023")
    send_all(box, storm)
    wait_for(lambda: bench.notes.moves()[-1:] == [("fader 1", Motion.ABSOLUTE, 1.0)], "the end of the storm")


def test_a_box_that_greets_at_every_line_does_not_fill_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Each time as one of another version, so that it comes and goes."""
    caplog.set_level("INFO", logger="rigd.surfaces.serial.box")
    _, box = bench.met()
    before = len(bench.notes.lost)
    send_all(box, (frame("box 2 a b") + frame("box 1 a b")) * 200)
    wait_for(lambda: len(bench.notes.lost) - before >= 100, "it went a hundred times")
    assert not caplog.records, "whoever hears of it logs it, and so many a minute"
