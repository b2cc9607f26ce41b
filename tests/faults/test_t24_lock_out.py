"""T24: clients take every place of the control socket, and stay. A command from a terminal is done all the same."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigd.api.connection import SocketClient
from rigd.api.visits import QUIET_NS, Visit, who_leaves, who_stops_watching
from rigd.model.errors import CommandError
from rigd.model.events import Snapshot
from rigd.model.limits import MOST_CLIENTS, MOST_GUESTS, MOST_WATCHERS
from rigd.model.requests import WaitRequest
from rigd.model.state import Transport
from rigd.rules.permissions import RIG_ITSELF
from rigd.wire.peers import Peer
from tests.api.test_control_socket import Bench, answers, bench_at
from tests.proof.figures import Figures
from tests.support.tools import need_root

STRANGER = 65_534
CROWD = """
import os, socket, sys
path, count, line, user = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode() + b"\\n", int(sys.argv[4])
if user:
    os.setgroups([])
    os.setuid(user)
here = []
for _ in range(count):
    here.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    here[-1].settimeout(60)
    here[-1].connect(path)
    try:
        here[-1].sendall(line)
        here[-1].recv(1)
    except ConnectionError:
        pass
print("here", flush=True)
sys.stdin.read()
"""
SUBSCRIBE = '{"type":"SubscribeRequest","id":1,"levels_hz":10}'
STATUS = '{"type":"StatusRequest","id":1}'
WAIT = '{"type":"StatusRequest","id":0}\n{"type":"WaitRequest","id":1,"take_id":null,"timeout_s":3600}'


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


@contextmanager
def crowd(path: Path, count: int, line: str, *, user: int = 0) -> Iterator[None]:
    """Another process with so many connections, each of which has said that line and was answered."""
    command = [sys.executable, "-I", "-c", CROWD, str(path), str(count), line, str(user)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"here\n"
            yield
        finally:
            process.kill()


def watchers(bench: Bench) -> int:
    return sum(visit.listener is not None for visit in bench.server._visits.copy().values())


@pytest.mark.parametrize("line", [SUBSCRIBE, STATUS, WAIT], ids=["watch", "ask", "wait"])
def test_a_program_with_dozens_of_connections_locks_nobody_out(
    bench: Bench, line: str, figures: Figures
) -> None:
    with bench.client() as client:
        assert client.command("start", at_ns=bench.tape.clock_ns()).accepted
    refused = 0
    with crowd(bench.path, 2 * MOST_CLIENTS, line):
        for verb in ("mark", "stop", "start", "stop"):
            with bench.client() as client:
                try:
                    refused += not client.command(verb, at_ns=bench.tape.clock_ns()).accepted
                except CommandError:
                    refused += 1
            bench.tape.now_s += 1
    assert bench.controller.state.transport is Transport.READY
    assert refused == 0
    figures.record("T24", "commands locked out", bound="0", measured=refused, unit="", count="64 connections")


def test_a_stop_finds_a_place_where_as_many_programs_as_there_are_places_watch_or_wait(bench: Bench) -> None:
    with bench.client() as client:
        assert client.command("start", at_ns=bench.tape.clock_ns()).accepted
    with contextlib.ExitStack() as here:
        for number in range(MOST_CLIENTS):
            here.enter_context(crowd(bench.path, 1, SUBSCRIBE if number < MOST_WATCHERS else WAIT))
        assert len(bench.server._visits) == MOST_CLIENTS and watchers(bench) == MOST_WATCHERS
        with bench.client() as client:
            assert client.command("stop", at_ns=bench.tape.clock_ns()).accepted


def test_a_program_that_watches_dozens_of_times_keeps_nobody_from_watching(bench: Bench) -> None:
    with crowd(bench.path, 2 * MOST_CLIENTS, SUBSCRIBE):
        assert watchers(bench) == MOST_WATCHERS
        with bench.client() as watcher, bench.client() as client:
            assert isinstance(next(watcher.events()), Snapshot)
            assert client.status()
            assert watchers(bench) == MOST_WATCHERS


def test_who_may_not_watch_is_told_why_and_may_still_command(bench: Bench) -> None:
    with contextlib.ExitStack() as here:
        for _ in range(MOST_WATCHERS):
            stream = here.enter_context(bench.raw())
            stream.sendall(SUBSCRIBE.encode() + b"\n")
            answers(stream, 1)
        with bench.client() as late:
            with pytest.raises(CommandError, match="24 clients watch already"):
                next(late.events())
            assert late.command("lock", at_ns=bench.tape.clock_ns()).accepted


@pytest.mark.parametrize("line", [SUBSCRIBE, STATUS], ids=["watch", "ask"])
def test_another_user_of_the_group_has_half_of_the_places_at_most(line: str) -> None:
    need_root("being two users")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        folder.chmod(0o750)  # its group may enter, and the guest is of it
        with (
            bench_at(folder) as bench,
            crowd(bench.path, MOST_CLIENTS, line, user=STRANGER),
            contextlib.ExitStack() as own,
        ):
            guests = [visit for visit in bench.server._visits.copy().values() if visit.is_guest]
            assert 0 < sum(not visit.client.ends_when_told for visit in guests) <= MOST_GUESTS
            for _ in range(MOST_CLIENTS - MOST_GUESTS):
                assert own.enter_context(bench.client()).command("lock", at_ns=bench.tape.clock_ns()).accepted
    finally:
        shutil.rmtree(folder)


# Who gives up a place, where it is not one program.

NOW_NS = 100 * QUIET_NS


@pytest.fixture
def streams() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def visit(
    streams: contextlib.ExitStack,
    process: int,
    *,
    ago_ns: int = 1,
    watches: bool = False,
    waits: bool = False,
) -> Visit:
    here, there = socket.socketpair()
    streams.enter_context(here)
    streams.enter_context(there)
    made = Visit(
        SocketClient(here),
        RIG_ITSELF,
        peer=Peer(pid=process, uid=os.geteuid(), gid=0),
        asked_at_ns=NOW_NS - ago_ns,
    )
    if watches:
        made.listener = object()  # type: ignore[assignment]  # that there is one is all that counts
    if waits:
        made.waits.append((WaitRequest(id=1), NOW_NS))
    return made


def test_where_each_process_has_one_place_who_asked_longest_ago_goes_and_no_watcher(
    streams: contextlib.ExitStack,
) -> None:
    watching = [visit(streams, pid, ago_ns=9, watches=True) for pid in range(MOST_WATCHERS)]
    asking = [visit(streams, 100 + pid, ago_ns=1 + pid) for pid in range(MOST_CLIENTS - MOST_WATCHERS)]
    late = visit(streams, 999)
    assert who_leaves(late, [*watching, *asking, late], now_ns=NOW_NS) is asking[-1]
    assert who_leaves(late, [*watching, *asking[1:], late], now_ns=NOW_NS) is None


def test_where_all_watch_or_wait_who_has_waited_longest_makes_room(streams: contextlib.ExitStack) -> None:
    """As many processes as there are places, and none that asks: a terminal's stop finds one all the same."""
    watching = [visit(streams, pid, ago_ns=99, watches=True) for pid in range(MOST_WATCHERS)]
    waiting = [
        visit(streams, 100 + pid, ago_ns=1 + pid, waits=True) for pid in range(MOST_CLIENTS - MOST_WATCHERS)
    ]
    late = visit(streams, 999)
    assert who_leaves(late, [*watching, *waiting, late], now_ns=NOW_NS) is waiting[-1]
    asking = visit(streams, 998)
    assert who_leaves(late, [*watching, *waiting[1:], asking, late], now_ns=NOW_NS) is asking


def test_a_single_watcher_loses_its_place_to_no_other_single_one(streams: contextlib.ExitStack) -> None:
    watching = [visit(streams, pid, watches=True) for pid in range(MOST_WATCHERS)]
    late = visit(streams, 999)
    assert who_stops_watching(late, watching) is late
    twice = visit(streams, 0, ago_ns=50, watches=True)
    assert who_stops_watching(late, [*watching[1:], watching[0], twice]) is twice
