"""Which port a surface means, and the config that `rigd devices` gives to paste."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from rigd.model.errors import SurfaceError
from rigd.surfaces.midi.learning import lasting_name
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.surface import MidiSurface
from rigd.surfaces.serial.settings import SerialSettings
from rigd.wire.midi.links import lasting_serial
from rigd.wire.serial_ports import SerialPort, check_lasting, config_for, find_port, list_ports
from tests.surfaces.midi_bench import Sink

UNO = SerialPort(
    device="/dev/ttyACM0", product="Arduino Uno", usb_serial="8573", usb_path="1-1.3:1.0", usb_id="2341:0043"
)
CH340 = SerialPort(device="/dev/ttyUSB0", product="USB Serial", usb_path="1-1.2", usb_id="1A86:7523")
CP2102 = SerialPort(device="/dev/ttyUSB1", product='CP2102 "0001"', usb_serial="0001", usb_path="1-1.4")
CP2102_TWIN = SerialPort(device="/dev/ttyUSB2", product="CP2102", usb_serial="0001", usb_path="1-1.5")
PLAIN = SerialPort(device="/dev/ttyAMA0")
ALL = (UNO, CH340, CP2102, CP2102_TWIN, PLAIN)


def found(**settings: str) -> str:
    return find_port(SerialSettings.model_validate(settings), lambda: ALL)


def test_a_port_is_found_by_what_stays() -> None:
    assert found(usb_serial="8573") == "/dev/ttyACM0"
    assert found(usb_path="1-1.2") == "/dev/ttyUSB0"
    assert found(usb_path="1-1.3") == "/dev/ttyACM0"
    assert found(usb_path="1-1.3:1.0") == "/dev/ttyACM0"
    assert found(port="/dev/null") == "/dev/null"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SurfaceError, match=r'usb_serial "77".*rigd devices'):
        found(usb_serial="77")
    with pytest.raises(SurfaceError, match="box is not there"):
        found(port=str(tmp_path / "box"))


def test_two_chips_with_one_serial_number_are_both_named() -> None:
    with pytest.raises(SurfaceError, match=r"fits 2 ports: /dev/ttyUSB1 \(usb_path 1-1.4\), /dev/ttyUSB2"):
        found(usb_serial="0001")


def test_a_path_that_is_the_order_of_plugging_is_refused_with_the_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: True)
    with pytest.raises(SurfaceError) as caught:
        found(port="/dev/ttyUSB0")
    words = str(caught.value)
    assert "order of plugging, and 3 are there" in words
    assert '/dev/ttyUSB0 is usb_path = "1-1.2"' in words and '/dev/ttyUSB2 is usb_path = "1-1.5"' in words
    # One box alone cannot be taken for another, nor for one of another driver; a line of the board itself is always
    # the same.
    assert found(port="/dev/ttyACM0") == "/dev/ttyACM0"
    alone = SerialSettings(port="/dev/ttyUSB0")
    assert find_port(alone, lambda: [CH340, PLAIN]) == "/dev/ttyUSB0"
    assert found(port="/dev/ttyAMA0") == "/dev/ttyAMA0"


def test_a_link_by_id_that_equal_boxes_share_is_refused_with_the_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setattr(Path, "resolve", lambda path: Path("/dev/ttyUSB1"))
    settings = SerialSettings(port="/dev/serial/by-id/usb-CP2102_0001-if00-port0")
    first, second = replace(CP2102, usb_id="10C4:EA60"), replace(CP2102_TWIN, usb_id="10C4:EA60")
    with pytest.raises(SurfaceError, match=r'several equal boxes.*usb_path = "1-1.4".*usb_path = "1-1.5"'):
        find_port(settings, lambda: [first, second])
    assert find_port(settings, lambda: [first, UNO]) == settings.port
    two_lines = [
        replace(first, usb_path=f"1-1.4:1.{line}", device=f"/dev/ttyUSB{1 + line}") for line in (0, 1)
    ]
    assert find_port(settings, lambda: two_lines) == settings.port


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """udev's links; of two equal chips the later one has the link by id."""
    for folder, link, device in (
        ("by-id", "usb-Arduino_8573-if00", UNO.device),
        ("by-path", "pci-0-usb-0:1.3:1.0", UNO.device),
        ("by-id", "usb-CP2102_0001-if00-port0", CP2102_TWIN.device),
        ("by-path", "pci-0-usb-0:1.4:1.0-port0", CP2102.device),
        ("by-path", "pci-0-usb-0:1.5:1.0-port0", CP2102_TWIN.device),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / link).symlink_to(device)
    return tmp_path


