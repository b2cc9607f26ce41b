"""Config files as people write them: the examples load, and broken ones say all that is wrong, with lines."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from hardware_sim.options import SimulatedOptions
from rigd.capture.options import PortAudioOptions
from rigd.config.load import LARGEST_FILE_BYTES, load_config, resolve_runtime_dir
from rigd.config.mirrors import mirror_warnings
from rigd.config.option_reference import config_page, describe
from rigd.config.rig_config import RigConfig
from rigd.config.sections import (
    PLAIN_SECTIONS,
    AudioSection,
    BindingSection,
    ChannelSection,
    DiskSection,
)
from rigd.hands.bindings import ONE_SWITCH, Binding, binding_of, check_binding, prototype_of
from rigd.model.errors import ConfigError
from rigd.preamps.x32.preamp import X32Settings, XAirSettings
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.serial.settings import SerialSettings

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "configs").glob("*.toml"))
BROKEN = sorted((Path(__file__).parent / "broken").glob("*.toml"))


def load(path: Path, *overrides: str, environ: dict[str, str] | None = None) -> RigConfig:
    return load_config(
        path,
        overrides=overrides,
        surface_kinds={"midi": MidiSettings, "serial": SerialSettings},
        preamp_kinds={"x32": X32Settings, "xair": XAirSettings},
        driver_kinds={"portaudio": PortAudioOptions, "simulated": SimulatedOptions},
        environ=environ or {},
    )


def faults(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        load(path, *overrides)
    return [line.removeprefix(str(path)) for line in str(told.value).splitlines()]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "rig.toml"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_loads(path: Path) -> None:
    config = load(path)
    assert len(config.channels) == config.audio.channels
    assert config.capture_settings().tape.channels == config.audio.channels
    assert config.naming().mono_file


def test_the_examples_are_those_that_are_promised() -> None:
    promised = {"demo", "jack", "scarlett-18i20", "x32-usb", "raspberry-pi", "two-switch", "three-switch"}
    assert promised <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.name)
def test_a_broken_config_tells_every_fault_with_its_line(path: Path) -> None:
    marker = "# expect "
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [f":{line.removeprefix(marker)}" for line in lines if line.startswith(marker)]
    assert expected
    assert faults(path) == expected


def test_the_one_switch_grammar_of_the_examples_is_rigds_own() -> None:
    for name in ("demo", "jack", "scarlett-18i20", "x32-usb", "raspberry-pi"):
        config = load(ROOT / "configs" / f"{name}.toml")
        pedal = next(surface for surface in config.surfaces if surface.name == "pedal")
        (binding,) = pedal.bindings
        grammar = {gesture: prototype_of(text) for gesture, text in ONE_SWITCH.items()}
        assert {gesture: getattr(binding, gesture) for gesture in ONE_SWITCH} == grammar


def test_an_empty_file_is_a_rig_with_all_defaults(written: Path) -> None:
    written.write_text("")
    config = load(written, environ={"XDG_RUNTIME_DIR": "/run/user/7"})
    assert [channel.name for channel in config.channels] == [f"Input {number}" for number in range(1, 9)]
    assert all(channel.armed and not channel.preamp for channel in config.channels)
    assert config.runtime_dir == Path(f"/dev/shm/rigd-{os.getuid()}")
    assert config.library == Path("~/rigd-takes").expanduser()
    assert config.session_name() == "rig"
    assert config.take.sample == "int24"
    assert config.writer_settings().library_root == str(config.library)


def test_channels_that_are_not_listed_take_the_inputs_that_are_left(written: Path) -> None:
    written.write_text("[audio]\nchannels = 4\n[[channel]]\nname = 'Vocal'\ninput = 3\n")
    config = load(written)
    assert [(channel.number, channel.input, channel.name) for channel in config.channels] == [
        (1, 3, "Vocal"),
        (2, 1, "Input 1"),
        (3, 2, "Input 2"),
        (4, 4, "Input 4"),
    ]


def test_a_preamp_knows_the_sockets_that_channels_use(written: Path) -> None:
    written.write_text(
        "[[channel]]\npreamp = 'desk:40'\n[[channel]]\npreamp = 'desk:2'\n"
        "[preamp.desk]\nkind = 'x32'\nhost = 'h'\n[preamp.spare]\nkind = 'xair'\nhost = 'h'\n"
    )
    config = load(written)
    assert [(preamp.name, preamp.sockets) for preamp in config.preamps] == [("desk", (2, 40)), ("spare", ())]
    assert (config.channels[0].preamp, config.channels[0].socket) == ("desk", 40)
    assert isinstance(config.preamps[0].settings, X32Settings)


def test_the_tape_is_the_next_power_of_two_that_keeps_the_promises(written: Path) -> None:
    written.write_text("[tape]\nkeep_seconds = 0\n[take]\npreroll_seconds = 0\n")
    tape = load(written, "tape.stall_seconds=30", "audio.channels=64").tape_geometry()
    assert tape.capacity_frames == 2**21 >= 48_000 * (1.25 * 30 + 2)
    assert load(written, "tape.stall_seconds=30", "audio.channels=64").tape_bytes() == 512 << 20
    assert load(written, "tape.keep_seconds=60").tape_geometry().capacity_frames == 2**22
    assert load(written, "tape.keep_seconds=60", "audio.sample_rate_hz=96000").tape_bytes() == 8 * 4 * 2**23
    assert load(written, "take.preroll_seconds=6").tape_geometry().capacity_frames == 2**22


def test_an_override_wins_over_the_file_and_a_bare_word_is_text(written: Path) -> None:
    written.write_text("[audio]\nchannels = 2\n[[channel]]\nname = 'Kick'\n")
    config = load(
        written,
        "audio.channels=4",
        "audio.driver=simulated",
        "audio.simulated.signal=counter",
        "channel.3.name=Snare Top",
        "rig.session=2024-05-01",
        "take.files='poly'",
        "channel.1.armed=false",
    )
    assert [channel.name for channel in config.channels] == ["Kick", "Input 2", "Snare Top", "Input 4"]
    assert not config.channels[0].armed
    assert config.capture_settings().options["signal"] == "counter"
    assert config.rig.session == "2024-05-01"
    assert config.take.files == "poly"


def test_a_fault_of_an_override_is_told_as_such(written: Path) -> None:
    written.write_text("[audio]\nchannels = 4\n")
    assert faults(written, "audio.channels=many", "channel.2.nme=Kick", "tape.keep=3") == [
        '--set audio.channels=many: [audio] channels = "many" must be a whole number, 1 to 512 inputs',
        '--set channel.2.nme=Kick: [[channel]] 2 has no option "nme"; did you mean "name"?',
        '--set tape.keep=3: [tape] has no option "keep"; did you mean "keep_seconds"?',
    ]


@pytest.mark.parametrize("override", ["audio", "=3", "audio.=3", "channel.x.name=y", "channel.9999.name=y"])
def test_an_override_that_leads_nowhere_is_refused(written: Path, override: str) -> None:
    written.write_text("[[channel]]\nname = 'Kick'\n")
    assert faults(written, override)[0].startswith(f"--set {override}")


def test_a_relative_library_is_beside_the_config_and_beside_the_person_for_an_override(
    written: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    written.write_text("[rig]\nlibrary = 'takes'\n")
    assert load(written).library == tmp_path / "takes"
    assert load(written, "rig.library=takes").library == elsewhere / "takes"


def test_the_runtime_folder_is_the_configured_one_then_the_services_then_one_that_outlives_a_login(
    tmp_path: Path,
) -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/rigd:/run/other", "XDG_RUNTIME_DIR": "/run/user/7"}
    assert resolve_runtime_dir("/x", environ) == Path("/x")
    assert resolve_runtime_dir("", environ) == Path("/run/rigd")
    own = Path(f"/dev/shm/rigd-{os.getuid()}")
    assert resolve_runtime_dir("", {"XDG_RUNTIME_DIR": str(tmp_path)}) == own, "it goes with the login"
    (tmp_path / "rigd").mkdir()
    (tmp_path / "rigd" / "tape").touch()
    found = resolve_runtime_dir("", {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert found == tmp_path / "rigd", "an earlier rigd records there"
    assert str(resolve_runtime_dir("", {})).startswith("/dev/shm/rigd-")


def test_a_driver_that_is_not_in_use_may_keep_its_table(written: Path) -> None:
    written.write_text("[audio.simulated]\nsignal = 'sines'\n")
    assert load(written, "audio.driver=simulated").driver_options["signal"] == "sines"
    assert "signal" not in load(written).driver_options


def test_a_config_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert "cannot be read" in faults(tmp_path / "none.toml")[0]
    assert "cannot be read" in faults(tmp_path)[0]
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[rig]\nname = 'Caf\xe9'\n")
    assert faults(latin) == [":2: not UTF-8 text (byte 0xe9)"]
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    assert "this is not a config" in faults(large)[0]


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5000,
        "x = " + "[" * 400 + "]" * 400,
        ".".join(["a"] * 400) + " = 1",
        "[audio]\nchannels = 0x" + "f" * 9000,
        "[audio]\nchannels = " + "9" * 9000,
        '[rig]\nlibrary = "a\\u0000b"',
        "[rig]\nlibrary = '~nobody-of-this-name/x'",
        "[take]\nfile = '{take:099999999999}'",
        "channel = 3\nsurface = 4\npreamp = []\naudio = 'x'\ntape = [1]",
        "[surface]\npedal = 3\n[preamp]\ndesk = [1]",
        "[surface.p]\nkind = ['midi']\nbinding = { control = 3 }",
        "channel = [1, 'x', []]",
        "[audio]\nchannels = nan\nperiod_frames = 1979-05-27\ndriver = 07:32:00",
        "[audio]\ndriver = { a = 1 }",
    ],
    ids=range(14),
)
def test_what_no_config_looks_like_is_a_config_error(written: Path, text: str) -> None:
    written.write_text(text)
    assert all(len(line) < 500 for line in faults(written))


def test_what_the_model_says_of_a_binding_is_told_at_its_control(written: Path) -> None:
    binding = binding_of(control="cc 82", mode="latching", hold="stop")
    (wrong,) = check_binding(binding)
    written.write_text(
        "[surface.pedal]\nkind = 'midi'\nport = 'x'\n"
        "[[surface.pedal.binding]]\ncontrol = 'cc 82'\nmode = 'latching'\nhold = 'stop'\n"
    )
    assert faults(written) == [f":5: [surface.pedal] {wrong}"]


def test_bindings_reach_the_rig_as_its_own_word(written: Path) -> None:
    assert {field.name for field in fields(Binding)} == set(BindingSection.model_fields)
    for field in fields(Binding):
        if not field.required:
            assert (BindingSection.model_fields[field.name].default or None) == (field.default or None)
    written.write_text(
        "[surface.pedal]\nkind='midi'\nport='x'\nbinding=[{control='cc 1', tap='mark', hold_ms=700}]\n"
    )
    assert load(written).surfaces[0].bindings == (binding_of(control="cc 1", tap="mark", hold_ms=700),)


def test_every_option_says_what_it_means_and_what_is_allowed() -> None:
    for section, model in {**PLAIN_SECTIONS, "channel": ChannelSection, "binding": BindingSection}.items():
        for row in describe(section, model):
            assert row.meaning and row.range and row.default, f"{section} {row.key}"
    rows = {row.key: row for row in describe("audio", AudioSection)}
    assert (rows["channels"].default, rows["channels"].unit, rows["channels"].range) == (
        "`8`",
        "inputs",
        "1 to 512",
    )
    assert rows["sample_rate_hz"].range.startswith("one of 8000, ")


def test_the_page_of_options_has_every_kind_and_section() -> None:
    page = config_page(
        drivers={"portaudio": PortAudioOptions},
        preamps={"x32": X32Settings, "xair": XAirSettings},
        surfaces={"serial": SerialSettings},
        faces={"page": DiskSection},
    )
    for title in (
        "[rig]",
        "[audio.portaudio]",
        "[[channel]]",
        '[preamp.NAME] of kind "xair"',
        "[page]",
        "[[surface.NAME.binding]]",
    ):
        assert f"\n## {title}\n" in page
    assert "| `host` | needed |  | at most 253 characters |" in page


@pytest.mark.parametrize(
    ("mirror", "why"),
    [
        ("takes", "is [rig] library itself"),
        ("takes/second", "is inside [rig] library"),
        (".", "has [rig] library"),
        ("link/second", "is inside [rig] library"),
    ],
)
def test_a_mirror_is_another_folder_than_the_library_and_neither_is_inside_the_other(
    written: Path, mirror: str, why: str
) -> None:
    (written.parent / "takes").mkdir()
    (written.parent / "link").symlink_to(written.parent / "takes")
    written.write_text(f'[rig]\nlibrary = "takes"\n[mirror]\nlibrary = "{mirror}"\n')
    (fault,) = faults(written)
    assert fault.startswith(":4: [mirror] library ") and why in fault


def test_a_mirror_is_off_by_default_relative_to_the_config_and_warned_of_on_the_same_disk(
    written: Path,
) -> None:
    written.write_text("")
    assert load(written).mirror is None and load(written).mirror_settings() is None
    written.write_text('[rig]\nlibrary = "takes"\n[mirror]\nlibrary = "second"\n')
    config = load(written)
    assert config.mirror == written.parent / "second"
    settings = config.mirror_settings()
    assert settings is not None and settings.spare and settings.library_root == str(config.mirror)
    assert not config.writer_settings().spare
    (warning,) = mirror_warnings(config.library, config.mirror)
    assert "same file system" in warning
    assert not mirror_warnings(config.library, Path("/dev/shm/mirror"))


def test_a_keep_may_reach_as_far_as_the_black_box(written: Path) -> None:
    binding = "[surface.pedal]\nkind='midi'\nport='x'\nbinding=[{control='cc 1', tap='keep 40m'}]\n"
    written.write_text("[blackbox]\nminutes = 40\n" + binding)
    config = load(written)
    assert config.blackbox_folder == config.library / ".rigd" / "blackbox"
    assert config.blackbox_bytes_per_second() == 8 * 48_000 * 3
    assert config.blackbox_bytes() == (40 * 60 + 4 * 60) * 8 * 48_000 * 3
    assert config.blackbox_settings().spare
    (fault,) = faults(written, "blackbox.minutes=30")
    assert "at most 1800 s" in fault and "[blackbox] minutes = 30" in fault


def test_without_minutes_there_is_no_black_box(written: Path) -> None:
    written.write_text("")
    assert load(written).blackbox.minutes == 0 and load(written).blackbox_bytes() == 0


@pytest.mark.parametrize("folder", ["takes/box", "takes", "."])
def test_a_black_box_among_the_takes_is_refused(written: Path, folder: str) -> None:
    written.write_text(f"[rig]\nlibrary = 'takes'\n[blackbox]\nminutes = 5\nfolder = '{folder}'\n")
    (fault,) = faults(written)
    assert fault.startswith(":5: [blackbox] folder = ") and "must not lie in one another" in fault


def test_a_black_box_does_not_lie_in_the_mirror(tmp_path: Path) -> None:
    written = tmp_path / "rig.toml"
    written.write_text("[mirror]\nlibrary = 'second'\n[blackbox]\nminutes = 5\nfolder = 'second/box'\n")
    (fault,) = faults(written)
    assert fault.startswith(":5: [blackbox] folder = ") and "and the mirror" in fault


def test_a_black_box_may_have_a_disk_of_its_own(written: Path) -> None:
    written.write_text("[rig]\nlibrary = 'takes'\n[blackbox]\nminutes = 5\nfolder = 'box'\n")
    assert load(written).blackbox_folder == written.parent / "box"


@pytest.mark.parametrize("option", ["folder", "file", "poly_file"])
def test_every_field_that_the_docs_promise_for_a_name_may_stand_in_it(written: Path, option: str) -> None:
    row = next(row for row in describe("take", PLAIN_SECTIONS["take"]) if row.key == option)
    fields = "".join(re.findall(r"\{\w+\}", row.meaning.rsplit(" from ", 1)[-1]))
    assert "{session}" in fields and "{take}" in fields
    folders = "{session_date} {session}/{song}/" if option == "folder" else ""
    written.write_text(f'[take]\n{option} = "{folders}{fields}"\n')
    load(written)


def test_every_field_that_the_page_promises_for_a_name_can_stand_there(written: Path) -> None:
    page = (ROOT / "docs/config.md").read_text("utf-8")
    promised = {
        option: re.findall(r"\{(\w+)\}", re.search(rf"^\| `{option}` \|.*\| (.*) \|$", page, re.MULTILINE)[1])  # type: ignore[index]
        for option in ("folder", "file", "poly_file")
    }
    assert all(promised.values())
    for option, rest in (("folder", "{session}/{song}/{take} "), ("file", "{channel} "), ("poly_file", "")):
        for field in promised[option]:
            written.write_text(f'[take]\n{option} = "{rest}{{{field}}}"\n')
            assert load(written)
