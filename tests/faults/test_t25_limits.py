"""T25: limits that contradict each other. What may be said of takes is more than an answer may be long: it is told in
brief, and in parts; no line outgrows its reader; and nobody says that rigd has ended who does not know it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from rigd.api.client import ControlClient
from rigd.api.followed import FollowedStates
from rigd.cli.live import show_live
from rigd.cli.terminal import ExitCode
from rigd.model import limits
from rigd.model.brief import Counted, brief_state, brief_take, counted, page_of, part_of
from rigd.model.changes import followed_state
from rigd.model.command_text import parse_command
from rigd.model.commands import Rejected
from rigd.model.errors import CommandError, LinkError, NotRunning, RigEnded
from rigd.model.events import Snapshot
from rigd.model.gain import Ability, SettingKind
from rigd.model.messages import Annotate, OpenTake, Retag, TakeProgress, WriterReport
from rigd.model.requests import CommandRequest, StatusAnswer, TakeAnswer, TakesAnswer
from rigd.model.settings_history import MOST_ROWS_OF_A_TAKE
from rigd.model.state import Fault, RigState, Setting, Take, Transport
from rigd.model.take import ClosedFile, Gap, GapCause, Marker, Slate, Track
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns, Origin, TakeId
from rigd.rules.permissions import RIG_ITSELF
from rigd.wire.codec import encode
from rigd.writer.waiting_orders import MOST_OPEN
from tests.api.test_control_socket import Bench, bench_at
from tests.proof.figures import Figures, count
from tests.support.by_hand import by_hand
from tests.support.desk import Desk
from tests.support.hostile import filled
from tests.support.patience import PATIENCE_S, wait_for

WIDE = "🥁"
"""A character of four bytes: of names of the longest, the longest in bytes."""
NAME = WIDE * limits.LONGEST_NAME
NOTES = (WIDE * limits.LONGEST_NOTE,) * (limits.LONGEST_NOTES // limits.LONGEST_NOTE)
MARKERS = tuple(Marker(at_frame=Frame(n), name=NAME) for n in range(limits.MOST_MARKERS))
GAPS = tuple(
    Gap(at_frame=Frame(10**9 + n), length_frames=10**9, cause=GapCause.CAPTURE_RESTARTED, exact=False)
    for n in range(20_000)
)
CHANNELS = tuple(ChannelNumber(n + 1) for n in range(256))
FILES = tuple(
    ClosedFile(name=WIDE * 30, channels=CHANNELS[:8], frames=10**12, size_bytes=10**12) for _ in range(4000)
)
SLATE = Slate(session=NAME, song=NAME, number=9999, name=NAME, notes=NOTES, dated="2026-01-01T00:00:00+00:00")


@pytest.fixture(scope="module")
def longest_take() -> Take:
    plain: Take = filled(Take, "x")
    return replace(
        plain,
        folder=f"/{NAME}/{NAME}/{NAME}",
        slate=SLATE,
        markers=MARKERS,
        gaps=GAPS,
        files=FILES,
        gain_changes=plain.gain_changes * 5000,
        channels=CHANNELS,
        left_out=None,
    )


NAMES = [f"{n:0{limits.LONGEST_SETTING_NAME}}" for n in range(limits.MOST_SETTINGS)]
SETTINGS = {name: Setting(value=-12.3456, asked=-12.3456, confirmed=False) for name in NAMES}
SWITCHES = {name: Ability(kind=SettingKind.SWITCH, confirm=True) for name in NAMES[:-1]}
ROOM = limits.LONGEST_ABILITIES_BYTES - len(msgspec.json.encode(SWITCHES)) - 60
ABILITIES = {**SWITCHES, NAMES[-1]: Ability(kind=SettingKind.CHOICE, choices=("x" * max(1, ROOM),))}


@pytest.fixture(scope="module")
def longest_state(longest_take: Take) -> RigState:
    plain: RigState = filled(RigState, NAME)
    slim = replace(longest_take, markers=(), gaps=(), files=(), gain_changes=())
    takes = tuple(
        replace(longest_take if n >= 990 else slim, take_id=TakeId(f"{n:032x}")) for n in range(1000)
    )
    return replace(
        plain,
        take=longest_take,
        takes=takes,
        channels=tuple(
            replace(plain.channels[0], number=n, abilities=ABILITIES, settings=SETTINGS) for n in CHANNELS
        ),
        faults=tuple(Fault(key=f"gap {n:032x}", what=WIDE * 900, since_ns=Ns(1)) for n in range(1000))[:50],
        discarding=plain.discarding * 500,
        trashed=tuple(take.take_id for take in takes) * 3,
        song_numbers=tuple((NAME, n) for n in range(5000)),
        earlier_takes=0,
    )


# The table.


def test_what_waits_for_a_client_has_room_for_what_is_told_to_it() -> None:
    assert limits.PART_BYTES + limits.BRIEF_BYTES < limits.LONGEST_ANSWER_BYTES
    assert limits.SERVED_BELOW_BYTES + limits.LONGEST_ANSWER_BYTES <= limits.MOST_WAITING_BYTES
    assert limits.LONGEST_ANSWER_BYTES < limits.LONGEST_LINE_BYTES < limits.MOST_UNSENT_BYTES
    assert limits.LISTS_OF_TAKE_BYTES < limits.BRIEF_BYTES // 2
    assert limits.MOST_WATCHERS < limits.MOST_CLIENTS and limits.MOST_GUESTS < limits.MOST_CLIENTS


def test_the_longest_request_is_taken() -> None:
    request = CommandRequest(
        id="x" * 40, verb="note", arguments={"text": "\\ud83e\\udd41" * limits.LONGEST_NOTE}, origin=NAME
    )
    assert len(encode(request)) < limits.LONGEST_REQUEST_BYTES


def test_the_longest_answer_of_each_kind_is_shorter_than_what_is_sent_and_read(
    longest_take: Take, longest_state: RigState
) -> None:
    brief, followed = brief_state(longest_state), followed_state(longest_state)
    changes = FollowedStates()
    changes.take_in(Desk().state)
    changes.take_in(longest_state)
    (change,) = changes.since(changes.number - 1) or ()
    lines = {
        "followed": encode(Snapshot(state=followed)),
        "change": change,
        "status": encode(StatusAnswer(id=1, state=brief)),
        "snapshot": encode(Snapshot(state=brief)),
        "page": encode(TakesAnswer(id=1, takes=page_of(longest_state.takes))),
        "part": encode(TakeAnswer(id=1, take=part_of(longest_take, Counted()), of=counted(longest_take))),
        "notes": encode(
            TakeAnswer(id=1, take=part_of(longest_take, replace(counted(longest_take), notes=0)))
        ),
    }
    lengths = {name: len(line) for name, line in lines.items()}
    assert max(lengths.values()) < limits.LONGEST_ANSWER_BYTES, lengths
    assert brief.earlier_takes + len(brief.takes) == len(longest_state.takes)


def test_the_longest_message_between_processes_is_read(longest_take: Take) -> None:
    order = filled(OpenTake, "x").order
    tracks = tuple(Track(channel=n, input=InputNumber(n), name="ü" * 200, source="ü" * 200) for n in CHANNELS)
    order = replace(order, folder=longest_take.folder, slate=SLATE, tracks=tracks)
    told = TakeProgress(
        order=order, written_frames=10**12, durable_frames=10**12, gaps=GAPS[: limits.MOST_GAPS_TOLD]
    )
    weight = len(tracks) + sum(map(len, NOTES)) // limits.NOTES_OF_A_TRACK
    most = MOST_OPEN + limits.MOST_TRACKS_TOLD // weight + 1
    report = WriterReport(open_takes=(told,) * most, free_bytes=1, bytes_per_second=1, behind_frames=1)
    take_id = longest_take.take_id
    for message in (
        OpenTake(order=replace(order, gain_changes=order.gain_changes * MOST_ROWS_OF_A_TAKE)),
        Retag(take_id=take_id, folder=order.folder, slate=SLATE),
        Annotate(take_id=take_id, note=SLATE),
        report,
    ):
        assert len(encode(message)) < limits.LONGEST_LINE_BYTES, type(message)
    said_again = len(encode(Annotate(take_id=take_id, note=MARKERS[0]))) * limits.MOST_MARKERS
    assert said_again < limits.MOST_UNSENT_BYTES


def test_the_notes_of_a_take_have_an_end() -> None:
    desk = Desk()
    desk.do("start")
    replies = [desk.do(f"note {'x' * limits.LONGEST_NOTE}") for _ in range(9)]
    assert [isinstance(reply, Rejected) for reply in replies] == [False] * 8 + [True]


# In brief and in parts.


def test_the_parts_of_a_take_are_the_take(longest_take: Take) -> None:
    have, parts, got = Counted(), 0, {"markers": 0, "notes": 0, "files": 0, "gaps": 0, "gain_changes": 0}
    while have != counted(longest_take):
        part = counted(part_of(longest_take, have))
        assert part != Counted(), "each part brings something"
        have = Counted(**{name: getattr(have, name) + getattr(part, name) for name in got})
        parts += 1
    assert parts > 10


def test_a_take_in_brief_tells_its_newest_and_how_many_more_there_are(longest_take: Take) -> None:
    brief = brief_take(longest_take)
    assert brief.left_out is not None
    assert len(brief.gaps) + brief.left_out.gaps == len(GAPS) and brief.gaps == GAPS[-len(brief.gaps) :]
    few = replace(longest_take, markers=MARKERS[:3], gaps=(), slate=replace(SLATE, notes=("a",)))
    assert brief_take(few).left_out is None and brief_take(few).markers == MARKERS[:3]


def test_a_state_of_ordinary_size_is_told_whole() -> None:
    desk = Desk()
    for _ in range(30):
        desk.do("start")
        desk.do("mark chorus")
        desk.now_s += 1
        desk.do("stop")
    assert brief_state(desk.state) == desk.state


# Over the socket.


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


MANY = count(ci=9_998, full=9_998)


@pytest.fixture
def marked(bench: Bench) -> Bench:
    """Two takes with 9,998 markers of 200 characters each; the second one rolls."""

    def give(text: str) -> None:
        command = parse_command(text, origin=Origin("t"), at_ns=bench.tape.clock_ns())
        reply = bench.controller.submit(command, RIG_ITSELF).result(PATIENCE_S)
        assert not isinstance(reply, Rejected), reply

    for _ in range(2):
        give("next" if bench.controller.state.take else "start")
        bench.tape.now_s += 1
        for number in range(MANY):
            give(f"mark {number:04}{'x' * 196}")
    return bench


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_status_takes_and_watch_work_with_ten_thousand_long_markers_in_two_takes(
    marked: Bench, figures: Figures, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, rolling = marked, marked.controller.state.take
    assert rolling is not None and len(rolling.markers) == MANY
    with bench.client() as client:
        answer = client.status(levels=True)
        line = len(encode(answer))
        assert answer.state.take is not None and answer.state.take.left_out is not None
        assert len(answer.state.take.markers) + answer.state.take.left_out.markers == MANY
        assert [take.slate.number for take in client.takes()] == [1, 2]
        assert client.take() == rolling, "told whole, in parts"
        assert isinstance(next(client.events()), Snapshot)
    for words in (["status"], ["takes"], ["takes", "show", "2"], ["status", "--json"], ["disk"]):
        told = by_hand(*words, "--runtime-dir", str(bench.path.parent))
        assert told.code == ExitCode.DONE, (words, told.output[-500:])
    assert str(MANY) in by_hand("takes", "--runtime-dir", str(bench.path.parent)).output
    drawn = threading.Event()
    monkeypatch.setattr("rigd.cli.live.live_view", lambda *_: drawn.set() or ["drawn"])
    watch = threading.Thread(target=show_live, args=(bench.path,), daemon=True)
    watch.start()
    assert drawn.wait(PATIENCE_S)
    assert "ended" not in capsys.readouterr().out
    bench.server.stop()
    watch.join(PATIENCE_S)
    assert not watch.is_alive() and "rigd has ended." in capsys.readouterr().out
    figures.record(
        "T25",
        "status with two takes of 9,998 markers of 200 characters",
        bound="<= 1 MB",
        measured=line / 1e6,
        unit="MB",
        count="2 takes",
    )


def test_many_takes_come_in_pages(bench: Bench, longest_take: Take) -> None:
    short = replace(
        longest_take, markers=MARKERS[:2], gaps=(), files=(), gain_changes=(), slate=replace(SLATE, notes=())
    )
    takes = tuple(replace(short, take_id=TakeId(f"{n:032x}"), closed=True) for n in range(2000))
    bench.controller._published.replace(replace(bench.controller.state, takes=takes))
    with bench.client() as client:
        assert client.takes() == tuple(brief_take(take) for take in takes)
        state = client.status().state
        assert 0 < len(state.takes) < 2000 and state.earlier_takes + len(state.takes) == 2000
        assert state.takes[-1].take_id == takes[-1].take_id


def test_a_take_that_grows_while_it_is_told_is_told_whole(bench: Bench, longest_take: Take) -> None:
    grown = iter(range(3000, len(MARKERS), 500))
    slim = replace(longest_take, gaps=(), files=(), gain_changes=(), closed=True)
    bench.controller._published.replace(
        replace(bench.controller.state, takes=(replace(slim, markers=MARKERS[:2500]),))
    )

    with bench.client() as client:
        received = client._received

        def growing(timeout_s: float | None) -> Any:
            if (until := next(grown, 0)) and until < 6000:
                take = replace(slim, markers=MARKERS[:until])
                bench.controller._published.replace(replace(bench.controller.state, takes=(take,)))
            return received(timeout_s)

        client._received = growing  # type: ignore[method-assign]
        take = client.take(slim.take_id)
    assert take.markers == MARKERS[: len(take.markers)] and len(take.markers) >= 5500


def test_an_answer_that_is_too_long_is_told_so_and_the_client_stays(bench: Bench) -> None:
    plain = bench.controller.state
    with bench.client() as client:
        bench.controller._published.replace(replace(plain, session="x" * limits.LONGEST_ANSWER_BYTES))
        with pytest.raises(CommandError, match="too long to be sent"):
            client.status()
        bench.controller._published.replace(plain)
        assert client.status().state.transport is Transport.READY


def test_who_asks_for_much_at_once_and_reads_gets_all(bench: Bench, longest_state: RigState) -> None:
    """More than may wait for a client: what it asks is answered as it reads."""
    bench.controller._published.replace(longest_state)
    asked = 3 * limits.MOST_WAITING_BYTES // limits.BRIEF_BYTES
    with bench.raw() as stream:
        lines = [b'{"type":"StatusRequest","id":%d}\n' % number for number in range(asked)]
        stream.sendall(b"".join(lines))
        wait_for(
            lambda: any(not visit.client.has_room for visit in bench.server._visits.copy().values()),
            "so much waits that it is not served any more",
        )
        got = 0
        while got < asked:
            got += stream.recv(1 << 20).count(b"\n")


# Who says that rigd has ended.


@contextmanager
def far_end(path: Path, says: bytes) -> Iterator[None]:
    """Somebody listens there, says that to whoever asks, and stays."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        stopping = threading.Event()
        kept = []

        def serve() -> None:
            listener.settimeout(0.05)
            while not stopping.is_set():
                try:
                    stream, _ = listener.accept()
                except TimeoutError:
                    continue
                kept.append(stream)
                stream.recv(4096)
                stream.sendall(says)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
            for stream in kept:
                stream.close()


