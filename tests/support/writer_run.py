"""A real rigd-writer process in a runtime folder, and a tape that the frame counter is fed to by hand.

    with FedTape(runtime, channels=4) as fed, WriterRun(runtime, library) as writer:
        writer.send(OpenTake(order=order_for(library, channels=4)))
        writer.await_fact(TakeOpened)
        fed.feed(48_000)

Every wait polls for its condition with a generous deadline. Frames of the counter are frames of the tape.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar
from uuid import uuid4

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from rigd.model.errors import LinkError
from rigd.model.messages import (
    GapWritten,
    RetagFailed,
    StopWriter,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    TapeGeometry,
    WriterReport,
    WriterSettings,
    XrunNoted,
)
from rigd.model.take import Slate, TakeFile, TakeFormat, TakeOrder, Track
from rigd.model.units import ChannelNumber, Frame, InputNumber, TakeId
from rigd.takefile.journal import TakeRecord, read_journal
from rigd.tape.blocks import BlockFlag
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from rigd.wire.codec import Codec, encode
from rigd.wire.link import Link, connect
from tests.support.counter import counter_rows
from tests.support.patience import PATIENCE_S, wait_for
from tests.support.tools import lacking, need_root

RATE = 48_000
FACTS = (WriterReport, TakeOpened, GapWritten, XrunNoted, TakeClosed, TakeFailed, RetagFailed)
Fact = TypeVar("Fact")


class FedTape:
    """A tape in the runtime folder and its writing end. `frame` is the frame that comes next."""

    def __init__(
        self,
        runtime: Path,
        *,
        channels: int,
        capacity_frames: int = 1 << 18,
        block_frames: int = 1024,
        origin_frame: int = 0,
        origin_position: int = 0,
        rate: int = RATE,
    ) -> None:
        geometry = TapeGeometry(channels=channels, sample_rate_hz=rate, capacity_frames=capacity_frames)
        self.tape = Tape.create(
            runtime / "tape",
            geometry,
            full_scale=PORTAUDIO_FULL_SCALE,
            origin_frame=origin_frame,
            origin_position=origin_position,
        )
        self._core = CaptureCore(self.tape)
        self._channels = channels
        self._block_frames = block_frames
        self._rate = rate
        self.frame = origin_frame

    def feed(self, frames: int) -> None:
        """The counter goes on for so many frames, in blocks, as fast as can be."""
        while frames > 0:
            step = min(frames, self._block_frames)
            self._block(step, BlockFlag.NONE)
            frames -= step

    def lose(self, frames: int, block_frames: int = 0) -> None:
        """The driver lost so many frames and says so with the next block."""
        self.frame += frames
        self._block(block_frames or self._block_frames, BlockFlag.OVERFLOW)

    def stumble(self) -> None:
        """A block with the driver's flag and nothing lost."""
        self._block(self._block_frames, BlockFlag.OVERFLOW)

    def _block(self, frames: int, flags: BlockFlag) -> None:
        codes = counter_rows(self.frame, frames, self._channels)
        rows = (codes / PORTAUDIO_FULL_SCALE).astype(np.float32)
        began = 1.0 + self.frame / self._rate
        ended_ns = round((began + frames / self._rate) * 1e9)
        self._core.feed(rows, frames, adc_time=began, monotonic_ns=ended_ns, flags=flags)
        self.frame += frames

    def close(self) -> None:
        self._core.close()
        self.tape.close()

    def __enter__(self) -> FedTape:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def order_for(
    library: Path,
    *,
    channels: int,
    first_frame: int = 0,
    end_frame: int | None = None,
    name: str = "Take 001",
    poly: bool = False,
    sample: Literal["int24", "float32"] = "int24",
    slate: Slate | None = None,
    inputs: Sequence[int] = (),
) -> TakeOrder:
    """A take of all channels of a tape."""
    numbers = [ChannelNumber(number) for number in range(1, channels + 1)]
    sockets = [InputNumber(number) for number in (inputs or numbers)]
    tracks = tuple(
        Track(channel=number, input=socket, name=f"Track <{number}>", source="mic", gain_db=24.0)
        for number, socket in zip(numbers, sockets, strict=True)
    )
    mono = tuple(TakeFile(name=f"{number:02d} Track.wav", channels=(number,)) for number in numbers)
    return TakeOrder(
        take_id=TakeId(uuid4().hex),
        folder=str(library / "2026-03-01 Demo" / "Song" / name),
        first_frame=Frame(first_frame),
        end_frame=None if end_frame is None else Frame(end_frame),
        started_at="2026-03-01T14:02:03.500+01:00",
        time_reference=50_523 * RATE + RATE // 2,
        format=TakeFormat(sample_rate_hz=RATE, sample=sample),
        tracks=tracks,
        files=(TakeFile(name="All.wav", channels=tuple(numbers)),) if poly else mono,
        slate=slate or Slate(session="Demo & Co", song="Söng", number=3),
    )


