"""What of a config that is read again is taken up, and what waits: every option has its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.config.sections import PLAIN_SECTIONS, ChannelSection
from rigd.config.taken_up import NOW, SECTIONS, WHEN, ReadAgain, read_again

PLAIN = """
[rig]
library = "/tmp/takes"
runtime_dir = "/tmp/rig"
[audio]
driver = "simulated"
channels = 4
[tape]
stall_seconds = 10
[[channel]]
name = "Kick"
preamp = "desk:1"
[[channel]]
name = "Snare"
preamp = "desk:2"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
[surface.foot]
kind = "midi"
port = "Foot"
[[surface.foot.binding]]
control = "cc 80"
tap = "toggle"
"""
OTHERWISE: dict[str, Any] = {
    "rig.name": '"other"', "rig.session": '"other"', "rig.library": '"/tmp/other"',
    "rig.runtime_dir": '"/tmp/other-rig"', "audio.driver": '"portaudio"', "audio.device": '"hw:CARD=X"',
    "audio.sample_rate_hz": "96000", "audio.channels": "8", "audio.period_frames": "256",
    "tape.stall_seconds": "20", "tape.keep_seconds": "30", "take.preroll_seconds": "3",
    "take.postroll_seconds": "1", "take.sample": '"float32"', "take.files": '"poly"',
    "take.folder": '"{session_date} {session}/{song}/T {take:03}"', "take.file": '"{channel:03} {name}"',
    "take.poly_file": '"{song} T {take:03}"', "take.sync_interval_ms": "900", "disk.reserve_seconds": "61",
    "disk.measure_at_start": "false", "control.phantom_while_rolling": "true",
    "control.group_role": '"player"', "control.wish_seconds": "9", "control.power_off": "true",
    "mirror.library": '"/dev/shm/mirror"', "blackbox.minutes": "5", "blackbox.segment_seconds": "30",
    "blackbox.folder": '"/tmp/box"', "hooks.take_closed": '["true"]', "hooks.disk_low": '["true"]',
    "hooks.fault": '["true"]', "hooks.fault_over": '["true"]', "hooks.timeout_seconds": "9",
}  # fmt: skip
"""Another value of each option."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "rig.toml"
    path.write_text(PLAIN, "utf-8")
    return path


def again(before: RigConfig, path: Path, text: str = PLAIN, *overrides: str) -> ReadAgain:
    path.write_text(text, "utf-8")
    frames = before.tape_geometry().capacity_frames
    return read_again(before, load_config(path, overrides=overrides), tape_frames=frames)


def options() -> Iterator[str]:
    for section, model in PLAIN_SECTIONS.items():
        yield from (f"{section}.{key}" for key in model.model_fields)


def value_of(config: RigConfig, option: str) -> Any:
    section, key = option.split(".")
    return str(config.mirror or "") if section == "mirror" else getattr(getattr(config, section), key)


def test_every_option_has_its_place() -> None:
    of_tables = {f"channel.{key}" for key in ChannelSection.model_fields}
    of_kinds = {"audio.DRIVER", "preamp.NAME", "surface.NAME", "FACE"}
    assert set(WHEN) == {*options(), *of_tables, *of_kinds}


def test_every_field_of_a_config_is_compared() -> None:
    """One that is new is a section of its own, or has to be given its place here and there."""
    known = {*SECTIONS, "mirror", "channels", "preamps", "surfaces", "faces", "driver_options"}
    follow = {"path", "library", "runtime_dir", "blackbox_folder"}  # from the sections
    assert {field.name for field in fields(RigConfig)} == known | follow


@pytest.mark.parametrize("option", list(options()))
def test_an_option_is_taken_up_or_waits_as_the_table_says(option: str, config: Path) -> None:
    before = load_config(config)
    found = again(before, config, PLAIN, f"{option}={OTHERWISE[option]}")
    is_now = WHEN[option] == NOW
    lines, others = (found.taken_up, found.waits) if is_now else (found.waits, found.taken_up)
    (line,) = [line for line in lines if line.startswith(f"{option} ")]
    assert is_now or line.endswith(f": {WHEN[option]}")
    assert not [line for line in others if line.startswith(f"{option} ")]
    new = value_of(load_config(config, overrides=[f"{option}={OTHERWISE[option]}"]), option)
    assert new != value_of(before, option), "another value"
    assert value_of(found.config, option) == (new if is_now else value_of(before, option))
    if not is_now:
        assert found.config.capture_settings() == before.capture_settings()
        assert found.config.writer_settings() == before.writer_settings()


