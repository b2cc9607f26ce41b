"""F48: the terminal that rigd was started in hangs up inside a take. The take rolls on, the pedal and the commands
work, and whoever comes back sees the rig."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from rigd.model.state import Transport
from tests.proof.figures import Figures, count
from tests.proof.load import full_load, start_take
from tests.proof.oracle import check_a, check_b
from tests.proof.storming import pedal_section
from tests.support.patience import wait_for
from tests.support.rig import RigRun
from tests.support.terminal_rig import Started, TerminalRig
from tests.support.tools import need_tool

CHANNELS = count(ci=8, full=64)
WAYS = count(ci=[Started.FOREGROUND, Started.NOHUP], full=list(Started))
ALREADY_RUNNING = 5


@pytest.fixture
def pedal(tmp_path: Path) -> Iterator[Pedal]:
    with Pedal(lambda: PtyWire(tmp_path / "pedal"), kind="fixed") as pedal:
        yield pedal


def config(pedal: Pedal) -> str:
    more = pedal_section(pedal.port, mode="trigger", press="toggle", debounce_ms=0)
    return full_load(channels=CHANNELS, stall_s=5, preroll_s=0.5, more=more)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "how", count(ci=[Started.FOREGROUND, Started.NOHUP], full=list(Started)), ids=lambda how: how.name
)
def test_a_terminal_that_hangs_up_ends_no_take(how: Started, pedal: Pedal, figures: Figures) -> None:
    if how is Started.TMUX:
        need_tool("tmux")
    with TerminalRig(config(pedal), how) as rig:
        rig.await_surfaces()
        start_take(rig, seconds=0.5)
        rig.hang_up()
        rig.roll(1.5)
        assert rig.daemon.poll() is None
        again = subprocess.run([*rig.daemon_command(), "--plain"], capture_output=True, text=True, timeout=60)
        assert again.returncode == ALREADY_RUNNING
        assert "rigd watch" in again.stderr and str(rig.daemon.pid) in again.stderr
        pedal.tap()
        (closed,) = rig.await_closed(1)
        heard = check_a(closed.folder)
        check_b(closed.folder)
        assert heard.gaps == ()
        stops_by_command(rig)
        if how is Started.FOREGROUND:
            assert "the terminal is gone; the rig goes on" in (rig.runtime / "rigd.log").read_text("utf-8")
    figures.record(
        "F48",
        f"hang-up, started {how.value}: frames lost",
        bound="0 frames",
        measured=heard.gap_frames,
        unit="frames",
        count="1 hang-up",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )


def stops_by_command(rig: RigRun) -> None:
    start_take(rig, seconds=0.2)
    command = [sys.executable, "-m", "rigd", "take", "stop", "--runtime-dir", str(rig.runtime)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "take 2 is safe" in ended.stdout, ended.stdout + ended.stderr


@pytest.mark.timeout(120)
def test_a_hang_up_signal_ends_neither_daemon_nor_capture_nor_writer(pedal: Pedal) -> None:
    """Whoever sends it: a closed login session sends it to all that it can find."""
    with RigRun(config(pedal)) as rig:
        start_take(rig, seconds=0.3)
        before = rig.daemon.pid, rig.pid_of("capture"), rig.pid_of("writer")
        for pid in before:
            os.kill(pid, signal.SIGHUP)
        rig.roll(1.0)
        assert (rig.daemon.pid, rig.pid_of("capture"), rig.pid_of("writer")) == before
        rig.say("stop")
        (closed,) = rig.await_closed(1)
        assert check_a(closed.folder).gaps == ()


@pytest.mark.timeout(120)
def test_ctrl_c_in_a_take_asks_once_more_and_the_last_line_says_that_the_take_is_safe(pedal: Pedal) -> None:
    with TerminalRig(config(pedal), Started.FOREGROUND) as rig:
        start_take(rig, seconds=0.3)
        rig.say("lock")
        rig.type("\x03")
        wait_for(lambda: "the rig is locked" in rig.screen, "it says that the lock stands in the way")
        rig.type("\x03")
        rig.roll(0.3)
        rig.say("unlock")
        rig.type("\x1a")
        wait_for(lambda: "Ctrl-Z does not stop a rig" in rig.screen, "it says what Ctrl-Z does")
        rig.type("\x1c")
        wait_for(lambda: "Ctrl-\\ does not stop a rig" in rig.screen, "it says what Ctrl-\\ does")
        rig.type("\x03")
        wait_for(lambda: "Ctrl-C again within 3 s" in rig.screen, "it asks")
        assert rig.state().transport is Transport.ROLLING
        folder = rig.state().take
        assert folder is not None
        rig.type("\x03")
        wait_for(lambda: rig.daemon.poll() is not None, "it ends")
        wait_for(lambda: "take 1 is safe: every byte is on the disk" in rig.screen, "the last line")
        assert check_a(folder.folder).gaps == ()
