"""The keys of the live view: what is a press, what each does, and how one leaves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.cli.keys import HELD_AFTER_NS, REPEAT_NS, Press, Presses, key_of
from rigd.model.state import Transport
from rigd.model.units import Ns
from tests.api.test_control_socket import Bench, bench_at
from tests.support.patience import wait_for


def acted(times_ms: list[int], *, until_ms: int = 10_000, key: str = " ") -> list[int]:
    """When presses of a key that sends at these times act, told by the time that they carry."""
    presses, found = Presses(), []
    for now_ms in range(until_ms):
        now = Ns(now_ms * 1_000_000)
        came = presses.came(key, now) if now_ms in times_ms else None
        found += [press.at_ns // 1_000_000 for press in (came, presses.due(now)) if press is not None]
    return found


def test_a_press_acts_at_once() -> None:
    assert Presses().came(" ", Ns(5)) == Press(" ", Ns(5))


def test_a_key_that_is_held_down_acts_once() -> None:
    assert acted([100, *range(600, 3000, 33)]) == [100]
    assert acted([100, *range(350, 3000, 100)]) == [100]


def test_a_second_press_acts_with_its_own_time() -> None:
    assert acted([100, 500]) == [100, 500]
    assert acted([100, 100 + HELD_AFTER_NS // 1_000_000 + 1]) == [100, 1001]
    assert REPEAT_NS < HELD_AFTER_NS


def test_another_key_in_between_takes_no_press_away() -> None:
    presses = Presses()
    assert presses.came(" ", Ns(0)) is not None
    assert presses.came(" ", Ns(500_000_000)) is None
    assert presses.came("m", Ns(550_000_000)) == Press("m", Ns(550_000_000))
    assert presses.due(Ns(700_000_000)) == Press(" ", Ns(500_000_000))


@pytest.mark.parametrize(
    ("came", "key"),
    [(b" ", " "), (b"\x1b[C", ">"), (b"\x1b[5~", "<"), (b"n n n\n", ""), (b"\x1b", "\x1b"), (b"\xff", "")],
)
def test_what_is_pasted_is_no_key(came: bytes, key: str) -> None:
    assert key_of(came) == key


def now(bench: Bench) -> None:
    """The rig's tape is where this machine's clock is: a key carries the time at which it was pressed."""
    bench.tape.now_s = time.monotonic() + 1.0


def as_a_login() -> None:
    """The terminal is the process's own, and Ctrl-C is obeyed, whatever whoever runs the tests ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Watching:
    """`rigd watch` on a pseudo-terminal of that size."""

    def __init__(self, bench: Bench, *, width: int = 80, height: int = 24) -> None:
        self.bench = bench
        self.master, line = os.openpty()
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._shown = bytearray()
        self.stands_still = False
        """Nobody reads what is drawn."""
        self.echo_before = self.echoes
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rigd", "watch", "--runtime-dir", str(bench.path.parent)],
            stdin=line,
            stdout=line,
            stderr=line,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=as_a_login,
        )
        os.close(line)
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                if select.select([self.master], [], [], 0.05)[0] and not self.stands_still:
                    self._shown += os.read(self.master, 65536)

    @property
    def screen(self) -> str:
        return bytes(self._shown).decode("utf-8", "replace")

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def type(self, keys: str) -> None:
        now(self.bench)
        os.write(self.master, keys.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._over.set()
        self._reader.join()
        os.close(self.master)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        now(made)
        yield made


@pytest.fixture
def watching(bench: Bench) -> Iterator[Watching]:
    watching = Watching(bench)
    try:
        wait_for(lambda: "READY" in watching.screen and "q leave" in watching.screen, "it draws")
        wait_for(lambda: not watching.echoes, "it reads keys")
        yield watching
    finally:
        watching.close()


def test_space_starts_and_stops_m_marks_and_n_goes_on(bench: Bench, watching: Watching) -> None:
    state = bench.controller
    watching.type(" ")
    wait_for(lambda: state.state.transport is Transport.ROLLING, "space starts a take")
    watching.type("m")
    wait_for(lambda: state.state.take is not None and bool(state.state.take.markers), "m marks")
    watching.type("n")
    wait_for(lambda: state.state.take is not None and state.state.take.slate.number == 2, "n goes on")
    watching.type("c")
    wait_for(lambda: state.state.take is not None and state.state.take.slate.circled, "c circles")
    watching.type(" ")
    wait_for(lambda: state.state.take is None, "space stops it")
    watching.type("k")
    wait_for(lambda: len(state.state.takes) == 3, "k keeps the last seconds")


def test_a_refusal_is_shown(watching: Watching) -> None:
    watching.type("m")
    wait_for(lambda: "not done: no take rolls; start one first" in watching.screen)


def test_help_lists_the_keys(watching: Watching) -> None:
    watching.type("?")
    wait_for(lambda: "keep the last 20 s as a take" in watching.screen)


def test_q_leaves_the_rig_goes_on_and_the_terminal_is_as_it_was(bench: Bench, watching: Watching) -> None:
    watching.type(" ")
    wait_for(lambda: bench.controller.state.take is not None, "it rolls")
    watching.type("q")
    assert watching.process.wait(60) == 0
    wait_for(lambda: "the rig goes on" in watching.screen)
    assert "REC: " in watching.screen, "it says that it records"
    assert watching.echoes == watching.echo_before
    assert bench.controller.state.transport is Transport.ROLLING


def test_ctrl_z_leaves_and_does_not_stop_the_view(watching: Watching) -> None:
    watching.type("\x1a")
    assert watching.process.wait(60) == 0
    assert watching.echoes == watching.echo_before


def test_a_terminal_that_stands_still_sees_no_old_picture(bench: Bench, watching: Watching) -> None:
    """Ctrl-S: what comes meanwhile is not drawn one by one afterwards."""
    watching.stands_still = True
    watching.type(" ")
    wait_for(lambda: bench.controller.state.take is not None, "it rolls")
    with bench.client() as client:
        for number in range(300):
            now(bench)
            assert client.say(f"mark m{number}", at_ns=Ns(time.monotonic_ns())).accepted
    before = len(watching.screen)
    watching.stands_still = False
    wait_for(lambda: "m299" in watching.screen[before:], "the newest picture")
    assert "m150 " not in watching.screen


def test_ctrl_c_leaves_too(watching: Watching) -> None:
    watching.type("\x03")
    assert watching.process.wait(60) == 0
    assert watching.echoes == watching.echo_before


def test_the_view_goes_by_the_terminal_s_size(bench: Bench) -> None:
    watching = Watching(bench, width=20, height=12)
    try:
        wait_for(lambda: "READY" in watching.screen and "01" in watching.screen, "it draws")
    finally:
        watching.close()
