"""F47: JACK freewheels in a take: blocks come as fast as they can be reckoned, and time did not bring them. No false
frames beyond a block or two; the gap is declared and as long as it took; no command is mapped beyond what was heard.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardware_sim.card import NO_SOUND
from hardware_sim.faults import FaultClient
from rigd.model.take import GapCause
from rigd.model.units import Ns
from rigd.tape.blocks import Lost, Run
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from tests.proof.device import check_pieces
from tests.proof.figures import Figures, count
from tests.proof.load import PERIOD_FRAMES, RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_b
from tests.support.capture_run import CaptureRun, runtime_folder, settings_for
from tests.support.counter import MODULUS, CounterPlayer, check_counter, codes_of
from tests.support.jack_server import JackServer, open_client
from tests.support.rig import RigRun
from tests.support.tools import need_jack_audio

CHANNELS = 2
FREEWHEELS_S = count(ci=(0.5,), full=(0.2, 0.5, 2.0, 10.0))
JACK = f"""
[audio]
driver = "portaudio"
device = "counter, JACK Audio Connection Kit"
channels = {CHANNELS}
[tape]
stall_seconds = 20
keep_seconds = 5
[take]
preroll_seconds = 0
"""


@pytest.fixture
def runtime() -> Iterator[Path]:
    with runtime_folder() as folder:
        yield folder


@contextmanager
def freewheel(server: JackServer) -> Iterator[None]:
    """The server runs as fast as it can, as for somebody who exports."""
    client = open_client("exporter", server.name)
    client.activate()
    try:
        client.set_freewheel(True)
        yield
        client.set_freewheel(False)
    finally:
        client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """By how many frames a command of now would be mapped further than what was heard and the time since then allow:
    at most, and at the last look."""

    most: int
    last: int


def look_ahead(runtime: Path, for_s: float, heard: int, since_ns: int) -> Ahead:
    """For so long; `heard` frames were heard at `since_ns`."""
    most = last = -RATE_HZ
    with Tape.attach(runtime / "tape", writable=False) as tape:
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            now = time.monotonic_ns()
            allowed = heard + (now - since_ns) * RATE_HZ // 10**9
            last = tape.timeline().frame_at(Ns(now)) - allowed
            most = max(most, last, tape.next_frame - allowed)
            time.sleep(0.005)
    return Ahead(most=most, last=last)


def heard_now(runtime: Path) -> tuple[int, int]:
    """The frame of this moment, and the moment."""
    with Tape.attach(runtime / "tape", writable=False) as tape:
        now = time.monotonic_ns()
        return tape.timeline().frame_at(Ns(now)), now


def record_of(figures: Figures, looks: list[Ahead], load: str) -> None:
    """One block may have come before it is seen, and the wake-ups before it may all have been late."""
    of = f"{len(looks)} times, {min(FREEWHEELS_S):g} to {max(FREEWHEELS_S):g} s"
    for promise, measured in (
        ("freewheel: a command is mapped beyond what was heard by", max(look.most for look in looks)),
        ("freewheel: the sound after it is out of place by", max(abs(look.last) for look in looks)),
    ):
        figures.record(
            "F47",
            promise,
            bound="<= 2 blocks",
            measured=measured,
            unit="frames",
            load=load,
            count=of,
            limit=2 * PERIOD_FRAMES,
        )
        assert measured <= 2 * PERIOD_FRAMES


@pytest.mark.alone
@pytest.mark.jack
@pytest.mark.timeout(count(ci=120, full=300))
def test_jack_freewheels_in_a_take_and_what_it_brought_is_no_sound(figures: Figures) -> None:
    need_jack_audio()
    looks: list[Ahead] = []
    with (
        JackServer(channels=2) as server,
        CounterPlayer(server, channels=CHANNELS),
        RigRun(JACK, environment=server.environment) as rig,
    ):
        start_take(rig, seconds=6)
        for seconds in FREEWHEELS_S:
            heard, since_ns = heard_now(rig.runtime)
            with freewheel(server):
                looks.append(look_ahead(rig.runtime, seconds, heard, since_ns))
            after = look_ahead(rig.runtime, 1.0, heard, since_ns)
            looks[-1] = Ahead(most=max(looks[-1].most, after.most), last=after.last)
            rig.roll(1)
        take = stop_take(rig)
        check_b(take.folder)
        check_pieces(take)
    assert len([gap for gap in take.gaps if gap.cause is GapCause.FREEWHEEL]) == len(FREEWHEELS_S)
    record_of(figures, looks, f"{CHANNELS} ch/48 kHz/24 bit, JACK")


@pytest.mark.timeout(count(ci=120, full=300))
def test_one_block_of_a_freewheel_is_on_the_tape_and_two_at_most(runtime: Path, figures: Figures) -> None:
    looks: list[Ahead] = []
    settings = settings_for(
        "simulated", channels=CHANNELS, options={"signal": "counter"}, capacity_frames=1 << 21
    )
    with CaptureRun(runtime, settings) as capture:
        capture.await_listening()
        capture.await_frames(2 * RATE_HZ)
        faults, tape = FaultClient(runtime), capture.tape()
        for seconds in FREEWHEELS_S:
            heard, since_ns = heard_now(runtime)
            faults.freewheel(seconds)
            looks.append(look_ahead(runtime, seconds + 1.0, heard, since_ns))
            capture.await_frames(RATE_HZ)
        lost = 0
        false = [0]
        value = None
        for piece in tape.runs(tape.oldest_frame, None):
            if isinstance(piece, Lost):
                assert piece.cause is GapCause.FREEWHEEL
                lost += 1
            if isinstance(piece, Run):
                rows = tape.samples(piece)
                is_false = rows[0] == NO_SOUND
                false.append(int(is_false.sum()))
                codes = codes_of(rows[:, ~is_false], PORTAUDIO_FULL_SCALE)
                first = int(codes[0, 0])
                if value is not None:
                    error = (first - value - piece.frame) % MODULUS
                    assert min(error, MODULUS - error) <= PERIOD_FRAMES, "it is where its time is"
                check_counter(codes, what=f"from frame {piece.frame}")
                value = first - piece.frame
    assert lost == len(FREEWHEELS_S)
    assert max(false) <= 2 * PERIOD_FRAMES
    assert sum(false) <= PERIOD_FRAMES * (len(FREEWHEELS_S) + 1), "a second one is rare"
    record_of(figures, looks, f"{CHANNELS} ch/48 kHz, simulated host")
    figures.record(
        "F47",
        "freewheel: false frames",
        bound="<= 2 blocks",
        measured=max(false),
        unit="frames",
        load=f"{CHANNELS} ch/48 kHz, simulated host",
        count=f"{len(FREEWHEELS_S)} times",
        limit=2 * PERIOD_FRAMES,
    )
