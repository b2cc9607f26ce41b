"""What `rigd devices` tells of interfaces."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.capture.devices import (
    ListedInterface,
    OpenableInterface,
    config_lines,
    list_interfaces,
    merge,
    plugin_lines,
)
from rigd.capture.interfaces import Interface
from rigd.capture.options import PortAudioOptions
from rigd.wire.sound_cards import CaptureDevice, Card, read_cards
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer

AWKWARD = "HDA + Line [In] (A)"
STREAM = """Focusrite Scarlett 18i20 USB at usb-0000:00:14.0-2, high speed : USB Audio

Playback:
  Status: Stop
  Interface 1
    Channels: 20
    Rates: 44100, 48000
Capture:
  Status: Running
  Interface 2
    Altset 1
    Format: S32_LE
    Channels: 18
    Rates: 44100, 48000, 88200, 96000
  Interface 2
    Altset 2
    Channels: 10
    Rates: 176400, 192000
"""


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with a card of two devices, the first of which somebody records from, and a built-in one."""
    shutil.copytree(Path(__file__).parent / "fixtures", tmp_path / "proc/asound", dirs_exist_ok=True)
    write(
        tmp_path,
        **{
            "proc/asound/card0/pcm0c/info": "card: 0\ndevice: 0\nid: ALC257 Analog\nname: ALC257 Analog\n",
            "proc/asound/card0/pcm0c/sub0/status": "closed\n",
            "proc/asound/card2/pcm0c/info": "card: 2\ndevice: 0\nid: USB Audio\nname: USB Audio\n",
            "proc/asound/card2/pcm0c/sub0/status": "state: RUNNING\nowner_pid   : 4712\n",
            "proc/asound/card2/pcm0c/sub0/hw_params": "format: S32_LE\nchannels: 18\nrate: 96000 (96000/1)\n",
            "proc/asound/card2/pcm1c/info": "card: 2\ndevice: 1\nid: USB Audio #1\nname: USB Audio #1\n",
            "proc/asound/card2/pcm1c/sub0/status": "closed\n",
            "proc/asound/card2/stream0": STREAM,
            "proc/4712/status": "Name:\tpw-data-loop\nTgid:\t4711\nPid:\t4712\n",
            "proc/4711/comm": "pipewire\n",
            "proc/4711/cmdline": "/usr/bin/pipewire\0",
            "sys/devices/usb1/1-2/idVendor": "1235\n",
            "sys/devices/usb1/1-2/idProduct": "8215\n",
            "sys/devices/usb1/1-2/serial": "Y8ABCDEF\n",
            "sys/devices/usb1/1-2/1-2:1.0/sound/card2/id": "RIG\n",
        },
    )
    (tmp_path / "sys/class/sound/card2").mkdir(parents=True)
    (tmp_path / "sys/class/sound/card2/device").symlink_to(tmp_path / "sys/devices/usb1/1-2/1-2:1.0")
    return tmp_path


def openable(name: str, inputs: int, *rates_hz: int, host_api: str = "ALSA") -> OpenableInterface:
    # 44100 is PortAudio's default of every ALSA device, whatever it has.
    interface = Interface(index=0, name=name, host_api=host_api, inputs=inputs, default_rate_hz=44_100)
    return OpenableInterface(interface=interface, rates_hz=rates_hz)


def pasted(listed: ListedInterface) -> dict[str, object]:
    return dict(tomllib.loads(config_lines(listed))["audio"])