class WriterRun:
    """One life of the process, from `with` to its end. Start another in the same folder to come back."""

    def __init__(
        self,
        runtime: Path,
        library: Path,
        *,
        name: str = "writer",
        spare: bool = False,
        sync_interval_ms: int = 100,
        connect: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment`: what the process has besides this one's."""
        self._name = name
        self._environment = {**os.environ, **(environment or {})}
        self.runtime = runtime
        self.library = library
        self._connect_at_start = connect
        self._link: Link | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._facts: list[object] = []
        self._log_path = runtime / f"{name}.log"
        settings = WriterSettings(library_root=str(library), sync_interval_ms=sync_interval_ms, spare=spare)
        (runtime / f"{name}.json").write_bytes(encode(settings))

    def __enter__(self) -> WriterRun:
        self.start()
        return self

    def start(self) -> None:
        """The process runs, and this is connected to it unless told otherwise."""
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rigd.writer", str(self.runtime), self._name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if self._connect_at_start:
            self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()
        self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def connect(self) -> None:
        """A new connection, as of a daemon that has just started."""
        self.disconnect()
        wait_for(self._connects, "rigd-writer listens on its socket")

    def _connects(self) -> bool:
        try:
            self._link = connect(self.runtime / f"{self._name}.sock", Codec(FACTS))
        except LinkError:
            assert self.process.poll() is None, f"rigd-writer ended: {self.log()}"
            return False
        return True

    def disconnect(self) -> None:
        """As when a daemon dies; what it had heard is forgotten."""
        self._facts.clear()
        if self._link is not None:
            self._link.close()
            self._link = None

    def send(self, message: object) -> None:
        assert self._link is not None
        self._link.send(message)

    def send_line(self, line: bytes) -> None:
        """As no rigd of this build would say it."""
        assert self._link is not None
        self._link._stream.sendall(line + b"\n")

    def await_fact(self, kind: type[Fact], **fields: object) -> Fact:
        """The next fact of that kind whose fields are as given; others are kept for later calls."""
        looked_at = 0

        def next_one() -> Fact | None:
            nonlocal looked_at
            if looked_at == len(self._facts) and (received := self._receive()) is not None:
                self._facts.append(received)
            for at in range(looked_at, len(self._facts)):
                looked_at = at + 1
                fact = self._facts[at]
                if isinstance(fact, kind) and all(getattr(fact, k) == v for k, v in fields.items()):
                    del self._facts[at]
                    return fact
                if isinstance(fact, TakeFailed) and kind is not TakeFailed:
                    raise AssertionError(f"waited for {kind.__name__}, got {fact}")
            return None

        return wait_for(next_one, f"{kind.__name__} {fields}", every_s=0.0, instead=self.log)

    def _receive(self) -> Any:
        """The next fact; None where none came for a second."""
        assert self._link is not None
        return self._link.receive(1.0)

    def await_failure_or(self, is_there: Callable[[Any], bool], take_id: TakeId) -> Any:
        """The next fact for which that is true, or the take's TakeFailed; others are forgotten."""

        def next_one() -> Any:
            fact = self._facts.pop(0) if self._facts else self._receive()
            is_failed = isinstance(fact, TakeFailed) and fact.take_id == take_id
            return fact if is_failed or is_there(fact) else None

        return wait_for(next_one, f"a fact of {take_id}", every_s=0.0, instead=self.log)

    def await_progress(self, take_id: TakeId, *, written: int = 0, durable: int = 0) -> WriterReport:
        """A report in which that take is at least so far."""
        while True:
            report: Any = self.await_fact(WriterReport)
            for take in report.open_takes:
                far = take.written_frames >= written and take.durable_frames >= durable
                if far and take.order.take_id == take_id:
                    return report  # type: ignore[no-any-return]

    def take_facts(self, kind: type[Fact]) -> list[Fact]:
        """Facts of that kind that have come and were not waited for."""
        return [fact for fact in self._facts if isinstance(fact, kind)]

    def kill(self) -> None:
        """SIGKILL; no matter if it has ended already."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Another process after this one's death, with a new connection."""
        self.disconnect()
        self.kill()
        self.start()

    def ask_to_stop(self) -> int:
        """StopWriter, and its exit code."""
        self.send(StopWriter())
        return self.process.wait(timeout=PATIENCE_S)

    def log(self) -> str:
        """What all processes of this folder have said."""
        return self._log_path.read_text("utf-8", errors="replace")


def read_codes(path: Path) -> npt.NDArray[np.int64]:
    """24-bit codes of a file, shape (channels, frames), as libsndfile reads it."""
    with soundfile.SoundFile(path) as file:
        if file.subtype == "FLOAT":
            floats = file.read(dtype="float32", always_2d=True)
            return np.rint(floats.T.astype(np.float64) * PORTAUDIO_FULL_SCALE).astype(np.int64)
        codes: npt.NDArray[np.int32] = file.read(dtype="int32", always_2d=True)
        return (codes.T >> 8).astype(np.int64)


def check_take(
    folder: Path, *, first_frame: int, frames: int, gaps: Sequence[tuple[int, int]] = ()
) -> TakeRecord:
    """Every sample of every file is the counter's from `first_frame` on, for `frames`; silence in the gaps
    (first absolute frame, length). Returns what the journal says."""
    record = read_journal(folder / "take.journal")
    rows = {track.channel: track.input - 1 for track in record.order.tracks}
    expected = counter_rows(first_frame, frames, max(rows.values()) + 1)
    for at, length in gaps:
        expected[:, at - first_frame : at - first_frame + length] = 0
    assert record.frames == frames, f"{record.frames} frames by the journal, {frames} were due"
    for file in record.files:
        codes = read_codes(folder / file.name)
        wanted = expected[[rows[channel] for channel in file.channels]]
        wanted = wanted[:, file.first_frame : file.first_frame + file.frames]
        assert codes.shape == wanted.shape, f"{file.name}: {codes.shape}, not {wanted.shape}"
        if not np.array_equal(codes, wanted):
            channel, frame = (int(place) for place in np.argwhere(codes != wanted)[0])
            raise AssertionError(
                f"{file.name}: channel {channel}, frame {frame}: {codes[channel, frame]},"
                f" {wanted[channel, frame]} was due"
            )
    return record


def frames_as_read(folder: Path, order: TakeOrder) -> list[int]:
    """Frames of every file of a take as libsndfile and Python's wave see them, at this instant."""
    found = []
    for file in order.files:
        with soundfile.SoundFile(folder / file.name) as sound:
            found.append(sound.frames)
    if order.format.sample == "int24":
        for file in order.files:
            with wave.open(str(folder / file.name)) as plain:
                found.append(plain.getnframes())
    return found


@contextmanager
def small_disk(at: Path, size_bytes: int) -> Iterator[Path]:
    """A tmpfs of that size, where root is there to mount one (support/tools.py says what happens otherwise)."""
    at.mkdir(parents=True, exist_ok=True)
    need_root("a full disk, which is a small tmpfs,")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(at)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        lacking(f"a full disk needs a small tmpfs, and mount says: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def renamed(order: TakeOrder, **changes: Any) -> TakeOrder:
    """The order with other fields."""
    return msgspec.structs.replace(order, **changes)
