"""Messages between rigd's processes: whole or not at all, over real Unix sockets."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.model.errors import LinkError
from rigd.model.events import Snapshot
from rigd.model.messages import MESSAGES, Annotate, EndTake, OpenTake, StopWriter, WriterReport
from rigd.model.take import Gap, GapCause, Marker, Slate
from rigd.model.units import Frame, TakeId
from rigd.wire.codec import Codec, Unknown, encode, to_plain
from rigd.wire.link import LONGEST_LINE_BYTES, Link, connect, listen
from tests.support.desk import Desk, orders

CODEC = Codec(MESSAGES)
END = EndTake(take_id=TakeId("a" * 32), end_frame=Frame(2**40))


def test_a_link_between_builds_passes_by_what_it_does_not_know() -> None:
    codec = Codec(MESSAGES, across_builds=True)
    plain = {**to_plain(END), "colour": "red"}
    assert codec.from_plain(plain) == END
    assert codec.from_plain({"type": "KeepFirmer", "take_id": "x"}) == Unknown("KeepFirmer")
    with pytest.raises(LinkError, match="take_id"):
        codec.from_plain({"type": "EndTake", "end_frame": 1})


def an_order() -> OpenTake:
    desk = Desk()
    desk.ok("start")
    return OpenTake(order=orders(desk)[0])


SENT = (
    END,
    EndTake(take_id=TakeId("b" * 32), end_frame=None),
    StopWriter(),
    an_order(),
    Annotate(take_id=TakeId("c"), note=Marker(at_frame=Frame(5), name='„Größe" \n 🎸')),
    Annotate(take_id=TakeId("c"), note=Slate(session="s", song="", number=1, notes=("a", "b"))),
    WriterReport(open_takes=(), free_bytes=1, bytes_per_second=2, behind_frames=3, problem="x"),
)


@pytest.mark.parametrize("message", SENT)
def test_between_processes_a_message_is_decoded_at_once(
    message: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a dict for each of its parts: a report of 64 channels has 130."""
    codec, line = Codec(MESSAGES, across_builds=True), encode(message)  # type: ignore[arg-type]
    monkeypatch.setattr("rigd.wire.codec.json.loads", None)
    assert codec.decode(line) == message
    assert codec.decode(line[:-2] + b',"colour":"red"}\n' if line.count(b":") > 1 else line) == message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"type":"EndTake","take_id":5,"end_frame":1}', "EndTake: take_id"),
        (b'{"type":"EndTake","take_id":"x"}', "EndTake: end_frame"),
        (b'{"type":"EndTake","take_id":"x"', "not JSON"),
        (b'{"type":"EndTake","take_id":"\xff"}', "not JSON"),
        (b'{"type":"Annotate","take_id":"x","note":7}', "Annotate"),
    ],
)
def test_what_is_not_right_between_processes_is_refused_with_the_field(line: bytes, words: str) -> None:
    with pytest.raises(LinkError, match=words):
        Codec(MESSAGES, across_builds=True).decode(line)


@pytest.mark.parametrize("message", SENT)
def test_a_message_arrives_as_it_was_sent(message: object) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert CODEC.decode(line) == message


def test_the_whole_state_can_be_sent() -> None:
    desk = Desk()
    desk.kept_take()
    desk.ok("discard")
    desk.ok("start")
    desk.ok("mark")
    snapshot = Snapshot(state=desk.state)
    assert Codec([Snapshot]).decode(encode(snapshot)) == snapshot


def test_enumerations_are_words_on_the_wire() -> None:
    gap = Gap(at_frame=Frame(1), length_frames=2, cause=GapCause.TAPE_FULL, exact=True)
    assert to_plain(gap)["cause"] == "tape full"


