"""The frame counter of the audio tests: a JACK client that plays it, and the check of every sample.

Row r (from 0) has at frame f the 24-bit code (f + 1009 x r) mod 2^23, as code / full_scale in float32: one
lost, doubled or swapped frame is a failed equality with a position. f is JACK's own frame time, so that
the counter jumps when the server loses time and goes on when a recorder is away.

PortAudio's JACK host shows every JACK client that has output ports as a "device" of the client's name, and
takes its ports in the order in which they were registered; so rigd hears the player by
`device = "counter"`, row r from port counter:out_<r + 1>.

    python -m tests.support.counter SERVER_NAME CHANNELS [CLIENT_NAME]
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType, TracebackType

import numpy as np
import numpy.typing as npt

from tests.support.jack_server import JackServer, open_client
from tests.support.pipewire import PipeWire
from tests.support.tools import die_with_parent

MODULUS = 1 << 23
ROW_STEP = 1009
JACK_FULL_SCALE = 8_388_607
PORTAUDIO_FULL_SCALE = 8_388_608


def codes_of(samples: npt.NDArray[np.float32], full_scale: float) -> npt.NDArray[np.int64]:
    """24-bit codes of float samples."""
    return np.rint(samples.astype(np.float64) * full_scale).astype(np.int64)


def counter_rows(first: int, frames: int, channels: int) -> npt.NDArray[np.int64]:
    """The codes that rows 0 to channels - 1 have from counter value `first` of row 0 on."""
    frame = np.arange(first, first + frames, dtype=np.int64)
    return (frame[None, :] + ROW_STEP * np.arange(channels, dtype=np.int64)[:, None]) % MODULUS


def check_counter(codes: npt.NDArray[np.int64], *, first: int | None = None, what: str = "samples") -> int:
    """Every code (channels x frames) is the counter's, from `first` on (None: from what row 0 begins
    with). Returns the counter value that must follow in row 0. AssertionError names the first wrong one."""
    channels, frames = codes.shape
    if frames == 0:
        return 0 if first is None else first
    begin = int(codes[0, 0]) if first is None else first
    expected = counter_rows(begin, frames, channels)
    if not np.array_equal(codes, expected):
        row, frame = (int(place) for place in np.argwhere(codes != expected)[0])
        raise AssertionError(
            f"{what}: row {row}, frame {frame} of {frames}: code {int(codes[row, frame])}, "
            f"the counter is at {int(expected[row, frame])} there"
        )
    return int(begin + frames) % MODULUS


def counter_distance(from_value: int, to_value: int) -> int:
    """How many frames the counter went from one value to the other, less than 2^23 (175 s at 48 kHz)."""
    return (to_value - from_value) % MODULUS


class CounterPlayer:
    """A process that plays the counter on a server, on so many ports, from `with` to its end."""

    def __init__(self, server: JackServer | PipeWire, *, channels: int, client_name: str = "counter") -> None:
        self.client_name = client_name
        self._command = [
            sys.executable,
            "-m",
            "tests.support.counter",
            server.name,
            str(channels),
            client_name,
        ]
        root = str(Path(__file__).resolve().parents[2])
        self._environment = {**server.environment, "PYTHONPATH": root}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> CounterPlayer:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"playing\n":
            self.stop()
            raise RuntimeError("the counter player did not start")
        return self

    def stop(self) -> None:
        """The player is gone; its ports too."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5.0)
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def play(server_name: str, channels: int, client_name: str) -> None:
    """Plays until SIGTERM. A slice of one table is all that a port needs in a period."""
    client = open_client(client_name, server_name)
    ports = [client.outports.register(f"out_{row + 1}") for row in range(channels)]
    ahead = ROW_STEP * (channels - 1) + client.blocksize
    codes = np.arange(MODULUS + ahead, dtype=np.int64) % MODULUS
    table = (codes / JACK_FULL_SCALE).astype(np.float32)

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def process(frames: int) -> None:
        begin = client.last_frame_time % MODULUS
        for row, port in enumerate(ports):
            start = begin + ROW_STEP * row
            port.get_array()[:] = table[start : start + frames]

    signal.signal(signal.SIGTERM, _leave)
    with client:
        print("playing", flush=True)
        while True:
            signal.pause()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    play(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "counter")
