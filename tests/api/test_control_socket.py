"""The control socket over a real Unix socket: what the CLI gets, and what a bad client does not get."""

from __future__ import annotations

import contextlib
import errno
import json
import select
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rigd.api.client import ControlClient
from rigd.api.server import DOOR_PAUSE_NS, LINES_A_TURN, ControlSocket
from rigd.control.controller import Controller
from rigd.control.levels_fan import LevelsFan
from rigd.model.commands import Command, Reply
from rigd.model.errors import CommandError, LinkError
from rigd.model.events import Event, Happening, Snapshot
from rigd.model.levels import Levels
from rigd.model.limits import MOST_CLIENTS
from rigd.model.messages import OpenTake
from rigd.model.state import Transport
from rigd.model.units import NS_PER_SECOND, Frame
from rigd.rules.permissions import Principal
from rigd.wire.link import listen
from tests.support.desk import frame, ns
from tests.support.parts import ObedientParts, WoundTape, running_controller
from tests.support.patience import PATIENCE_S, wait_for
from tests.support.records import NOTHING


@dataclass
class Bench:
    path: Path
    tape: WoundTape
    parts: ObedientParts
    controller: Controller
    server: ControlSocket

    def client(self) -> ControlClient:
        return ControlClient(self.path, answer_within_s=PATIENCE_S)

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(str(self.path))  # waits for its place at the door, as it has no time-out yet
            stream.settimeout(PATIENCE_S)
            yield stream


@contextmanager
def bench_at(folder: Path, **more: Any) -> Iterator[Bench]:
    tape, parts = WoundTape(), ObedientParts()
    path = folder / "rigd.sock"

    def read_levels() -> Levels:
        return Levels(at_frame=frame(tape.now_s), peak_dbfs=(-6.0,), rms_dbfs=(-9.0,), clipped=(0,))

    with running_controller(tape, parts) as controller:
        server = ControlSocket(
            path,
            controller=controller,
            **{"levels": LevelsFan(read_levels, lambda: ns(time.monotonic())), "records": NOTHING, **more},
            read_timing=lambda: None,
            clock_ns=lambda: ns(time.monotonic()),
        )
        server.start()
        try:
            yield Bench(path, tape, parts, controller, server)
        finally:
            server.stop()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


def answers(stream: socket.socket, count: int) -> list[dict[str, Any]]:
    """So many lines."""
    got = b""
    while got.count(b"\n") < count:
        more = stream.recv(65536)
        assert more, got
        got += more
    return [json.loads(line) for line in got.splitlines()[:count]]


def test_the_socket_is_for_its_owner_alone(bench: Bench) -> None:
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("given", "disarmed"),
    [(3, [3]), ([4, 2, 2], [2, 4]), ("1-2,4", [1, 2, 4]), (None, [1, 2, 3, 4]), ("all", [1, 2, 3, 4])],
)
def test_a_client_names_channels_as_a_number_a_list_or_a_text(
    bench: Bench, given: Any, disarmed: list[int]
) -> None:
    with bench.client() as client:
        assert client.command("disarm", channel=given, at_ns=ns(100.0)).accepted
        channels = client.status().state.channels
    assert [channel.number for channel in channels if not channel.armed] == disarmed


@pytest.mark.parametrize("given", [[], [1, "2"], "1-", True, 1.5, [[1]]])
def test_channels_of_another_form_are_refused_with_the_form(bench: Bench, given: Any) -> None:
    with bench.client() as client, pytest.raises(CommandError, match="form is"):
        client.command("arm", channel=given)


