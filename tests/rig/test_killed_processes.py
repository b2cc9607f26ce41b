"""`kill -9` of each process inside a take of 64 channels, and what is on disk afterwards.

Capture is killed on a real JACK server. The daemon is killed on a simulated interface: there no sound is lost but by
rigd, while a JACK server on a busy machine of two cores skips a cycle of its own now and then. Every process is
killed many times, with the figures that are promised, in tests/faults (F1, F2, F4).
"""

from __future__ import annotations

import struct
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from hardware_sim.pedal import Pedal, PtyWire
from rigd.model.state import Take, Transport
from tests.support.counter import CounterPlayer, check_counter, counter_distance
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun, check_take, take_codes
from tests.support.tools import need_jack_audio, need_tool

PERIOD_FRAMES = 1024
CHANNELS = 64
LONGEST_GAP_FRAMES = 48_000

JACK = 'driver = "portaudio"\ndevice = "counter, JACK Audio Connection Kit"'
SIMULATED = 'driver = "simulated"'
CONFIG = f"""
[audio]
DRIVER
channels = {CHANNELS}
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 20
keep_seconds = 24
[take]
preroll_seconds = 1
[surface.pedal]
kind = "midi"
port = "serial:PEDAL"
[[surface.pedal.binding]]
control = "cc 80"
tap = "toggle"
"""


@pytest.fixture
def pedal(tmp_path: Path) -> Iterator[Pedal]:
    with Pedal(lambda: PtyWire(tmp_path / "pedal")) as pedal:
        yield pedal


@pytest.fixture
def rig(pedal: Pedal) -> Iterator[RigRun]:
    need_tool("sox")
    with RigRun(CONFIG.replace("DRIVER", SIMULATED).replace("serial:PEDAL", pedal.port)) as rig:
        roll(rig, pedal)
        yield rig


@pytest.fixture
def jack_rig(pedal: Pedal) -> Iterator[RigRun]:
    need_jack_audio()
    need_tool("sox")
    config = CONFIG.replace("DRIVER", JACK).replace("serial:PEDAL", pedal.port)
    with (
        JackServer(channels=2, period_frames=PERIOD_FRAMES) as server,
        CounterPlayer(server, channels=CHANNELS),
        RigRun(config, environment=server.environment) as rig,
    ):
        roll(rig, pedal)
        yield rig


def roll(rig: RigRun, pedal: Pedal) -> None:
    rig.await_surfaces()
    pedal.tap()
    rig.await_transport(Transport.ROLLING)
    rig.roll(1)


def check_open_files(folder: Path) -> int:
    """All files of a take open in libsndfile and Python's wave, the first and last in sox; the frames they
    tell, which are the same but for those few whose header is just being written."""
    counts: list[int] = []
    for path in sorted(folder.glob("*.wav")):
        with wave.open(str(path)) as opened:
            by_wave = opened.getnframes()
        by_sndfile = soundfile.info(path).frames
        assert by_sndfile >= by_wave, f"{path.name}: {by_sndfile} frames by libsndfile, {by_wave} by wave"
        counts.append(by_wave)
    assert len(counts) == CHANNELS
    assert max(counts) - min(counts) <= 2 * 48_000, (
        f"headers are up to {max(counts) - min(counts)} frames apart"
    )
    return min(counts)


def sox_frames(path: Path) -> int:
    return int(subprocess.run(["soxi", "-s", str(path)], check=True, capture_output=True).stdout)


def test_after_a_kill_of_the_daemon_the_pedal_stops_the_take_that_still_rolls(
    rig: RigRun, pedal: Pedal
) -> None:
    assert rig.client().command("lock").accepted
    rig.kill_daemon()
    rig.start()
    state = rig.await_transport(Transport.ROLLING)
    assert state.take is not None
    check_open_files(Path(state.take.folder))
    rig.await_surfaces()
    rig.roll(0.5)
    assert state.locked and "locked" in rig.client().command("stop").text
    assert rig.client().command("unlock").accepted
    pedal.tap()
    (closed,) = rig.await_closed(1)
    check_take(closed)
    check_readers_agree(closed)


@pytest.mark.alone
@pytest.mark.jack
@pytest.mark.timeout(300)
def test_5_kills_of_capture_cost_at_most_a_second_each_declared_and_every_track_stays_aligned(
    jack_rig: RigRun, pedal: Pedal
) -> None:
    rig = jack_rig
    for kills in range(1, 6):
        rig.roll(0.5)
        rig.kill("capture")
        rig.await_state(
            lambda state, kills=kills: state.take is not None and len(state.take.gaps) >= kills,  # type: ignore[misc]
            f"gap {kills} is declared",
        )
    rig.roll(1)
    pedal.tap()
    (take,) = rig.await_closed(1)
    assert len(take.gaps) == 5
    check_pieces(take)
    check_readers_agree(take)


def check_pieces(take: Take) -> None:
    """Between gaps every sample is the counter's; a gap is silence, at most a second, and as long as the counter
    really went on, to 2 blocks."""
    codes = take_codes(take)
    at = 0
    value: int | None = None
    for gap in take.gaps:
        assert gap.length_frames <= LONGEST_GAP_FRAMES, f"a gap of {gap.length_frames} frames"
        begin = gap.at_frame - take.first_frame
        value = check_counter(codes[:, at:begin], first=value, what=f"before the gap at {begin}")
        end = begin + gap.length_frames
        assert not codes[:, begin:end].any(), "a gap is not silent"
        went_on = counter_distance(value, int(codes[0, end]))
        assert abs(went_on - gap.length_frames) <= 2 * PERIOD_FRAMES, (
            f"declared {gap.length_frames}, was {went_on}"
        )
        at, value = end, int(codes[0, end])
    check_counter(codes[:, at:], first=value, what="after the last gap")


def check_readers_agree(take: Take) -> None:
    """libsndfile, sox and Python's wave tell the same frames of every file."""
    for file in take.files:
        path = Path(take.folder) / file.name
        with wave.open(str(path)) as opened:
            by_wave = opened.getnframes()
        assert by_wave == soundfile.info(path).frames == sox_frames(path) == file.frames
        riff_bytes = struct.unpack("<I", path.read_bytes()[4:8])[0]
        assert riff_bytes == path.stat().st_size - 8
