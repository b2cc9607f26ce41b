"""SHA-256 of takes' files, when nobody else wants the machine."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from pathlib import Path

from rigd.library.hasher import Hasher, HashOrder
from tests.support.patience import PATIENCE_S


def test_the_hasher_survives_files_that_are_gone_and_leaves_them_out(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "a.wav").write_bytes(content)
    (tmp_path / "b.wav").mkdir()
    (tmp_path / "c.wav").symlink_to(tmp_path / "a.wav")
    done = queue.Queue[dict[str, str]]()
    hasher = Hasher(done=lambda order, digests: done.put(digests))
    hasher.start()
    try:
        names = ("a.wav", "b.wav", "c.wav", "d.wav")
        hasher.add(HashOrder(folder=tmp_path, names=names, journal_bytes=0))
        assert done.get(timeout=PATIENCE_S) == {"a.wav": hashlib.sha256(content).hexdigest()}
    finally:
        hasher.stop()


def test_the_hasher_runs_when_nobody_else_wants_to() -> None:
    policies = queue.Queue[tuple[int, int]]()
    hasher = Hasher(
        done=lambda order, digests: policies.put(
            (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        )
    )
    hasher.start()
    try:
        hasher.add(HashOrder(folder=Path("/nowhere"), names=("a",), journal_bytes=0))
        policy, nice = policies.get(timeout=PATIENCE_S)
        assert policy == os.SCHED_IDLE or nice == 19
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
    finally:
        hasher.stop()


def test_the_hasher_stops_in_the_middle_of_a_long_file(tmp_path: Path) -> None:
    with (tmp_path / "long.wav").open("wb") as file:
        file.truncate(1 << 40)
    hasher = Hasher(done=lambda order, digests: None)
    hasher.start()
    hasher.add(HashOrder(folder=tmp_path, names=("long.wav",), journal_bytes=0))
    hasher.stop()
    assert not hasher._thread.is_alive()