def test_a_command_by_verb_and_by_text_is_done_at_the_time_it_was_meant(bench: Bench) -> None:
    with bench.client() as client:
        answer = client.command("start", at_ns=ns(99.5))
        assert answer.accepted and answer.text == "take 1 rolls"
        (opened,) = bench.parts.told
        assert isinstance(opened, OpenTake) and opened.order.first_frame == frame(97.5)
        assert answer.take_id == opened.order.take_id
        kept = client.command("keep", seconds=1.0, at_ns=ns(100.0))
        assert kept.take_id == bench.controller.state.takes[-1].take_id != answer.take_id
        bench.tape.now_s += 5
        assert client.say("mark the good bit", at_ns=ns(102.0)).accepted
        take = client.take()
        assert [marker.name for marker in take.markers] == ["the good bit"]


def test_a_refusal_carries_its_reason(bench: Bench) -> None:
    with bench.client() as client:
        answer = client.command("stop", at_ns=ns(100.0))
        assert not answer.accepted and "no take rolls" in answer.text


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("dance", {}, "not a command"),
        ("keep", {}, "keep SECONDS"),
        ("keep", {"seconds": "soon"}, "keep SECONDS"),
        ("gain", {"channel": 1, "gain_db": 2.0, "origin": "x"}, "gain CHANNELS GAIN_DB"),
    ],
)
def test_a_command_of_another_form_is_told_the_right_form(
    bench: Bench, verb: str, arguments: dict[str, Any], words: str
) -> None:
    with bench.raw() as stream:
        request = {"type": "CommandRequest", "id": 7, "verb": verb, "arguments": arguments}
        stream.sendall(json.dumps(request).encode() + b"\n")
        (answer,) = answers(stream, 1)
    assert answer["type"] == "Failed" and answer["id"] == 7 and words in answer["error"]


def test_status_is_the_state_with_levels_where_asked(bench: Bench) -> None:
    with bench.client() as client:
        plain = client.status()
        assert plain.state.transport is Transport.READY and plain.levels is None
        assert plain.state == bench.controller.state
        levels = client.status(levels=True).levels
        assert levels is not None and levels.peak_dbfs == (-6.0,)


def test_takes_are_listed_and_shown(bench: Bench) -> None:
    with bench.client() as client:
        with pytest.raises(CommandError, match="no take yet"):
            client.take()
        for _ in range(2):
            client.command("start", at_ns=ns(bench.tape.now_s))
            bench.tape.now_s += 3
            client.command("stop", at_ns=ns(bench.tape.now_s))
        client.command("start", at_ns=ns(bench.tape.now_s))
        takes = client.takes()
        assert [take.slate.number for take in takes] == [1, 2, 3]
        assert client.take(takes[0].take_id).slate.number == 1
        assert client.take().take_id == takes[2].take_id
        with pytest.raises(CommandError, match="no take"):
            client.take("nonsense")  # type: ignore[arg-type]


@pytest.mark.timeout(60)  # a wait that sleeps through the event would take an hour
def test_wait_answers_when_the_take_is_safe_on_disk(bench: Bench) -> None:
    bench.parts.closes_takes = False
    with bench.client() as client, bench.client() as other:
        client.command("start", at_ns=ns(100.0))
        bench.tape.now_s += 3
        take_id = client.command("stop", at_ns=ns(103.0)).take_id
        assert take_id is not None
        with pytest.raises(CommandError, match="not closed within"):
            client.wait_closed(take_id, timeout_s=0.01)
        waiting = threading.Thread(target=lambda: bench.parts.close(take_id, Frame(frame(103.0))))
        waiting.start()
        take = client.wait_closed(take_id, timeout_s=3600.0)
        waiting.join()
        assert take is not None and take.closed
        assert other.wait_closed(timeout_s=PATIENCE_S) == take
        with pytest.raises(CommandError, match="no take"):
            other.wait_closed("nonsense")  # type: ignore[arg-type]


def test_a_subscriber_gets_a_snapshot_and_every_event_after_it(bench: Bench) -> None:
    with bench.client() as watcher, bench.client() as client:
        events = watcher.events()
        snapshot = next(events)
        assert isinstance(snapshot, Snapshot)
        client.command("start", at_ns=ns(100.0))
        client.command("start", at_ns=ns(100.0))
        first, second = next(events), next(events)
        assert isinstance(first, Event) and isinstance(second, Event)
        assert (first.what, second.what) == (Happening.TAKE_STARTED, Happening.COMMAND_REJECTED)
        assert first.number == snapshot.state.number + 1
        assert first.origin == "cli"