@pytest.mark.parametrize(
    "says", [b"garbage\n", b'{"type":"StatusAnswer","id":1}\n', b""], ids=["no", "half", "mute"]
)
def test_who_is_answered_wrongly_does_not_say_that_no_rigd_runs(tmp_path: Path, says: bytes) -> None:
    with far_end(tmp_path / "rigd.sock", says):
        with (
            ControlClient(tmp_path / "rigd.sock", answer_within_s=0.2) as client,
            pytest.raises(LinkError) as told,
        ):
            client.status()
        assert not isinstance(told.value, NotRunning) and "ended" not in str(told.value).replace(
            "not ended", ""
        )
    if says:
        with far_end(tmp_path / "again.sock", says):
            (tmp_path / "rigd.sock").unlink()
            (tmp_path / "again.sock").rename(tmp_path / "rigd.sock")
            answer = by_hand("status", "--runtime-dir", str(tmp_path))
            assert answer.code == ExitCode.FAILED, answer.output


def test_a_door_with_too_many_before_it_is_not_no_rigd(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "rigd.sock"))
        listener.listen(0)
        waiting = []
        with pytest.raises(LinkError, match="may well be recording") as told:
            for _ in range(4):
                waiting.append(ControlClient(tmp_path / "rigd.sock"))
        assert not isinstance(told.value, NotRunning)
        for client in waiting:
            client.close()