def test_midi_on_a_serial_line_is_learned_by_a_name_that_lasts(links: Path) -> None:
    def learned(device: str) -> tuple[str, str]:
        return lasting_name(f"serial:{device}", ALL, links)

    assert learned(UNO.device) == (f"serial:{links}/by-id/usb-Arduino_8573-if00", "")
    assert learned(CP2102_TWIN.device) == (f"serial:{links}/by-path/pci-0-usb-0:1.5:1.0-port0", "")
    assert learned(PLAIN.device) == ("serial:/dev/ttyAMA0", "")
    name, remark = learned(CH340.device)
    assert name == "serial:/dev/ttyUSB0" and "order of plugging" in remark


def test_midi_on_a_serial_line_that_may_be_another_tomorrow_is_refused_with_the_choice(links: Path) -> None:
    with pytest.raises(SurfaceError) as caught:
        check_lasting("/dev/ttyUSB1", lambda: ALL, lambda port, ports: lasting_serial(port, ports, links))
    words = str(caught.value)
    assert f'/dev/ttyUSB1 is port = "serial:{links}/by-path/pci-0-usb-0:1.4:1.0-port0"' in words
    assert "/dev/ttyUSB0 is without a link" in words


def test_a_pedal_on_a_serial_line_opens_none_of_two() -> None:
    settings = MidiSettings(port="serial:/dev/ttyUSB1")
    surface = MidiSurface("pedal", settings, (), Sink(), serial_ports=lambda: ALL)
    with pytest.raises(SurfaceError, match="order of plugging, and 3 are there"):
        surface._open()


@pytest.mark.parametrize("port", ALL)
def test_the_config_to_paste_finds_the_same_port_again(port: SerialPort) -> None:
    pasted = tomllib.loads(config_for(port, ALL))["surface"]["box"]
    assert pasted.pop("kind") == "serial"
    settings = SerialSettings.model_validate(pasted)
    if settings.port:
        assert settings.port == port.device
    else:
        assert find_port(settings, lambda: ALL) == port.device


def test_this_machines_ports_can_be_listed() -> None:
    assert all(port.device.startswith("/dev/") for port in list_ports())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"port": "/dev/ttyACM0", "usb_serial": "1"},
        {"port": "/dev/ttyACM0", "baud": 1200},
        {"port": "/dev/ttyACM0", "baud": 5},
        {"port": "/dev/ttyACM0", "leds": ("recoding",)},
        {"port": "/dev/ttyACM0", "leds": ("armed 0",)},
        {"port": "/dev/ttyACM0", "values": {"slider 1": 1}},
        {"port": "/dev/ttyACM0", "values": {"fader 1": 0}},
        {"port": "/dev/ttyACM0", "bauds": 9600},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SerialSettings.model_validate(settings)


def test_settings_are_read_as_a_config_writes_them() -> None:
    settings = SerialSettings.model_validate_json(
        '{"usb_path": "1-1.2", "protocol": "deej", "leds": ["recording", "", "phantom 3"], '
        '"values": {"fader 1": 2}}'
    )
    assert settings.line_baud == 9600
    assert settings.leds == ("recording", "", "phantom 3")
    assert SerialSettings(port="/dev/ttyACM0").line_baud == 115200
