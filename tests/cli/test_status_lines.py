"""What `rigd status` says of a channel, of clips, and of a rig that would refuse a start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.cli.view import Paper, live_view
from rigd.hands.showing import Knowledge, gain_shown, phantom_shown
from rigd.model.clips import ChannelClips
from rigd.model.state import Channel, ConfigStanding, Setting
from rigd.model.units import ChannelNumber, Frame
from tests.api.test_control_socket import Bench, bench_at
from tests.support.by_hand import by_hand
from tests.support.desk import channels

KICK = channels()[0]
ON = Setting(value=1.0, confirmed=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


def status(bench: Bench, **changes: object) -> str:
    bench.controller._published.replace(replace(bench.controller.state, **changes))
    return by_hand("status", "--runtime-dir", str(bench.path.parent)).output


@pytest.mark.parametrize(
    ("phantom", "shown", "known"),
    [
        (Setting(), "", Knowledge.UNKNOWN),
        (ON, "48V", Knowledge.CONFIRMED),
        (replace(ON, value=0.0), "", Knowledge.CONFIRMED),
        (replace(ON, asked=0.0), "?48V", Knowledge.PENDING),
        (replace(ON, confirmed=False), "?48V", Knowledge.DOUBTFUL),
        (replace(ON, value=0.0, confirmed=False), "", Knowledge.DOUBTFUL),
    ],
)
def test_48_volts_have_a_question_mark_until_the_preamp_says_so(
    phantom: Setting, shown: str, known: Knowledge
) -> None:
    found = phantom_shown(replace(KICK, phantom=phantom))
    assert (found.text, found.known) == (shown, known)


def test_a_channel_without_a_preamp_gives_no_48_volts() -> None:
    assert phantom_shown(None).text == phantom_shown(replace(KICK, preamp="", phantom=ON)).text == ""


@pytest.mark.parametrize(("gain_db", "shown"), [(30.5, "+30"), (-0.4, "+0"), (-12.0, "-12")])
def test_a_gain_without_tenths_is_in_whole_db(gain_db: float, shown: str) -> None:
    channel: Channel = replace(KICK, gain=Setting(value=gain_db, confirmed=True))
    assert gain_shown(channel, tenths=False).text == shown


def test_status_has_48_volts_beside_the_gain(bench: Bench) -> None:
    with_48 = replace(KICK, phantom=ON, gain=Setting(value=30.0, confirmed=True))
    (line,) = [line for line in status(bench, channels=(with_48,)).splitlines() if "Kick" in line]
    assert line.endswith("+30.0 dB  48V")


def test_status_says_what_clipped_when_and_how_to_say_that_it_was_seen(bench: Bench) -> None:
    clips = ChannelClips(channel=ChannelNumber(2), samples=7, last_frame=Frame(9), last_at="21:14:03")
    assert "clipped    2: 7 samples, last at 21:14:03. Seen: rigd clear-clips" in status(
        bench, clips=(clips,)
    )


def test_status_and_the_view_say_what_of_the_config_is_not_in_force(bench: Bench) -> None:
    config = ConfigStanding(path="/etc/rigd/rig.toml", reads=1)
    waits = replace(config, waits=("audio.channels 8 -> 16: the interface is opened with it",))
    refused = replace(config, faults=("rig.toml:3: not TOML",))
    assert "config  " not in status(bench, config=config)
    line = "config     waits for a restart of rigd: audio.channels 8 -> 16: the interface is opened with it"
    assert line in status(bench, config=waits)
    assert "changed nothing; see: rigd check /etc/rigd/rig.toml" in status(bench, config=refused)
    for standing, words in (
        (config, ""),
        (waits, "config changed: restart due"),
        (refused, "config not taken up: rigd check"),
    ):
        state = replace(bench.controller.state, config=standing)
        shown = "\n".join(line.plain for line in live_view(state, None, (), Paper(width=100, height=24)))
        assert words in shown and ("config " in shown) is bool(words)


def test_status_says_why_a_start_would_be_refused(bench: Bench) -> None:
    assert status(bench, not_ready="no channel is armed").startswith("NOT READY: no channel is armed\n")
    assert status(bench, not_ready="").startswith("READY\n")


@pytest.mark.parametrize(
    ("device", "host_api", "shown"),
    [
        (
            "system, JACK Audio Connection Kit",
            "JACK Audio Connection Kit",
            "system, JACK Audio Connection Kit",
        ),
        ("Scarlett", "ALSA", "Scarlett  ALSA"),
    ],
)
def test_status_names_the_audio_system_once(bench: Bench, device: str, host_api: str, shown: str) -> None:
    heard = bench.controller.state.interface
    assert heard is not None
    told = status(bench, interface=replace(heard, device=device, host_api=host_api, simulated=False))
    assert f"interface  {shown}  48000 Hz\n" in told
