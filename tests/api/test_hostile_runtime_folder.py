"""Whatever lies in the runtime folder under rigd's names, no part of rigd reads, writes or waits for anything outside
of it. The folder is one's own here, and was open to others: each part does without the look at the start."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigd.capture.driver import FoundInterface
from rigd.capture.interface_opening import _is_locked
from rigd.capture.matching import fewer_for_s, forget_fewer, known_interface, remember_interface
from rigd.capture.rate_watch import RateDoubt, forget_doubt, read_doubt, write_doubt
from rigd.capture.settings import read_settings
from rigd.cli.run_log import RunLog
from rigd.links.start_settings import StartSettings
from rigd.links.writer_link import dismiss_writer
from rigd.model.errors import RigError
from rigd.model.messages import CaptureSettings, TapeGeometry, WriterSettings
from rigd.model.units import TakeId
from rigd.takefile.folders import OpenFolder, OpenList
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from rigd.tape.view import TapeView
from rigd.wire.held_lock import HeldLock, holder_of
from rigd.wire.link import ListeningSocket
from rigd.writer.process import read_settings as read_writer_settings
from rigd.writer.waiting_orders import WaitingList
from tests.support.watched import Watched

GEOMETRY = TapeGeometry(channels=1, sample_rate_hz=48_000, capacity_frames=1 << 8)
SETTINGS = CaptureSettings(driver="simulated", device="", period_frames=1024, tape=GEOMETRY, options={})
FOUND = FoundInterface(
    device="a card", host_api="ALSA", channels=1, sample_rate_hz=48_000, full_scale=PORTAUDIO_FULL_SCALE
)
DOUBT = RateDoubt(
    why="it runs at another one",
    measured_rate_hz=44_100.0,
    nominal_rate_hz=48_000,
    tape_id=1,
    timeline=None,
    false_from=None,
)
NAMES = tuple(
    name + new
    for new in ("", ".new", ".old")
    for name in (
        *("rigd.log", "rigd.lock", "rigd.sock", "tape", "capture.json", "capture.lock", "writer.json"),
        *("writer.open", "writer.waiting", "writer.lock", "blackbox.json", "interface.known"),
        *("interface.fewer", "interface.rate", "interface.lost"),
    )
)
KINDS: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda path, victim: path.symlink_to(victim),
    "dangling": lambda path, victim: path.symlink_to(victim.with_name("made")),
    "link to a folder": lambda path, victim: path.symlink_to(victim.parent),
    "link to a terminal": lambda path, victim: path.symlink_to("/dev/tty"),
    "FIFO": lambda path, victim: os.mkfifo(path),
    "hard link": lambda path, victim: os.link(victim, path),
    "folder": lambda path, victim: path.mkdir(),
    "empty": lambda path, victim: path.touch(),
}


def _log(runtime: Path) -> None:
    log = RunLog(None, runtime / "rigd.log")
    log.emit(logging.LogRecord("rigd", logging.INFO, "", 0, "a line", (), None))
    log.flush()


def _settings(runtime: Path) -> None:
    start = StartSettings(runtime, SETTINGS, WriterSettings(library_root="/takes"))
    for use in (
        start.refuse_another_library,
        start.settle,
        lambda: start.differs("writer.json"),
        start.write,
    ):
        with contextlib.suppress(OSError, RigError):
            use()


def _lists(runtime: Path) -> None:
    opened = OpenList(runtime / "writer.open")
    opened.read()
    opened.add(OpenFolder(take_id=TakeId("0" * 32), folder="/takes/1", cache_mark=""))
    WaitingList(runtime / "writer.waiting", writer="writer", spare=False).take_up(None)


def _tape(runtime: Path) -> None:
    with contextlib.suppress(RigError):
        Tape.attach(runtime / "tape", writable=True).close()
    with contextlib.suppress(RigError), Tape.create(
        runtime / "tape", GEOMETRY, full_scale=PORTAUDIO_FULL_SCALE
    ) as tape:  # fmt: skip
        (runtime / "tape").unlink()
        tape.name_again()


def _view(runtime: Path) -> None:
    view = TapeView(runtime)
    try:
        view.refresh()
    finally:
        view.close()


USES: tuple[Callable[[Path], object], ...] = (
    _log,
    _settings,
    _lists,
    _tape,
    _view,
    lambda runtime: HeldLock(runtime / "rigd.lock").close(),
    lambda runtime: ListeningSocket(runtime / "rigd.sock").close(),
    lambda runtime: holder_of(runtime / "writer.lock"),
    lambda runtime: _is_locked(runtime / "writer.lock"),
    lambda runtime: dismiss_writer(runtime, "blackbox"),
    lambda runtime: read_settings(runtime),
    lambda runtime: read_writer_settings(runtime, "writer"),
    lambda runtime: known_interface(runtime),
    lambda runtime: remember_interface(runtime, FOUND),
    lambda runtime: fewer_for_s(runtime, FOUND, now_s=1.0),
    lambda runtime: forget_fewer(runtime),
    lambda runtime: read_doubt(runtime, nominal_rate_hz=48_000),
    lambda runtime: write_doubt(runtime, DOUBT),
    lambda runtime: forget_doubt(runtime),
)


@pytest.mark.timeout(120)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    entries=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(sorted(KINDS)), min_size=1, max_size=12),
    uses=st.permutations(USES),
)
def test_nothing_outside_is_opened_whatever_lies_under_rigd_s_names(
    entries: dict[str, str], uses: list[Callable[[Path], object]]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="rigd-test-", dir="/dev/shm"))
    try:
        runtime, outside = folder / "run", folder / "outside"
        runtime.mkdir(mode=0o700)
        outside.mkdir()
        victim = outside / "victim"
        victim.write_bytes(b"x" * (2 << 20))  # longer than a log may get
        for name, kind in entries.items():
            KINDS[kind](runtime / name, victim)
        with Watched(outside) as watched:
            for use in uses:
                with contextlib.suppress(OSError, RigError):
                    use(runtime)
        assert watched.seen == []
        assert os.listdir(outside) == ["victim"] and victim.stat().st_size == 2 << 20
    finally:
        shutil.rmtree(folder, ignore_errors=True)