def test_a_subscriber_gets_levels_at_its_own_pace(bench: Bench) -> None:
    with bench.client() as watcher:
        news = watcher.events(levels_hz=30.0)
        assert sum(isinstance(next(news), Levels) for _ in range(6)) == 5


def test_two_clients_at_once_each_get_their_own_answers(bench: Bench) -> None:
    wrong: list[Any] = []

    def ask(song: str) -> None:
        with bench.client() as client:
            for _ in range(50):
                if song not in (text := client.command("song", name=song, at_ns=ns(100.0)).text):
                    wrong.append(text)

    threads = [threading.Thread(target=ask, args=(song,)) for song in ("Waltz", "Tango")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert wrong == []


def test_several_requests_in_one_breath_are_all_answered(bench: Bench) -> None:
    with bench.raw() as stream:
        lines = [json.dumps({"type": "StatusRequest", "id": number}).encode() for number in range(20)]
        stream.sendall(b"\n".join(lines) + b"\n\n")
        assert [answer["id"] for answer in answers(stream, 20)] == list(range(20))


def test_where_no_rigd_runs_the_client_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"rigd is not running here .*: start it with: rigd run"):
        ControlClient(tmp_path / "rigd.sock")


def test_a_daemon_that_ends_ends_its_clients_and_its_socket(tmp_path: Path) -> None:
    with bench_at(tmp_path) as bench:
        client = bench.client()
        events = client.events()
        next(events)
    with pytest.raises(LinkError):
        for _ in events:
            pass
    client.close()
    assert not bench.path.exists()


# Bad clients


def test_a_line_that_is_too_long_ends_the_client_with_a_word(bench: Bench) -> None:
    with bench.raw() as stream:
        stream.sendall(b"x" * (70 << 10))
        (answer,) = answers(stream, 1)
        assert answer["type"] == "Failed" and "64 KiB" in answer["error"]
        assert stream.recv(1) == b""


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"[" * 60_000,
        b'{"type":' * 5_000,
        b'{"type":"StatusRequest"}',
        b'{"type":"StatusRequest","id":1e999}',
        b'{"type":"\\ud800"}',
        b'{"type":"StatusRequest","id":' + b"9" * 5000 + b"}",
        b'{"type":"TextRequest","id":1,"text":"start","at_ns":' + b"9" * 400 + b"}",
        b'{"type":"CommandRequest","id":1,"verb":"keep","arguments":{"seconds":NaN}}',
        b'{"type":"SubscribeRequest","id":1,"levels_hz":NaN}',
        b'{"type":"WaitRequest","id":1,"timeout_s":1e999}',
        b'{"type":"Failed","id":1,"error":"x"}',
        b"\xff\xfe\x00",
        b"null",
    ],
)
def test_a_line_that_is_no_request_is_told_so_and_the_next_one_works(bench: Bench, line: bytes) -> None:
    with bench.raw() as stream:
        stream.sendall(line + b'\n{"type":"TakesRequest","id":"after"}\n')
        first, second = answers(stream, 2)
    by_id = {answer["id"]: answer for answer in (first, second)}  # a command's answer may come second
    assert by_id["after"]["type"] == "TakesAnswer"
    bad = next(answer for answer in (first, second) if answer["id"] != "after")
    assert bad["type"] == "Failed" or bad["accepted"] is False


def test_an_id_that_is_no_text_comes_back_as_it_was(bench: Bench) -> None:
    with bench.raw() as stream:
        stream.sendall(b'{"type":"TakesRequest","id":"\\ud800"}\n')
        assert answers(stream, 1)[0]["id"] == "\ud800"


