"""The other recorders, each as its own users start it: one polyphonic 24-bit file, no meters, no console."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.usage import Use, use_over
from tests.bench.verify import Verdict, verify
from tests.support.jack_server import JackServer
from tests.support.tools import die_with_parent

WARM_UP_S = 4.0
"""Steady state begins when so much sound is in the file."""
PATIENCE_S = 60.0
PLAYER = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A program that records `channels` ports of the player into one file until SIGINT."""

    name: str
    package: str
    command: Callable[[int, Path], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorder's run."""

    use: Use
    first_frame_s: float
    """From its start to the first frame in its file."""
    verdict: Verdict


JACK_CAPTURE = Recorder(
    name="jack_capture",
    package="jack-capture",
    command=lambda channels, file: [
        *("jack_capture", "--channels", str(channels), "--bitdepth", "24"),
        *("--disable-meter", "--hide-buffer-usage", "--no-stdin"),
        *("--port", f"{PLAYER}:out_*", str(file)),
    ],
)
ECASOUND = Recorder(
    name="ecasound",
    package="ecasound",
    command=lambda channels, file: [
        *("ecasound", "-q", f"-f:f32_le,{channels},48000", f"-i:jack,{PLAYER}"),
        *(f"-f:s24_le,{channels},48000", f"-o:{file}"),
    ],
)
RECORDERS = (JACK_CAPTURE, ECASOUND)


def is_there(recorder: Recorder) -> bool:
    """The program is installed."""
    return shutil.which(recorder.name) is not None


def record(
    recorder: Recorder,
    server: JackServer,
    *,
    channels: int,
    seconds: float,
    folder: Path,
    counter_now: Callable[[], int],
) -> Recorded:
    """The recorder has run, steady for `seconds`, and its file was read. RuntimeError where it does not run."""
    file = folder / f"{recorder.name}.wav"
    log = folder / f"{recorder.name}.log"
    started_value = counter_now()
    with log.open("wb") as output:
        process = subprocess.Popen(
            recorder.command(channels, file),
            cwd=folder,
            env=server.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,
            start_new_session=True,  # what it does to its process group at its end is its own affair
        )
    try:
        _await_sound(process, file, least_bytes=round(WARM_UP_S * 48_000) * 3 * channels)
        use = use_over({recorder.name: process.pid}, seconds)[recorder.name]
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise RuntimeError(f"{recorder.name}: {error}") from error
    except RuntimeError as error:
        raise RuntimeError(f"{recorder.name}: {error}: {log.read_text(errors='replace')[-400:]}") from error
    finally:
        process.kill()
        process.wait()
    verdict = verify([file])
    file.unlink()
    return Recorded(
        use=use, first_frame_s=counter_seconds(started_value, verdict.first_value), verdict=verdict
    )


def counter_seconds(from_value: int, to_value: int) -> float:
    """Time between two values of the counter, less than 87 s either way."""
    distance = (to_value - from_value) % (1 << 23)
    return (distance if distance < 1 << 22 else distance - (1 << 23)) / 48_000


def _await_sound(process: subprocess.Popen[bytes], file: Path, *, least_bytes: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not file.exists() or file.stat().st_size < least_bytes:
        if process.poll() is not None:
            raise RuntimeError(f"it ended at once, with {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError("it wrote no sound")
        time.sleep(0.05)
