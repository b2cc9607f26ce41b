"""What `rigd devices` tells of interfaces."""

from __future__ import annotations

import tomllib

import pytest

from rigd.capture.devices import ListedInterface, config_lines, list_interfaces
from rigd.capture.options import PortAudioOptions
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer

SCARLETT = ListedInterface(
    name="Scarlett 18i20 USB: Audio (hw:2,0)",
    host_api="ALSA",
    inputs=18,
    default_rate_hz=48_000,
    rates_hz=(44_100, 48_000, 96_000),
    card_id="RIG",
)


@pytest.mark.jack
def test_jack_clients_are_listed_with_their_inputs_and_the_servers_rate(
    jack: JackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in jack.jack_environment.items():
        monkeypatch.setenv(name, value)
    with CounterPlayer(jack, channels=12, client_name='stage "box"'):
        listed = {interface.name: interface for interface in list_interfaces()}
    box = listed['stage "box"']
    assert (box.inputs, box.rates_hz, box.card_id) == (12, (48_000,), "")
    assert listed["system"].inputs == 64
    pasted = tomllib.loads(config_lines(box))["audio"]
    assert pasted["device"] == 'stage "box", JACK Audio Connection Kit'
    assert (pasted["driver"], pasted["channels"], pasted["sample_rate_hz"]) == ("portaudio", 12, 48_000)


def test_a_card_is_named_by_its_id_in_the_lines_to_paste() -> None:
    text = config_lines(SCARLETT)
    assert tomllib.loads(text)["audio"]["device"] == "hw:CARD=RIG"
    assert "44100, 48000, 96000" in text


def test_the_options_of_portaudio_have_defaults_and_bounds() -> None:
    assert PortAudioOptions().model_dump() == {
        "client_name": "rigd",
        "jack_full_scale": 8_388_607,
        "latency_ms": 170,
    }
    for wrong in ({"client_name": "a:b"}, {"jack_full_scale": 1}, {"latency_ms": 0}, {"latency": 1}):
        with pytest.raises(ValueError):
            PortAudioOptions.model_validate(wrong)
