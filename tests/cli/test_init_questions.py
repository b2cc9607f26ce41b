"""What each question of `rigd init` makes of an answer: a wrong one is asked once more, and costs no other answer."""

from __future__ import annotations

import io
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import rigd.capture.devices
import rigd.surfaces.serial.found
from hardware_sim.x32 import SimulatedX32
from rigd.capture.devices import ListedInterface, Listing
from rigd.cli.asking import Asking, NoAnswer
from rigd.cli.growing_config import GrowingConfig
from rigd.cli.init_questions import QUESTIONS
from rigd.model.errors import SurfaceError
from rigd.model.limits import LONGEST_NAME
from rigd.preamps.x32.preamp import X32Preamp
from rigd.wire.midi.names import FoundPort
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.serial_ports import SerialPort
from tests.support.stranger import NUMBER, everybodys_folder
from tests.support.tools import need_root

RIG = '[rig]\nname = "Attic"\n\n[audio]\ndriver = "simulated"\nchannels = 4\n'
ARDUINO = SerialPort(
    device="/dev/ttyACM0", product="Leonardo", usb_serial="X1", usb_path="1-1", usb_id="2341:8036"
)
WHY_NOT = """
import os, sys
from pathlib import Path
from rigd.cli.doctor import space_of
from rigd.cli.growing_config import why_not_writable
os.setresuid(uid := int(sys.argv.pop(1)), uid, uid)
for each in map(Path, sys.argv[1:]):
    print(f"{space_of(str(each)).free_bytes > 0}: {why_not_writable(each)}")
"""
"""It becomes a stranger once it is loaded: he may not enter every home that a Python lies in."""


class Asked:
    """The config after the question, and what was on the screen."""

    def __init__(self, growing: GrowingConfig, screen: str) -> None:
        self.config: dict[str, Any] = tomllib.loads(growing.text)
        self.missing = growing.missing
        self.screen = screen


Ask = Callable[..., Asked]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The question of that word, about that config, answered with these lines and no more."""

    def ask(word: str, *answers: str, text: str = RIG, of_service: bool = False) -> Asked:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))
        growing = GrowingConfig(text, Asking(), of_service=of_service)
        growing.is_silent = True  # nothing is listened to while names are asked for
        screen = io.StringIO()
        with redirect_stdout(screen):
            next(each for each in QUESTIONS if each.word == word).ask(growing)
        return Asked(growing, screen.getvalue())

    return ask


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """These are there, as this machine's kernel and PortAudio would say."""

    def there(*listed: ListedInterface) -> None:
        monkeypatch.setattr(rigd.capture.devices, "list_interfaces", lambda: Listing(interfaces=listed))

    return there


@pytest.fixture
def arduino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rigd.surfaces.serial.found, "list_ports", lambda: (ARDUINO,))


def card(**more: Any) -> ListedInterface:
    known: dict[str, Any] = {
        "name": "Eight In",
        "host_api": "ALSA",
        "device": "hw:CARD=Eight",
        "inputs": 8,
        "rates_hz": (44_100, 48_000),
    }
    return ListedInterface(**known | more)


def inputs(asked: Asked) -> list[tuple[str, bool]]:
    return [(each["name"], each.get("armed", True)) for each in asked.config["channel"]]


def test_enter_leaves_each_input_as_it_is(ask: Ask) -> None:
    text = RIG + '\n[[channel]]\nname = "Kick, in"\n\n[[channel]]\nname = "Talkback"\narmed = false\n'
    asked = ask("names", "", "", "Bass", ".", text=text)
    assert inputs(asked)[:3] == [("Kick, in", True), ("Talkback", False), ("Bass", True)]
    assert "input 2 (Talkback, not recorded) [-]" in asked.screen


def test_an_input_that_was_not_recorded_is_by_its_name(ask: Ask) -> None:
    text = RIG + '\n[[channel]]\nname = "Talkback"\narmed = false\n'
    assert inputs(ask("names", "Talkback", ".", text=text))[0] == ("Talkback", True)


def test_names_that_the_config_would_refuse_are_asked_for_again(ask: Ask) -> None:
    asked = ask("names", "Kick, Snare", f"{'x' * (LONGEST_NAME + 1)}, Bass", "Tom, -")
    assert inputs(asked) == [("Kick", True), ("Snare", True), ("Tom", True), ("Input 4", False)]
    assert f"{LONGEST_NAME}" in asked.screen


def test_a_rigs_name_that_the_config_would_refuse_is_asked_for_again(ask: Ask) -> None:
    asked = ask("rig", "x" * (LONGEST_NAME + 1), "a\x07b", "The Attic")
    assert asked.config["rig"]["name"] == "The Attic" and f"{LONGEST_NAME}" in asked.screen


def test_a_rate_that_there_is_not_is_asked_for_again(ask: Ask, interfaces: Callable[..., None]) -> None:
    interfaces(card(rates_hz=(), inputs=0))
    asked = ask("interface", "1", "600", "8", "47999", "abc", "48000")
    assert asked.config["audio"]["sample_rate_hz"] == 48_000 and asked.config["audio"]["channels"] == 8
    assert "44100" in asked.screen, "the rates there are stand in the refusal"


def test_no_more_inputs_than_it_has(ask: Ask, interfaces: Callable[..., None]) -> None:
    interfaces(card(used_by="ardour (pid 5)"), card(name="Two In", device="hw:CARD=Two", inputs=2))
    asked = ask("interface", "2", "9", "6")
    assert asked.config["audio"]["device"] == "hw:CARD=Eight" and asked.config["audio"]["channels"] == 6
    assert asked.missing == [
        "the interface is in use by ardour (pid 5): end that program, or record through JACK"
    ]


