"""Orders that cannot be carried out are refused with a reason, and nothing is written for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.model.messages import Annotate, EndTake, OpenTake, TakeClosed, TakeFailed, TakeOpened
from rigd.model.take import GainChange, TakeFile, TakeFormat
from rigd.model.units import ChannelNumber, Frame
from rigd.takefile.journal import read_journal
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for, renamed


def test_without_a_tape_a_take_is_refused_and_later_one_is_taken(runtime: Path, library: Path) -> None:
    with WriterRun(runtime, library) as writer:
        writer.send(OpenTake(order=order_for(library, channels=1)))
        failed = writer.await_fact(TakeFailed)
        assert "tape" in failed.reason and not failed.disk_full
        with FedTape(runtime, channels=1) as fed:
            fed.feed(1_000)
            writer.send(OpenTake(order=order_for(library, channels=1, end_frame=1_000)))
            assert writer.await_fact(TakeClosed).frames == 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"files": (TakeFile(name="../out.wav", channels=(ChannelNumber(1),)),)},
        {"files": (TakeFile(name="a/b.wav", channels=(ChannelNumber(1),)),)},
        {"files": (TakeFile(name="..", channels=(ChannelNumber(1),)),)},
        {"files": (TakeFile(name="take.journal", channels=(ChannelNumber(1),)),)},
        {"files": (TakeFile(name="x" * 256, channels=(ChannelNumber(1),)),)},
        {"files": ()},
        {"files": (TakeFile(name="a.wav", channels=(ChannelNumber(9),)),)},
        {"folder": "/somewhere/else"},
        {"folder": "relative/folder"},
        {"take_id": "../../../../etc"},
        {"first_frame": -1},
        {"first_frame": 2**80},
        {"time_reference": -5},
        {"format": TakeFormat(sample_rate_hz=2**40)},
    ],
)
def test_an_order_that_would_leave_its_folder_is_refused(
    runtime: Path, library: Path, changes: dict[str, object]
) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        fed.feed(2_000)
        writer.send(OpenTake(order=renamed(order_for(library, channels=1, end_frame=2_000), **changes)))
        failed = writer.await_fact(TakeFailed)
        assert failed.frames_kept == 0 and "nothing was written" in failed.reason
        assert [name for _, _, names in os.walk(library) for name in names] == []
        good = order_for(library, channels=1, end_frame=2_000)
        writer.send(OpenTake(order=good))
        assert writer.await_fact(TakeClosed).frames == 2_000


def test_a_folder_that_holds_a_take_is_not_written_over(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        fed.feed(5_000)
        order = order_for(library, channels=1, end_frame=2_000)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeClosed)
        other = order_for(library, channels=1, first_frame=2_000, end_frame=4_000)
        writer.send(OpenTake(order=other))
        assert "holds a take already" in writer.await_fact(TakeFailed).reason
        check_take(Path(order.folder), first_frame=0, frames=2_000)


def test_an_order_told_twice_is_one_take(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        for _ in range(2):
            writer.send(OpenTake(order=order))
            assert writer.await_fact(TakeOpened).take_id == order.take_id
        fed.feed(3_000)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(3_000)))
        assert writer.await_fact(TakeClosed).frames == 3_000


def test_a_take_with_gaps_beyond_number_does_not_make_a_report_too_long(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        for _ in range(1_200):
            fed.feed(20)
            fed.lose(480, 20)
        fed.feed(20)
        report = writer.await_progress(order.take_id, durable=fed.frame - 4_096)
        assert len(report.open_takes[0].gaps) == 1_000
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        writer.await_fact(TakeClosed)
    assert len(read_journal(Path(order.folder) / "take.journal").gaps) == 1_200


def test_what_preamps_said_before_the_press_is_in_the_journal_and_in_no_report(
    runtime: Path, library: Path
) -> None:
    """A report comes twice a second: thousands of rows in each would be what a writer is busy with."""
    said = tuple(
        GainChange(
            at_frame=Frame(at), channel=ChannelNumber(1), parameter="gain_db", value=1.0, confirmed=True
        )
        for at in range(100, 500, 100)
    )
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = replace(order_for(library, channels=1), gain_changes=said)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(10_000)
        report = writer.await_progress(order.take_id, durable=5_000)
        assert report.open_takes[0].order == replace(order, gain_changes=())
        later = replace(said[0], at_frame=Frame(9_000))
        writer.send(Annotate(take_id=order.take_id, note=later))
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        writer.await_fact(TakeClosed)
    assert read_journal(Path(order.folder) / "take.journal").gain_changes == (*said, later)
