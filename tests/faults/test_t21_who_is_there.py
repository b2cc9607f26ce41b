"""T21: a stranger plays the daemon, or a process of the rig; and one who may not talk to a rig talks to it. Who is at
the other end of a socket is asked of the kernel, on both sides, before a byte is believed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigd.cli.terminal import ExitCode
from rigd.cli.which_rig import find_rig
from rigd.model.errors import StrangerError
from rigd.model.messages import MESSAGES
from rigd.model.state import Transport
from rigd.wire.codec import Codec
from rigd.wire.link import connect, listen
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_a
from tests.support import stranger
from tests.support.rig import RigRun

CHANNELS = count(ci=4, full=64)
PLAYS = """
path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen(8)
print("listens", flush=True)
for line in sys.stdin:
    listener.settimeout(0.05)
    heard = 0
    try:
        while True:
            stream, _ = listener.accept()
            stream.settimeout(0.5)
            stream.sendall(b'{"type":"Failed","id":1,"error":"REC rolling \\\\u001b[2J"}\\n')
            heard += len(stream.recv(65536))
    except OSError:
        pass
    print(heard, flush=True)
"""
"""Somebody who answers what he likes. Asked, he prints how many bytes were said to him."""


class Played:
    """A socket of the stranger's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def heard_bytes(self) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def played(path: Path) -> Iterator[Played]:
    with stranger.begin(PLAYS, path, listens=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "listens\n"
        yield Played(process)
        assert process.stdin is not None
        process.stdin.close()


def rigd(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rigd", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("whose", ["his folder", "the owner's folder, which was open to all"])
def test_a_stranger_who_plays_the_daemon_is_told_nothing_and_believed_nothing(
    whose: str, figures: Figures
) -> None:
    with stranger.everybodys_folder() as place:
        folder = place / "rigd"
        if whose == "his folder":
            stranger.act("os.mkdir(sys.argv[1], 0o755)", folder)
        else:
            folder.mkdir()
            folder.chmod(0o777)
        with played(folder / "rigd.sock") as plays:
            if whose != "his folder":
                folder.chmod(0o755)
            asked = [
                rigd("take", "note", "the singer's number is 555", "--runtime-dir", str(folder)),
                rigd("status", RIGD_RUNTIME_DIR=str(folder)),
            ]
            heard = plays.heard_bytes()
        assert heard == 0
        for done in asked:
            assert done.returncode == ExitCode.FAILED, done.stderr
            assert "nobody" in done.stderr and "nothing was said there" in done.stderr
            assert "REC" not in done.stdout + done.stderr and "\x1b" not in done.stdout + done.stderr
    figures.record(
        "T21",
        "bytes told to a stranger",
        bound="0",
        measured=heard,
        unit="bytes",
        count="2 commands",
        load="",
    )


def test_a_folder_of_a_stranger_s_keeps_nobody_from_the_service(tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.mkdir()
    with stranger.everybodys_folder() as place, listen(service / "rigd.sock"):
        own = place / "rigd"
        stranger.act("os.mkdir(sys.argv[1], 0o755)", own)
        with played(own / "rigd.sock"):
            assert find_rig(own, service) == service


def test_a_stranger_who_plays_a_process_of_the_rig_hears_no_order(tmp_path: Path) -> None:
    """The daemon's links to capture and the writers begin so."""
    with stranger.everybodys_folder() as place:
        folder = place / "rigd"
        folder.mkdir()
        folder.chmod(0o777)
        with played(folder / "writer.sock") as plays:
            for mode in (0o777, 0o700):
                folder.chmod(mode)
                with pytest.raises(StrangerError, match="everybody" if mode == 0o777 else "nobody answers"):
                    connect(folder / "writer.sock", Codec(MESSAGES))
            assert plays.heard_bytes() == 0


TALKS = """
said, *paths = sys.argv[1:]
for path in paths:
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(20)
    try:
        stream.connect(path)
        try: stream.sendall(said.encode() + b"\\n")
        except ConnectionError: pass  # the door was shut already; why is there to be read
        print(stream.recv(65536).decode().strip() or "closed", flush=True)
    except ConnectionError:
        print("closed", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""
STOPS = json.dumps({"type": "TextRequest", "id": 1, "text": "stop", "held": True})


@pytest.mark.timeout(120)
def test_who_may_not_talk_to_a_rig_is_turned_away_also_where_its_files_were_opened_to_all(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    """Somebody has changed the modes by hand; what records goes on."""
    rig = rig_of(channels=CHANNELS, stall_s=5.0)
    start_take(rig, seconds=0.3)
    sockets = [rig.runtime / f"{name}.sock" for name in ("rigd", "capture", "writer")]
    assert stranger.act(TALKS, STOPS, *sockets).split("\n")[:3] == ["Permission denied"] * 3
    before = rig.pid_of("capture"), rig.pid_of("writer")
    rig.runtime.chmod(0o755)
    for path in sockets:
        path.chmod(0o666)
    said = [STOPS, '{"type":"StopCapture"}', '{"type":"StopWriter"}']
    answers = [stranger.act(TALKS, each, path) for each, path in zip(said, sockets, strict=True)]
    assert "this rig lets in root" in answers[0] and "you are none of them" in answers[0]
    assert answers[1:] == ["closed\n", "closed\n"]
    rig.runtime.chmod(0o700)
    rig.roll(0.5)
    assert rig.state().transport is Transport.ROLLING
    assert (rig.pid_of("capture"), rig.pid_of("writer")) == before
    heard = check_a(stop_take(rig).folder)
    assert heard.gaps == ()
    figures.record(
        "T21",
        "orders of a stranger that were carried out",
        bound="0",
        measured=0,
        unit="orders",
        count="3 orders, to 3 sockets that were opened to all",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )
    assert "nobody was turned away" in rig.logs()