def test_fewer_inputs_than_the_config_names_are_asked_for_again(
    ask: Ask, interfaces: Callable[..., None]
) -> None:
    interfaces(card())
    text = RIG + "".join(f'\n[[channel]]\nname = "Input {number}"\n' for number in range(1, 5))
    asked = ask("interface", "1", "3", "4", text=text)
    assert "4 [[channel]]s" in asked.screen and asked.config["audio"]["channels"] == 4


def test_without_an_interface_a_simulated_one_is_offered_and_then_nothing_is_missing(
    ask: Ask, interfaces: Callable[..., None]
) -> None:
    interfaces()
    asked = ask("interface", "y", text='[rig]\nname = "Attic"\n')
    assert asked.config["audio"]["simulated"] == {"signal": "band"} and asked.missing == []
    asked = ask("interface", "n", text='[rig]\nname = "Attic"\n')
    assert "driver" not in asked.config["audio"]
    assert asked.missing == ["no interface: plug it in, then: rigd init interface"]


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("~nosuchuser/takes", "no home of that user"),
        ("takes", "depends on where rigd is started"),
        ("C:\\takes", "path of Windows"),
        ("$HOME/takes", "no variable is put in"),
        ("/etc/hostname/takes", "/etc/hostname is no folder"),
    ],
)
def test_a_folder_that_is_none_is_asked_for_again(ask: Ask, folder: str, why: str, tmp_path: Path) -> None:
    asked = ask("takes", folder, str(tmp_path / "takes"))
    assert asked.config["rig"]["library"] == str(tmp_path / "takes")
    assert why in asked.screen
    assert "library" not in ask("takes", folder, "", text=RIG).config["rig"]


def test_the_services_takes_go_into_nobodys_home(ask: Ask, tmp_path: Path) -> None:
    asked = ask("takes", "/root/takes", "/home/me/takes", str(tmp_path), of_service=True)
    assert asked.screen.count("in somebody's home") == 2
    assert asked.config["rig"]["library"] == str(tmp_path)


def test_what_lies_behind_a_folder_that_may_not_be_entered() -> None:
    """Nothing is known of it, and that is said of the folder in the way."""
    need_root("to be somebody else")
    with everybodys_folder() as place:
        (place / "mine").mkdir(mode=0o700)
        behind = place / "mine" / "attic" / "takes"
        told = subprocess.run(
            [sys.executable, "-c", WHY_NOT, str(NUMBER), place / "takes", behind],
            capture_output=True,
            text=True,
        )
        assert told.stdout.splitlines() == [
            "True: ",
            f"True: {place / 'mine'} may not be written by this user",
        ]


def test_a_deej_box_and_faders_for_which_there_is_a_preamp(ask: Ask, arduino: None) -> None:
    preamps = '\n[preamp.desk]\nkind = "x32"\nhost = "192.0.2.1"\n'
    preamps += "".join(
        f'\n[[channel]]\nname = "Input {number}"\npreamp = "desk:{number}"\n' for number in (1, 2)
    )
    asked = ask("box", "1", "y", "3", "65", "2", text=RIG + preamps)
    box = asked.config["surface"]["box"]
    assert box["protocol"] == "deej" and box["usb_serial"] == "X1"
    assert [(each["control"], each["gain"]) for each in box["binding"]] == [("fader 1", 1), ("fader 2", 2)]
    assert "has no preamp" in asked.screen and "0 to 64" in asked.screen


def test_preamps_are_asked_for_before_the_faders_that_set_them() -> None:
    words = [each.word for each in QUESTIONS]
    assert words.index("desk") < words.index("box")


def test_a_box_that_is_none(ask: Ask, arduino: None) -> None:
    assert "surface" not in ask("box", "").config


def test_a_desk_gives_its_sockets_to_the_inputs_in_their_order(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_at = X32Preamp.find_at
    with SimulatedX32() as desk:
        monkeypatch.setattr(X32Preamp, "find_at", lambda host: find_at(host, port=desk.port))
        asked = ask("desk", "127.0.0.1", "y")
    sockets = [each["preamp"] for each in asked.config["channel"]]
    assert sockets == [f"desk:{number}" for number in range(1, 5)]


def test_why_no_midi_port_can_be_looked_at_is_told(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(ports: MidiPorts) -> list[FoundPort]:
        ports.troubles = ["ALSA's sequencer: /dev/snd/seq: permission denied", "JACK: it hangs"]
        return []

    monkeypatch.setattr(MidiPorts, "look", refused)
    asked = ask("pedal")
    assert "MIDI: ALSA's sequencer: /dev/snd/seq: permission denied" in asked.screen
    assert "No pedal is plugged in" in asked.screen
    screen = io.StringIO()
    with redirect_stdout(screen):
        growing = GrowingConfig(RIG, Asking(answers_itself=True), of_service=False)
        for question in QUESTIONS:
            question.ask(growing)
    assert screen.getvalue().count("permission denied") == 1, "once, whatever asks the same kind"


def test_a_press_that_does_not_come_is_asked_for_once_more(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any, **__: Any) -> Any:
        raise SurfaceError("nothing was pressed within 20 s")

    monkeypatch.setattr(
        MidiPorts, "look", lambda ports: [FoundPort(api="alsa", name="Pedal:Pedal MIDI 1 20:0")]
    )
    monkeypatch.setattr("rigd.cli.init_questions.learn", nothing)
    asked = ask("pedal", "y", "n")
    assert "Plugged in: Pedal" in asked.screen and "nothing was pressed" in asked.screen


def test_who_answers_wrongly_for_ever_is_nobody(ask: Ask) -> None:
    with pytest.raises(NoAnswer):
        ask("takes", *["takes"] * 9)
