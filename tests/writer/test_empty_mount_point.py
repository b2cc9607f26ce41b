"""A library that is the mount point itself: once its disk is gone nothing is made in the empty place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rigd.model.messages import OpenTake, TakeFailed, TakeOpened, WriterReport
from tests.support.writer_run import FedTape, WriterRun, order_for, small_disk

DISK_BYTES = 16 << 20


@pytest.mark.parametrize("inside", ["", ".rigd/blackbox"], ids=["library", "black box"])
def test_a_take_ordered_while_the_disk_is_not_mounted_fails_and_leaves_the_place_empty(
    runtime: Path, tmp_path: Path, inside: str
) -> None:
    place = tmp_path / "takes"
    with small_disk(place, DISK_BYTES):
        (place / ".rigd").mkdir()
        (place / ".rigd" / "volume").write_text("0" * 31 + "1\n")
        with FedTape(runtime, channels=1) as fed, WriterRun(runtime, place / inside) as writer:
            fed.feed(1_000)
            writer.await_fact(WriterReport, problem="")
            first = order_for(place / inside, channels=1)
            writer.send(OpenTake(order=first))
            writer.await_fact(TakeOpened)
            subprocess.run(["umount", "--lazy", str(place)], check=True)
            second = order_for(place / inside, channels=1, name="Take 002")
            writer.send(OpenTake(order=second))
            failed = writer.await_fact(TakeFailed)
            assert failed.take_id == second.take_id and not failed.disk_full and failed.frames_kept == 0
            assert "see whether its disk is mounted" in failed.reason
            assert list(place.iterdir()) == []
            fed.feed(1_000)
            report = next(
                report
                for report in iter(lambda: writer.await_fact(WriterReport), None)
                if report.problem and report.open_takes
            )
            assert "see whether its disk is mounted" in report.problem
            assert [take.order.take_id for take in report.open_takes] == [first.take_id]
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)  # for small_disk to unmount


def test_the_same_volume_at_the_same_place_again_is_used_again(runtime: Path, tmp_path: Path) -> None:
    place = tmp_path / "takes"
    with small_disk(place, DISK_BYTES):
        (place / ".rigd").mkdir()
        (place / ".rigd" / "volume").write_text("0" * 31 + "1\n")
        with FedTape(runtime, channels=1) as fed, WriterRun(runtime, place) as writer:
            fed.feed(1_000)
            writer.await_fact(WriterReport, problem="")
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)  # hides it
            try:
                hidden = next(iter(lambda: writer.await_fact(WriterReport).problem, ""))
                assert "see whether its disk is mounted" in hidden
            finally:
                subprocess.run(["umount", str(place)], check=True)
            writer.await_fact(WriterReport, problem="")
            writer.send(OpenTake(order=order_for(place, channels=1)))
            writer.await_fact(TakeOpened)