def test_a_rig_that_ends_says_so_to_its_clients(tmp_path: Path) -> None:
    with bench_at(tmp_path) as bench:
        client = bench.client()
        events = client.events()
        next(events)
    with pytest.raises(RigEnded):
        for _ in events:
            pass
    client.close()


def test_a_rig_that_was_killed_has_ended_by_its_process(tmp_path: Path) -> None:
    script = (
        "import socket,sys,time\n"
        "here = socket.socket(socket.AF_UNIX); here.bind(sys.argv[1]); here.listen()\n"
        "print('here', flush=True); there, _ = here.accept(); time.sleep(600)\n"
    )
    command = [sys.executable, "-I", "-c", script, str(tmp_path / "rigd.sock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"here\n"
        with ControlClient(tmp_path / "rigd.sock", answer_within_s=PATIENCE_S) as client:
            threading.Timer(0.1, process.send_signal, [signal.SIGKILL]).start()
            with pytest.raises(RigEnded):
                client.status()


def test_a_client_that_was_cut_off_says_that_it_was(bench: Bench) -> None:
    with bench.client() as client:
        assert client.status()
        for visit in bench.server._visits.copy().values():
            visit.client.is_over = True
        bench.server._wake()
        with pytest.raises(LinkError, match="may well be recording") as told:
            client.status()
        assert not isinstance(told.value, NotRunning)