def test_a_client_that_never_reads_is_cut_off_and_holds_up_nobody(bench: Bench) -> None:
    with bench.raw() as slow, bench.client() as client:
        slow.setblocking(False)
        request = b'{"type":"StatusRequest","id":1}\n' * 500

        def is_cut_off() -> bool:
            try:
                slow.send(request)
            except BlockingIOError:
                select.select([], [slow], [], 0.01)
            except (BrokenPipeError, ConnectionResetError):
                return True
            assert client.status().state.transport is Transport.READY
            return False

        wait_for(is_cut_off, "the slow client is cut off", every_s=0.0)


def test_a_client_that_asks_without_end_lets_the_others_have_their_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its requests lie there by the hundred, another's waits for a few of them only."""
    order: list[str] = []
    gate = threading.Event()
    submit_then = bench.controller.submit_then

    def noting(command: Command, by: Principal, answered: Callable[[Reply], None]) -> None:
        order.append(command.origin)
        if command.origin == "gate":
            gate.wait(PATIENCE_S)
        submit_then(command, by, answered)

    def line(origin: str) -> bytes:
        request = {"type": "TextRequest", "id": origin, "text": "unlock", "origin": origin}
        return json.dumps(request).encode() + b"\n"

    monkeypatch.setattr(bench.controller, "submit_then", noting)
    with bench.raw() as greedy, bench.raw() as other, bench.raw() as holder:
        for stream in (greedy, other, holder):
            stream.sendall(b'{"type":"TakesRequest","id":0}\n')
            answers(stream, 1)
        holder.sendall(line("gate"))
        greedy.sendall(line("greedy") * 200)
        other.sendall(line("other"))
        gate.set()
        assert answers(other, 1)[0]["id"] == "other"
        assert len(answers(greedy, 200)) == 200
    assert order[: order.index("other")].count("greedy") <= 2 * LINES_A_TURN


class ScarceDoor(socket.socket):
    """Has no file left for the first who comes."""

    asked_at: ClassVar[list[float]] = []

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked_at.append(time.monotonic())
        if len(self.asked_at) == 1:
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


def test_where_the_system_has_no_more_files_it_waits_and_then_lets_the_client_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "rigd.wire.link.listen",
        lambda path, *, mode: ScarceDoor(fileno=listen(path, mode=mode).detach()),
    )
    ScarceDoor.asked_at.clear()
    with bench_at(tmp_path) as bench, bench.client() as client:
        assert client.status()
    first, second, *_ = ScarceDoor.asked_at
    assert second - first >= DOOR_PAUSE_NS / NS_PER_SECOND


def lets_in(bench: Bench) -> bool:
    with contextlib.suppress(CommandError, LinkError), bench.client() as client:
        return bool(client.status())
    return False


def test_one_client_too_many_is_told_so_and_the_others_stay(bench: Bench) -> None:
    clients: list[ControlClient] = []
    try:
        for _ in range(MOST_CLIENTS):
            clients.append(bench.client())
            assert clients[-1].status()
        with bench.raw() as late:
            (answer,) = answers(late, 1)
            assert "32 clients" in answer["error"]
            assert late.recv(1) == b""
        clients[0].close()
        wait_for(lambda: lets_in(bench), "room for one client more")
    finally:
        for client in clients:
            client.close()


def test_clients_that_say_nothing_make_room_for_one_that_asks(bench: Bench) -> None:
    watcher = bench.client()
    with watcher, contextlib.ExitStack() as silent:
        assert watcher.status()
        for number in range(3 * MOST_CLIENTS):
            stream = silent.enter_context(bench.raw())
            if number % 2:
                with contextlib.suppress(BrokenPipeError):  # it had to make room already
                    stream.sendall(b'{"type":')  # begins a line and never ends it
        with bench.client() as late:
            assert late.status()
        assert watcher.status(), "one that asked a moment ago keeps its place"