def test_every_device_of_every_card_is_listed_with_its_own_name_rates_and_user(machine: Path) -> None:
    free = openable("HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, 44_100, 48_000)
    second = openable("Scarlett 18i20 USB: USB Audio #1 (hw:2,1)", 2, 96_000)
    cards = read_cards(machine)
    built_in, scarlett, other = merge(cards, [free, second])
    assert (cards[1].usb_path, cards[1].usb_serial, cards[1].usb_id) == ("1-2", "Y8ABCDEF", "1235:8215")
    assert pasted(built_in) == {
        "driver": "portaudio",
        "device": "hw:CARD=PCH",
        "sample_rate_hz": 48_000,
        "channels": 2,
    }
    # In use: PortAudio cannot see it, the kernel can. At the rate at which it runs.
    assert scarlett.rates_hz == (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
    assert (scarlett.used_by, scarlett.is_ours) == ("pipewire (pid 4711)", False)
    assert pasted(scarlett)["sample_rate_hz"] == 96_000
    assert pasted(scarlett)["channels"] == 18
    assert "in use" in config_lines(scarlett) and "pipewire (pid 4711)" in config_lines(scarlett)
    # The second device of a card is another interface, and has another name.
    assert pasted(other)["device"] == "hw:CARD=RIG,DEV=1"
    assert (pasted(other)["channels"], pasted(other)["sample_rate_hz"]) == (2, 96_000)


def test_a_card_that_rigd_itself_records_from_is_said_to_be_ours(machine: Path) -> None:
    write(
        machine,
        **{
            "proc/4711/comm": "rigd-capture\n",
            "proc/4711/cmdline": "/opt/rigd/bin/python\0/opt/rigd/bin/rigd-capture\0/run/rigd\0",
        },
    )
    scarlett = list(merge(read_cards(machine), []))[1]
    assert scarlett.is_ours
    assert "rigd records from it: rigd-capture (pid 4711)" in config_lines(scarlett)


def test_what_is_not_known_is_left_out_and_no_figure_is_made_up(machine: Path) -> None:
    built_in = next(iter(merge(read_cards(machine), [])))
    assert pasted(built_in) == {"driver": "portaudio", "device": "hw:CARD=PCH"}
    assert "rates: not known" in config_lines(built_in)


def test_plugins_that_convert_are_named_as_such_and_not_offered(machine: Path) -> None:
    found = [openable(name, 32, 44_100, 48_000) for name in ("default", "plughw", "pulse")]
    listed = [each for each in merge(read_cards(machine), found) if each.is_plugin]
    assert [each.name for each in listed] == ["default", "plughw", "pulse"]
    assert "not for recording" in plugin_lines(listed) and "default, plughw, pulse" in plugin_lines(listed)
    assert plugin_lines([]) == ""


def test_equal_cards_are_pasted_by_their_usb_socket(machine: Path) -> None:
    equal = [
        Card(
            number=number,
            card_id=card_id,
            name="Scarlett 2i2 USB",
            usb_path=socket,
            captures=(CaptureDevice(number=0, inputs=2, rates_hz=(48_000,)),),
        )
        for number, card_id, socket in ((1, "USB", "1-1.2"), (2, "USB_1", "1-1.4"))
    ]
    first, second = merge(equal, [])
    assert (pasted(first)["device"], pasted(second)["device"]) == ("usb:1-1.2", "usb:1-1.4")
    assert "order of plugging" in config_lines(first)
    nowhere = [replace(card, usb_path="") for card in equal]
    assert "device" not in pasted(next(iter(merge(nowhere, []))))


@pytest.mark.jack
def test_jack_clients_are_listed_with_their_inputs_and_the_servers_rate(
    jack: JackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in jack.jack_environment.items():
        monkeypatch.setenv(name, value)
    with (
        CounterPlayer(jack, channels=12, client_name='stage "box"'),
        CounterPlayer(jack, channels=3, client_name=AWKWARD),
        CounterPlayer(jack, channels=5, client_name="backsystem"),
    ):
        listed = {interface.name: interface for interface in list_interfaces().interfaces}
    box = listed['stage "box"']
    assert (box.inputs, box.rates_hz) == (12, (48_000,))
    assert listed["system"].inputs == 64, "those of backsystem are no inputs of system"
    assert listed["backsystem"].inputs == 5
    assert listed[AWKWARD].inputs == 3
    assert pasted(box)["device"] == 'stage "box", JACK Audio Connection Kit'
    assert (pasted(box)["driver"], pasted(box)["channels"], pasted(box)["sample_rate_hz"]) == (
        "portaudio",
        12,
        48_000,
    )
    assert pasted(listed[AWKWARD])["device"] == f"{AWKWARD}, JACK Audio Connection Kit"


def test_the_options_of_portaudio_have_defaults_and_bounds() -> None:
    assert PortAudioOptions().model_dump() == {
        "client_name": "rigd",
        "jack_full_scale": 8_388_607,
        "latency_ms": 170,
    }
    for wrong in ({"client_name": "a:b"}, {"jack_full_scale": 1}, {"latency_ms": 0}, {"latency": 1}):
        with pytest.raises(ValueError):
            PortAudioOptions.model_validate(wrong)
