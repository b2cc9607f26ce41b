"""F17, F18: writes and syncs that fail. No frame is lost, no failed sync is believed a second time.

The real writer on a real file system whose n-th write, or n-th sync, fails: for every n of a short take. A sync
that fails loses what was written since the one before (hardware_sim/disk_shim.c), so a writer that believed in it
would have zeros where the counter is to be. What the daemon does then is done here in its place: the next take begins
exactly where the failed one ends.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeFailed, TakeOpened, WriterReport
from rigd.model.take import TakeOrder
from rigd.model.units import Frame
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from tests.proof.figures import Figures, count
from tests.support.capture_run import runtime_folder
from tests.support.counter import counter_rows
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for, read_codes

CHANNELS = 3
FRAMES = 40_960
STEP = 16_384
EVERY = {Call.WRITE: count(ci=7, full=1), Call.SYNC: count(ci=2, full=1)}
"""Every so-manieth call is tried."""


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def shim(library: Path) -> Iterator[DiskShim]:
    library.mkdir(parents=True, exist_ok=True)
    with DiskShim(library) as made:
        yield made


def record(runtime: Path, library: Path, shim: DiskShim) -> list[tuple[TakeOrder, int]]:
    """A take of FRAMES, and where it fails the next ones from there on: each as ordered, and the frames it has."""
    takes: list[tuple[TakeOrder, int]] = []
    with (
        FedTape(runtime, channels=CHANNELS) as fed,
        WriterRun(runtime, library, sync_interval_ms=50, environment=shim.environment) as writer,
    ):
        begin, number = 0, 0
        while begin < FRAMES:
            number += 1
            assert number < 6, f"a retry loop: {writer.log()}"
            order = order_for(library, channels=CHANNELS, first_frame=begin, name=f"Take {number:03d}")
            failed = write_one(fed, writer, order)
            takes.append((order, FRAMES - begin if failed is None else failed.frames_kept))
            begin += takes[-1][1]
        assert fed.tape.counters().dropped_blocks == 0
        assert writer.process.poll() is None
    return takes


def write_one(fed: FedTape, writer: WriterRun, order: TakeOrder) -> TakeFailed | None:
    """The take up to FRAMES, in steps; how it failed."""
    writer.send(OpenTake(order=order))
    fact = writer.await_failure_or(lambda fact: isinstance(fact, TakeOpened), order.take_id)
    while not isinstance(fact, TakeFailed) and fed.frame < FRAMES:
        fed.feed(min(STEP, FRAMES - fed.frame))
        due = fed.frame - order.first_frame
        fact = writer.await_failure_or(
            lambda fact, due=due: (
                isinstance(fact, WriterReport) and any(take.durable_frames >= due for take in fact.open_takes)
            ),
            order.take_id,
        )
    if not isinstance(fact, TakeFailed):
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(FRAMES)))
        fact = writer.await_failure_or(lambda fact: isinstance(fact, TakeClosed), order.take_id)
    return fact if isinstance(fact, TakeFailed) else None


def check_all(takes: list[tuple[TakeOrder, int]]) -> None:
    """Every frame of the source is in exactly one of the takes."""
    at = 0
    for order, frames in takes:
        assert order.first_frame == at
        folder = Path(order.folder)
        if frames:
            assert read_journal(folder / JOURNAL_NAME).order.take_id == order.take_id
        for row, file in enumerate(order.files if frames else ()):
            codes = read_codes(folder / file.name)[0]
            # A file that could not be closed may say less than it has, and be told so at the next start.
            np.testing.assert_array_equal(
                codes[:frames], counter_rows(at, frames, CHANNELS)[row][: len(codes[:frames])]
            )
            assert len(codes) >= frames - frames % 2
        at += frames
    assert at == FRAMES


def how_many(runtime: Path, library: Path, shim: DiskShim, call: Call) -> int:
    takes = record(runtime, library, shim)
    assert len(takes) == 1
    check_take(Path(takes[0][0].folder), first_frame=0, frames=FRAMES)
    for path in sorted(library.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    return shim.seen(call)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("fault", "call", "times"),
    [("F17", Call.WRITE, 1), ("F17", Call.WRITE, 2), ("F18", Call.SYNC, 1), ("F18", Call.SYNC, 3)],
)
def test_a_call_that_fails_costs_no_frame_whichever_it_is(
    runtime: Path, library: Path, shim: DiskShim, fault: str, call: Call, times: int, figures: Figures
) -> None:
    calls = how_many(runtime, library, shim, call)
    assert calls > 5
    assert shim.lost_bytes == 0
    tried = 0
    for nth in range(1, calls + 1, EVERY[call]):
        shim.fail(call, errno.EIO, nth=shim.seen(call) + nth, times=times)
        before = shim.failed(call)
        takes = record(runtime, library, shim)
        tried += shim.failed(call) > before
        shim.heal()
        check_all(takes)
        for path in sorted(library.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    assert tried > 0
    assert (shim.lost_bytes > 0) is (call is Call.SYNC)
    assert shim.retried == 0, "a file whose sync had failed was synced once more"
    figures.record(
        fault,
        f"EIO on a {call.name.lower()}, {times} in a row: frames lost",
        bound="0 frames",
        measured=0,
        unit="frames",
        count=f"{tried} of {calls} calls of a take",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )
    if call is Call.SYNC:
        figures.record(
            fault,
            f"syncs of a file whose sync had failed, {times} in a row",
            bound="0",
            measured=shim.retried,
            unit="syncs",
            count=f"{tried} of {calls} calls of a take, {shim.lost_bytes:,} bytes lost by the disk",
            load=f"{CHANNELS} ch/48 kHz/24 bit",
        )
