"""A take that is ended by hand is said to be safe when it is, and not before."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rigd.cli.terminal import ExitCode
from tests.cli.test_command_line import CONFIG, rigd
from tests.support.rig import RigRun, check_take

LONG = CONFIG.replace("stall_seconds = 5", "stall_seconds = 30")


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_stop_next_and_keep_say_that_the_take_is_safe_once_every_byte_is_on_the_disk() -> None:
    with RigRun(LONG) as rig:
        rig.say("start")
        rig.roll(1)
        ended = rigd("take", "next", runtime=rig.runtime)
        assert ended.returncode == ExitCode.DONE, ended.stderr
        assert ended.stdout.splitlines() == [
            "take 1 is kept, take 2 rolls",
            "take 1 is safe: every byte is on the disk",
        ]
        ended = rigd("take", "keep", "1", runtime=rig.runtime)
        assert ended.stdout.splitlines()[-1] == "take 3 is safe: every byte is on the disk"
        ended = rigd("take", "stop", "--json", runtime=rig.runtime)
        assert json.loads(ended.stdout)["safe"] is True
        takes = rig.await_closed(3)
        for take in takes:
            check_take(take)


def test_a_stop_that_the_disk_does_not_take_is_told_with_a_code_and_nothing_is_lost() -> None:
    with RigRun(LONG) as rig:
        rig.say("start")
        rig.roll(1)
        with stopped(rig.pid_of("writer")):
            ended = rigd("take", "stop", "--within", "0.5", runtime=rig.runtime)
            assert ended.returncode == ExitCode.FAILED
            assert ended.stdout == "take 1 is kept\n"
            assert "take 1 is not yet safe" in ended.stderr and "within 0.5 s" in ended.stderr
            assert "Do not switch off; see: rigd status" in ended.stderr
            assert "closing    " in rigd("status", runtime=rig.runtime).stdout
            assert " closing" in rigd("takes", runtime=rig.runtime).stdout
        (take,) = rig.await_closed(1)
        check_take(take)


def test_who_does_not_want_to_wait_is_answered_at_once() -> None:
    with RigRun(LONG) as rig:
        rig.say("start")
        rig.roll(1)
        with stopped(rig.pid_of("writer")):
            ended = rigd("take", "stop", "--no-wait", runtime=rig.runtime)
            assert (ended.returncode, ended.stdout) == (ExitCode.DONE, "take 1 is kept\n")
        rig.await_closed(1)


def test_all_that_was_stopped_is_waited_for_and_a_take_that_rolls_is_not() -> None:
    with RigRun(LONG) as rig:
        rig.say("start")
        rig.roll(1)
        refused = rigd("take", "wait", runtime=rig.runtime)
        assert refused.returncode == ExitCode.REFUSED and "take 1 rolls; end it first" in refused.stderr
        with stopped(rig.pid_of("writer")):
            rigd("take", "stop", "--no-wait", runtime=rig.runtime)
            waited = rigd("take", "wait", "--within", "0.5", runtime=rig.runtime)
            assert waited.returncode == ExitCode.FAILED and "Do not switch off" in waited.stderr
        waited = rigd("take", "wait", runtime=rig.runtime)
        assert (waited.returncode, waited.stdout) == (0, "every take is safe: every byte is on the disk\n")
        assert all(take.closed for take in rig.state().takes)


def test_a_stop_where_nothing_rolls_is_refused_as_ever() -> None:
    with RigRun(LONG) as rig:
        ended = rigd("take", "stop", runtime=rig.runtime)
        assert ended.returncode == ExitCode.REFUSED and "no take rolls" in ended.stderr


def test_the_disk_is_shown_and_measured_by_hand_but_not_while_a_take_rolls() -> None:
    with RigRun(LONG, overrides=["disk.measure_at_start=false"]) as rig:
        shown = rigd("disk", runtime=rig.runtime).stdout
        assert "not measured yet: rigd disk --measure" in shown and "of recording" in shown
        ended = rigd("disk", "--measure", runtime=rig.runtime)
        assert ended.returncode == ExitCode.DONE and "longest stall" in ended.stdout, ended.stderr
        plain = json.loads(rigd("disk", "--json", runtime=rig.runtime).stdout)
        assert plain["disk"]["measured"]["bytes_per_second"] > 0 and not plain["measuring"]
        assert "longest stall" in rigd("status", runtime=rig.runtime).stdout
        rig.say("start")
        ended = rigd("disk", "--measure", runtime=rig.runtime)
        assert ended.returncode == ExitCode.REFUSED and "while a take rolls" in ended.stderr
        assert not list((rig.library / ".rigd").glob("trial*"))
