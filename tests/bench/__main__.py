"""`python -m tests.bench`: rigd beside jack_capture and ecasound, one after another, in one session.

All record the same counter from one JACK server (dummy driver, period 1024, 48 kHz, 24-bit files). Processor
time is utime + stime of /proc/PID/stat over a stretch of steady state; for rigd it is the sum of its three
processes, mono files, levels measured on every channel. It prints and asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.bench import latency, rig
from tests.bench.recorders import JACK_CAPTURE, PLAYER, RECORDERS, Recorded, Recorder, is_there, record
from tests.bench.table import idle_line, latency_lines, notes_of_rig, row_of_recorder, rows_of_rig, table
from tests.bench.usage import warm_memory
from tests.support.counter import MODULUS, CounterPlayer
from tests.support.jack_server import JackServer, open_client

T = TypeVar("T")
BENCH_CHANNELS = (64, 256)
SECONDS = 20.0
PRESSES = 50
HANDS = 300
TAPE_S = 44


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures. 0, whatever they are."""
    asked = _arguments(arguments)
    print(_machine(), flush=True)
    if shutil.which("jackd") is None:
        print("jackd is not installed (Debian: jackd2): there is nothing to record from")
    else:
        for channels in () if asked.only_latency else asked.channels or BENCH_CHANNELS:
            _tried(f"{channels} channels", lambda: _beside(channels, asked))  # noqa: B023 - called at once
        _tried("latency", lambda: _latency(asked))
    if asked.only_latency:
        return 0
    uses = _tried("idle", lambda: rig.idle(seconds=asked.seconds))
    if uses is not None:
        print(f"\n{idle_line(uses)} (aim: rigd below 2 %)")
    print(f"load average after: {_load()}")
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="What rigd costs, beside others."
    )
    parser.add_argument(
        "--channels", type=int, action="append", help="may be said again; by default 64 and 256"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of steady state each ({SECONDS:g})")
    parser.add_argument("--presses", type=int, default=PRESSES, help=f"takes to start and stop ({PRESSES})")
    parser.add_argument("--hands", type=int, default=HANDS, help=f"presses and turns of each kind ({HANDS})")
    parser.add_argument(
        "--real-time", action="store_true", help="hands: rigd's daemon runs before all others"
    )
    parser.add_argument("--only-rigd", action="store_true", help="leave the other recorders out")
    parser.add_argument("--only-latency", action="store_true", help="only how long a hand waits")
    return parser.parse_args(arguments)


def _latency(asked: argparse.Namespace) -> None:
    channels = BENCH_CHANNELS[0]
    print(f"\nhow long a hand waits, while {channels} channels are recorded", flush=True)
    with JackServer(channels=2) as server, CounterPlayer(server, channels=channels, client_name=PLAYER):
        found = latency.measure(server, channels=channels, times=asked.hands, real_time=asked.real_time)
        print(latency_lines(found, period_s=server.period_frames / server.sample_rate_hz), flush=True)


def _beside(channels: int, asked: argparse.Namespace) -> None:
    print(f"\n{channels} channels, 48 kHz, 24-bit, {asked.seconds:g} s of steady state each", flush=True)
    with (
        JackServer(channels=2) as server,
        CounterPlayer(server, channels=channels, client_name=PLAYER),
        tempfile.TemporaryDirectory(prefix="rigd-bench-") as folder,
    ):
        # A tape, the files, and what the system itself takes meanwhile: the same for each recorder.
        memory_bytes = channels * 48_000 * (4 * TAPE_S + 3 * round(2 * asked.seconds + 20)) + (1 << 29)

        def one_rigd() -> rig.RigRecorded:
            warm_memory(memory_bytes)
            return rig.record(server, channels=channels, seconds=asked.seconds, presses=asked.presses)

        def other(recorder: Recorder) -> Recorded:
            warm_memory(memory_bytes)
            return _record(recorder, server, channels, asked.seconds, Path(folder))

        found = _tried("rigd", one_rigd)
        others: dict[str, Recorded] = {}
        for each in () if asked.only_rigd else RECORDERS:
            if not is_there(each):
                print(f"{each.name} is not installed (Debian: {each.package}): left out")
                continue
            recorded = _tried(each.name, lambda: other(each))  # noqa: B023 - called at once
            if recorded is not None:
                others[each.name] = recorded
        rows = rows_of_rig(found) if found is not None else []
        rows += [row_of_recorder(name, each) for name, each in others.items()]
        peer = others.get(JACK_CAPTURE.name)
        print(table(rows, against=peer.use.cpu if peer is not None else None))
        if found is not None:
            print(notes_of_rig(found))
        print(f"xruns that the JACK server told of meanwhile: {server.log().count('XRun')}")
    sys.stdout.flush()


def _record(recorder: Recorder, server: JackServer, channels: int, seconds: float, folder: Path) -> Recorded:
    client = open_client("bench-clock", server.name)
    try:
        return record(
            recorder,
            server,
            channels=channels,
            seconds=seconds,
            folder=folder,
            counter_now=lambda: int(client.frame_time) % MODULUS,
        )
    finally:
        client.close()


def _tried(name: str, work: Callable[[], T]) -> T | None:
    """What the work gives; None where it failed, and that is said."""
    try:
        return work()
    except Exception as error:
        print(f"{name}: left out: {type(error).__name__}: {error}", flush=True)
        return None


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return (
        f"{os.cpu_count()} cores, {next(named, platform.machine())}, Linux {platform.release()}, "
        f"Python {platform.python_version()}; load average {_load()}"
    )


def _load() -> str:
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
