"""Real input: PortAudio on a JACK server, a counter on every channel, and a foot on real JACK MIDI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.model.state import Transport
from tests.proof.figures import count
from tests.support.counter import MODULUS, CounterPlayer, counter_distance
from tests.support.foot import JackFoot
from tests.support.jack_server import JackServer
from tests.support.rig import RigRun, check_take, take_codes
from tests.support.tools import need_jack_audio
from tests.surfaces.pedal_process import PedalProcess

pytestmark = pytest.mark.alone

JACK_CONFIG = Path(__file__).resolve().parents[2] / "configs" / "jack.toml"
PERIOD_FRAMES = 1024
TAKE_S = count(ci=6, full=30)
KEPT_S = count(ci=4, full=20)

SMALL = """
[audio]
driver = "portaudio"
device = "counter, JACK Audio Connection Kit"
channels = 4
[tape]
stall_seconds = 20
keep_seconds = 24
[take]
preroll_seconds = {preroll}
[surface.pedal]
kind = "midi"
api = "jack"
port = "foot"
[[surface.pedal.binding]]
control = "cc 80"
tap = "toggle"
double = "next"
hold = "again"
"""


@pytest.fixture
def server() -> Iterator[JackServer]:
    need_jack_audio()
    with JackServer(channels=2, period_frames=PERIOD_FRAMES) as server:
        yield server


@pytest.mark.jack
def test_64_channels_started_and_stopped_by_a_midi_pedal(
    server: JackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in server.jack_environment.items():
        monkeypatch.setenv(key, value)
    overrides = ["audio.channels=64", 'audio.device="counter, JACK Audio Connection Kit"']
    with (
        CounterPlayer(server, channels=64),
        PedalProcess() as pedal,
        RigRun(
            "",
            config_file=JACK_CONFIG,
            overrides=[*overrides, f'surface.pedal.port="{pedal.port}"'],
            environment=server.environment,
        ) as rig,
    ):
        rig.await_surfaces()
        pedal.tap()
        rig.await_transport(Transport.ROLLING)
        rig.roll(TAKE_S)
        pedal.tap()
        (take,) = rig.await_closed(1)
        assert len(take.files) == 64
        assert take.files[0].frames >= TAKE_S * 48_000
        check_take(take)


@pytest.mark.jack
@pytest.mark.parametrize("offset", [0, 400, 1000])
def test_a_take_begins_and_ends_within_a_period_of_where_the_foot_moved(
    server: JackServer, offset: int
) -> None:
    preroll_s = 2
    with (
        CounterPlayer(server, channels=4),
        JackFoot(server) as foot,
        RigRun(SMALL.format(preroll=preroll_s), environment=server.environment) as rig,
    ):
        rig.await_surfaces()
        rig.await_heard(preroll_s + 1)
        down = foot.tap(offset)
        rig.await_transport(Transport.ROLLING)
        rig.roll(3)
        up = foot.tap(offset)
        (take,) = rig.await_closed(1)
        check_take(take)
        codes = take_codes(take)
        begins = int(codes[0, 0])
        should_begin = (down - preroll_s * 48_000) % MODULUS
        late = signed(counter_distance(should_begin, begins))
        length = codes.shape[1]
        should_last = counter_distance(should_begin, up % MODULUS)
        assert abs(late) <= PERIOD_FRAMES, f"the take begins {late} frames late"
        assert abs(late + length - should_last) <= PERIOD_FRAMES, (
            f"it ends {late + length - should_last} frames late"
        )


@pytest.mark.jack
def test_keep_gives_the_seconds_before_the_call(server: JackServer) -> None:
    with (
        CounterPlayer(server, channels=4),
        RigRun(SMALL.format(preroll=0), environment=server.environment) as rig,
    ):
        rig.await_heard(KEPT_S + 1)
        before = rig.heard_frames()
        rig.say(f"keep {KEPT_S}")
        after = rig.heard_frames()
        (take,) = rig.await_closed(1)
        check_take(take)
        assert take.files[0].frames == KEPT_S * 48_000
        assert take.end_frame is not None
        assert before - PERIOD_FRAMES <= take.end_frame <= after + PERIOD_FRAMES


def signed(distance: int) -> int:
    """A distance of the counter that may be backwards."""
    return distance if distance < MODULUS // 2 else distance - MODULUS