def test_what_waited_waits_the_next_time_as_well_and_no_longer_once_it_is_taken_back(config: Path) -> None:
    before = load_config(config)
    first = again(before, config, PLAIN, "audio.sample_rate_hz=96000", "rig.name='x'")
    second = again(first.config, config, PLAIN, "audio.sample_rate_hz=96000", "rig.name='x'")
    assert second.waits == first.waits and second.taken_up == ()
    back = again(first.config, config, PLAIN, "rig.name='x'")
    assert back.waits == back.taken_up == ()


def test_a_preroll_that_the_tape_has_no_room_for_waits(config: Path) -> None:
    before = load_config(config)
    assert again(before, config, PLAIN, "take.preroll_seconds=4").waits == ()
    found = again(before, config, PLAIN, "take.preroll_seconds=300")
    assert found.taken_up == () and found.config.take.preroll_seconds == before.take.preroll_seconds
    assert found.waits == ("take.preroll_seconds 2.0 -> 300.0: the tape is made with it",)


def test_beside_a_black_box_the_form_of_samples_waits(config: Path) -> None:
    """What it has on disk is of the other form, and a take that is kept from it has one."""
    text = PLAIN + "[blackbox]\nminutes = 5\n"
    config.write_text(text, "utf-8")
    found = again(load_config(config), config, text, "take.sample='float32'")
    assert found.taken_up == () and found.config.take.sample == "int24"


def test_channels_get_their_names_and_preamps(config: Path) -> None:
    before = load_config(config)
    text = PLAIN.replace('"Snare"', '"Tom"\narmed = false').replace('"desk:2"', '"desk:7"')
    found = again(before, config, text)
    assert found.taken_up == (
        'channel 2 name "Snare" -> "Tom"',
        "channel 2 armed true -> false",
        'channel 2 preamp "desk:2" -> "desk:7"',
    )
    assert found.config.channels[1].name == "Tom" and found.config.preamps[0].sockets == (1, 7)


def test_a_channel_whose_socket_is_another_one_keeps_all_that_is_said_of_its_socket(config: Path) -> None:
    before = load_config(config)
    text = PLAIN.replace('"Snare"', '"Snare"\ninput = 1').replace('"Kick"', '"Kick"\ninput = 2')
    found = again(before, config, text)
    assert found.config.channels == before.channels and found.taken_up == ()
    assert [line.partition(":")[0] for line in found.waits] == [
        "channel 1 input 1 -> 2",
        "channel 2 input 2 -> 1",
    ]


def test_more_inputs_wait_with_their_channels(config: Path) -> None:
    before = load_config(config)
    more = '[[channel]]\nname = "A"\n' * 4
    found = again(before, config, PLAIN.replace("channels = 4", "channels = 6") + more)
    assert len(found.config.channels) == 4
    assert [each.name for each in found.config.channels] == ["Kick", "Snare", "A", "A"]
    assert found.waits == ("audio.channels 4 -> 6: the interface is opened with it",)


def test_surfaces_and_preamps_are_told_by_what_differs(config: Path) -> None:
    before = load_config(config)
    text = PLAIN.replace('"Foot"', '"Other"').replace('host = "127.0.0.1"', 'host = "127.0.0.2"')
    assert again(before, config, text).taken_up == ("[preamp.desk] host", "[surface.foot] port")
    renamed = again(before, config, PLAIN.replace("surface.foot", "surface.pedal"))
    assert renamed.taken_up == ("[surface.foot] is gone", "[surface.pedal] is new")
    may_less = again(before, config, PLAIN.replace('port = "Foot"', 'port = "Foot"\nrole = "player"'))
    assert may_less.taken_up == ("[surface.foot] role",)
    other_kind = again(before, config, PLAIN.replace('kind = "x32"', 'kind = "xair"'))
    assert other_kind.taken_up == ("[preamp.desk] kind",)
