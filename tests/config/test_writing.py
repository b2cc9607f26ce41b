"""What `rigd init` puts into a config, and what it leaves as a person wrote it."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from rigd.config.writing import NamedInput, new_config, with_inputs, with_lines, with_value

WRITTEN = """\
# ours, since 2019
[rig]
name = "Attic"   # do not rename

[audio]
driver = "portaudio"
device = "hw:CARD=old"     # the broken one
channels = 4

[[channel]]
name = "Kick"
source = "mic"   # the old D12

[surface.pedal]
kind = "midi"
port = "Foot"
channel = 3

[[surface.pedal.binding]]
control = "cc 80"
tap = "toggle"

[surface.box]
kind = "serial"
port = "/dev/box"
"""
COMMENTS = ("# ours, since 2019", "# do not rename", "# the old D12")


def test_an_interface_in_the_place_of_another() -> None:
    changed = with_lines(WRITTEN, '[audio]\ndriver = "portaudio"\ndevice = "hw:CARD=new"\n')
    assert tomllib.loads(changed)["audio"] == {
        "driver": "portaudio",
        "device": "hw:CARD=new",
        "channels": 4,
    }
    assert all(comment in changed for comment in COMMENTS)
    assert tomllib.loads(changed)["surface"] == tomllib.loads(WRITTEN)["surface"]


def test_a_pedal_in_the_place_of_another() -> None:
    """Nothing of the other one is left: its channel would silence the new one."""
    lines = '[surface.pedal]\nkind = "midi"\nport = "New"\n\n'
    lines += '[[surface.pedal.binding]]\ncontrol = "note 60"\ntap = "next"\n'
    changed = with_lines(WRITTEN, lines)
    surfaces = tomllib.loads(changed)["surface"]
    assert surfaces["pedal"] == tomllib.loads(lines)["surface"]["pedal"]
    assert surfaces["box"] == {"kind": "serial", "port": "/dev/box"}
    assert all(comment in changed for comment in COMMENTS)


def test_sections_that_are_new() -> None:
    text = new_config(name='A "B" \\ C', library="~/x")
    text = with_lines(
        text, '# the best\n[audio]\ndriver = "simulated"\n\n[audio.simulated]\nsignal = "band"\n'
    )
    plain = tomllib.loads(text)
    assert plain["rig"]["name"] == 'A "B" \\ C'
    assert plain["audio"] == {"driver": "simulated", "simulated": {"signal": "band"}}
    assert "# the best" in text


def test_names() -> None:
    """What else is said of an input stays."""
    changed = with_inputs(
        WRITTEN, [NamedInput(name="Kick In", armed=False), NamedInput(name='"Snare"', preamp="desk:2")]
    )
    assert tomllib.loads(changed)["channel"] == [
        {"name": "Kick In", "source": "mic", "armed": False},
        {"name": '"Snare"', "preamp": "desk:2"},
    ]
    assert all(comment in changed for comment in COMMENTS)
    again = with_inputs(changed, [NamedInput(name="Kick In")])
    assert tomllib.loads(again)["channel"][0] == {"name": "Kick In", "source": "mic"}


def test_one_option() -> None:
    assert tomllib.loads(with_value(WRITTEN, "audio", "channels", 8))["audio"]["channels"] == 8
    assert tomllib.loads(with_value(WRITTEN, "take", "preroll_seconds", 5))["take"] == {"preroll_seconds": 5}


@given(name=st.text(max_size=20), names=st.lists(st.text(max_size=12), max_size=4))
def test_whatever_things_are_called(name: str, names: list[str]) -> None:
    """A quote, a backslash, a bracket in a name: it is text, and TOML."""
    text = with_inputs(new_config(name=name, library="~/x"), [NamedInput(name=each) for each in names])
    plain = tomllib.loads(text)
    assert [each["name"] for each in plain.get("channel", [])] == names
    assert plain["rig"]["name"] == name
