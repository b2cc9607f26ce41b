"""The trial of the take volume: bounded, broken off when a take begins, and nothing of it is left."""

from __future__ import annotations

import itertools
import os
import queue
from pathlib import Path

import pytest

from hardware_sim.disks import LoopDisk, SmallDisk
from rigd.library.disk_trial import MOST_BYTES, STEP_BYTES, DiskTrial, try_disk
from rigd.model.disk_words import DiskMeasured
from rigd.model.errors import RigError
from tests.support.tools import need_mounts

MEBIBYTE = 1 << 20


def test_it_writes_no_more_than_it_may_and_leaves_nothing_behind(tmp_path: Path) -> None:
    found = try_disk(tmp_path, may_go_on=lambda: True)
    assert found is not None and found.failure == ""
    assert STEP_BYTES <= found.bytes_written <= MOST_BYTES
    assert found.bytes_per_second > 0 and found.longest_stall_s > 0
    assert os.listdir(tmp_path) == []


def test_its_figures_are_bytes_over_time_and_the_longest_step(tmp_path: Path) -> None:
    ticks = iter([0.0, 0.1, 0.2, 0.7, 1.05])
    found = try_disk(tmp_path, may_go_on=lambda: True, clock=lambda: next(ticks))
    assert found is not None
    assert found.bytes_written == 4 * STEP_BYTES
    assert found.bytes_per_second == round(4 * STEP_BYTES / 1.05)
    assert found.longest_stall_s == pytest.approx(0.5)


def test_a_take_that_begins_breaks_it_off(tmp_path: Path) -> None:
    steps = itertools.count()
    assert try_disk(tmp_path, may_go_on=lambda: next(steps) < 2) is None
    assert os.listdir(tmp_path) == []


def test_a_name_that_a_crash_left_is_taken_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "trial").write_bytes(b"left")
    assert try_disk(tmp_path, may_go_on=lambda: True) is not None
    assert os.listdir(tmp_path) == []
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / "trial").symlink_to(target)
    with pytest.raises(OSError):
        try_disk(tmp_path, may_go_on=lambda: True)
    assert target.read_bytes() == b"precious"


def test_of_a_small_disk_it_takes_an_eighth_at_most_and_of_a_full_one_nothing() -> None:
    need_mounts()
    with SmallDisk(40 * MEBIBYTE) as disk:
        found = try_disk(disk.path, may_go_on=lambda: True)
        assert found is not None and found.bytes_written <= 5 * MEBIBYTE
        disk.fill(leave_bytes=4 * MEBIBYTE)
        found = try_disk(disk.path, may_go_on=lambda: True)
        assert found is not None and "too little room" in found.failure


def test_a_disk_that_stands_still_is_waited_for_by_nobody_and_its_stall_is_told() -> None:
    need_mounts()
    posted: queue.Queue[DiskMeasured] = queue.Queue()
    with LoopDisk(64 * MEBIBYTE) as disk:
        trial = DiskTrial(disk.path, post=posted.put, may_go_on=lambda: True)
        disk.freeze()
        trial.measure()
        with pytest.raises(queue.Empty):
            posted.get(timeout=0.5)
        disk.thaw()
        assert posted.get(timeout=30).measurement is not None
        trial.stop()
        assert "trial" not in os.listdir(disk.path)


def test_an_error_of_the_disk_is_a_measurement_that_says_so(tmp_path: Path) -> None:
    posted: queue.Queue[DiskMeasured] = queue.Queue()
    trial = DiskTrial(tmp_path / "gone", post=posted.put, may_go_on=lambda: True)
    trial.measure()
    measurement = posted.get(timeout=30).measurement
    assert measurement is not None and "No such file" in measurement.failure
    trial.stop()


def test_a_controller_that_does_not_listen_costs_nothing(tmp_path: Path) -> None:
    def refuse(_: DiskMeasured) -> None:
        raise RigError("the controller does not keep up")

    trial = DiskTrial(tmp_path, post=refuse, may_go_on=lambda: False)
    trial.measure()
    trial.stop()