def test_a_lone_surrogate_does_not_break_the_line() -> None:
    line = encode(Marker(at_frame=Frame(1), name="\ud800"))
    assert json.loads(line)["name"] == "\ud800"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "a JSON object"),
        (b'{"type": 3}', "a JSON object"),
        (b'{"type": "Nonsense"}', "unknown message"),
        (b'{"type": "EndTake", "take_id": "x"}', "EndTake: end_frame"),
        (b'{"type": "EndTake", "take_id": 5, "end_frame": 1}', "EndTake: take_id"),
        (b'{"type": "EndTake", "take_id": "x", "end_frame": 1.5}', "EndTake: end_frame"),
        (b'{"type": "StopWriter", "more": 1}', "StopWriter"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_is_no_message_is_refused_with_the_field(line: bytes, words: str) -> None:
    with pytest.raises(LinkError, match=words):
        CODEC.decode(line)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["type", "take_id", "end_frame", "note", "order"]),
        st.none()
        | st.integers()
        | st.text(max_size=10)
        | st.sampled_from([kind.__name__ for kind in MESSAGES]),
    ).map(lambda plain: json.dumps(plain).encode())
)
def test_no_line_whatever_raises_anything_but_a_link_error(line: bytes) -> None:
    try:
        message = CODEC.decode(line)
    except LinkError:
        return
    assert type(message) in MESSAGES


def test_a_codec_takes_structs_only() -> None:
    with pytest.raises(TypeError):
        Codec([int])


# The link


@dataclass
class Pair:
    near: Link
    far: socket.socket


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    link = Link(near, CODEC, send_timeout_s=0.2)
    yield Pair(link, far)
    link.close()
    far.close()


def test_messages_come_out_whole_however_the_bytes_arrive(pair: Pair) -> None:
    stream = encode(END) * 3
    for byte in stream[:-1]:
        pair.far.send(bytes([byte]))
    assert [pair.near.receive(1.0) for _ in range(2)] == [END, END]
    assert pair.near.receive(0.0) is None
    pair.far.send(stream[-1:])
    assert pair.near.receive(1.0) == END


def test_the_other_ends_going_is_told(pair: Pair) -> None:
    pair.far.send(encode(END))
    pair.far.close()
    assert pair.near.receive(1.0) == END
    with pytest.raises(LinkError, match="gone"):
        pair.near.receive(1.0)


def test_what_was_said_before_the_other_end_went_is_heard_also_after_a_failed_send(pair: Pair) -> None:
    pair.far.send(encode(END) * 2)
    pair.far.close()
    with pytest.raises(LinkError, match="gone"):
        pair.near.send(END)
    assert [pair.near.receive(1.0) for _ in range(2)] == [END, END]
    with pytest.raises(LinkError, match="gone"):
        pair.near.receive(1.0)


def test_a_reader_that_is_stuck_ends_the_link_and_not_the_sender(pair: Pair) -> None:
    with pytest.raises(LinkError, match="gone"):
        for _ in range(100_000):
            pair.near.send(END)
    assert pair.near.fileno() == -1


def test_what_is_posted_waits_for_the_other_end_and_not_the_sender(pair: Pair) -> None:
    count = 0
    while not pair.near.unsent:
        pair.near.post(END)
        count += 1
    pair.near.post(END)
    got = b""
    while len(got) < (count + 1) * len(encode(END)):
        got += pair.far.recv(1 << 20)
        pair.near.flush()
    assert got == encode(END) * (count + 1) and not pair.near.unsent
    with pytest.raises(LinkError, match="stuck"):
        for _ in range(1_000_000):
            pair.near.post(END)
    assert pair.near.fileno() == -1


def test_close_wakes_a_thread_that_waits(pair: Pair) -> None:
    failed: list[Any] = []
    waits = threading.Event()

    def wait() -> None:
        waits.set()
        try:
            pair.near.receive(None)
        except LinkError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    waits.wait(5.0)
    pair.near.close()
    thread.join(5.0)
    assert len(failed) == 1


def test_a_line_without_end_ends_the_link(pair: Pair) -> None:
    def pour() -> None:
        try:
            for _ in range(LONGEST_LINE_BYTES // 65536 + 2):
                pair.far.sendall(b"x" * 65536)
        except OSError:
            pass

    thread = threading.Thread(target=pour)
    thread.start()
    with pytest.raises(LinkError, match="without end"):
        pair.near.receive(5.0)
    pair.near.close()
    thread.join(5.0)
    assert not thread.is_alive()


def test_a_listening_socket_is_private_and_replaces_a_dead_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    listen(path).close()
    with listen(path) as door:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        link = connect(path, CODEC)
        far, _ = door.accept()
        with far:
            link.send(END)
            assert far.recv(4096) == encode(END)
        link.close()


def test_where_nobody_listens_connect_says_so(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="nobody answers"):
        connect(tmp_path / "x.sock", CODEC)
