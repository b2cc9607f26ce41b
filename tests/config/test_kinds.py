"""Kinds found by entry point: a package on the path with its metadata, as pip leaves it."""

from __future__ import annotations

import json
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rigd.capture.driver import load_driver
from rigd.cli.devices import devices
from rigd.config.kinds import AUDIO_DRIVERS, FACES, PREAMPS, SURFACES, Kinds, NoOptions, SettingsModels
from rigd.config.load import load_config
from rigd.config.option_reference import describe, tables_in
from rigd.config.options import Options
from rigd.hands.surface import Motion
from rigd.model.errors import ConfigError

GROUP = "rigd.tried_kinds"
KIND = """
from rigd.config.options import Options, option
class Settings(Options):
    level: int = option(1, "How much", least=0, most=9)
class Kind:
    settings_model = Settings
class Plain:
    pass
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    metadata = tmp_path / "tried_kinds-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tried-kinds\nVersion: 1.0\n")
    (tmp_path / "tried_kind_broken.py").write_text("1 / 0\n")
    (tmp_path / "tried_kind_settings.py").write_text("class Kind:\n    settings_model = 7\n")
    (metadata / "entry_points.txt").write_text(
        f"[{GROUP}]\ngood = tried_kind_good:Kind\nplain = tried_kind_good:Plain\n"
        "lacking = tried_kind_lacking:Kind [alsa]\nelsewhere = tried_kind_absent:Kind\n"
        "wrong = tried_kind_good:No\n"
        "library = tried_kind_library:Kind\nbroken = tried_kind_broken:Kind\nsettings = tried_kind_settings:Kind\n"
        "[rigd.preamps]\ntried = tried_kind_good:Kind\nbroken = tried_kind_broken:Kind\n"
        "[rigd.faces]\ntried_face = tried_kind_good:Kind\nbroken_face = tried_kind_broken:Kind\n"
    )
    (tmp_path / "tried_kind_good.py").write_text(KIND)
    (tmp_path / "tried_kind_lacking.py").write_text("import alsaaudio_that_is_not_there\n")
    (tmp_path / "tried_kind_library.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_kind_is_imported_only_when_it_is_asked_for(package: Path) -> None:
    kinds = Kinds(GROUP)
    assert list(kinds) == [
        "broken",
        "elsewhere",
        "good",
        "lacking",
        "library",
        "plain",
        "settings",
        "wrong",
    ]
    assert "good" in kinds
    assert "tried_kind_good" not in sys.modules
    assert kinds["good"].settings_model.model_fields["level"].default == 1
    assert "tried_kind_lacking" not in sys.modules


def test_what_a_kind_lacks_is_named_with_the_cure(package: Path) -> None:
    kinds = Kinds(GROUP)
    with pytest.raises(ConfigError, match=r"needs alsaaudio_that_is_not_there.*pip install 'rigd\[alsa\]'"):
        kinds["lacking"]
    with pytest.raises(ConfigError, match=r"needs tried_kind_absent.*install tried_kind_absent"):
        kinds["elsewhere"]
    with pytest.raises(ConfigError, match=r"tried_kind_good:No\) cannot be loaded"):
        kinds["wrong"]
    with pytest.raises(ConfigError, match="PortAudio library not found"):
        kinds["library"]
    with pytest.raises(
        ConfigError, match=r"tried_kind_broken:Kind.*division by zero; install tried-kinds again"
    ):
        kinds["broken"]
    with pytest.raises(ConfigError, match="no model of settings"):
        SettingsModels(kinds)["settings"]
    with pytest.raises(KeyError):
        kinds["unknown"]


def test_what_kinds_have_is_asked_of_all_and_one_that_is_broken_stands_in_nobodys_way(package: Path) -> None:
    (package / "tried_kind_broken.py").write_text(
        "class Asked(type):\n    def __getattr__(cls, name):\n        raise RuntimeError('not today')\n"
        "class Kind(metaclass=Asked):\n    pass\n"
    )
    kinds = Kinds(GROUP)
    found = dict(kinds.that_have("settings_model"))
    troubles = {name: str(each) for name, each in found.items() if isinstance(each, ConfigError)}
    assert set(found) == set(kinds) - {"plain"} and found["settings"] == 7
    assert set(troubles) == {"broken", "elsewhere", "lacking", "library", "wrong"}
    assert "broke as it was asked for settings_model: not today" in troubles["broken"]
    assert dict(kinds.that_have("settings_model", "settings", "plain")) == {"settings": 7}
    sys.modules.pop("tried_kind_broken")


def test_a_kind_without_settings_takes_no_options(package: Path) -> None:
    assert SettingsModels(Kinds(GROUP))["plain"] is NoOptions


def test_two_packages_with_the_same_kind_are_refused_where_it_is_named(package: Path) -> None:
    other = package / "other_kinds-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other-kinds\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text(f"[{GROUP}]\ngood = other:Kind\n")
    kinds = Kinds(GROUP)
    with pytest.raises(ConfigError, match='two packages bring a kind "good"'):
        kinds["good"]
    assert kinds["plain"].__name__ == "Plain"


def test_a_package_whose_list_cannot_be_read_costs_itself_and_no_other(package: Path) -> None:
    other = package / "garbled_kinds-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: garbled-kinds\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text(f"[{GROUP}]\nthis is no entry point\n")
    kinds = Kinds(GROUP)
    assert kinds["good"].__name__ == "Kind"
    (why,) = kinds.unreadable
    assert "garbled-kinds was passed by" in why and "Install it again" in why
    assert load_driver("portaudio").__name__ == "PortAudioDriver"


def test_what_is_installed_and_broken_keeps_no_rig_from_starting_that_does_not_name_it(package: Path) -> None:
    path = package / "rig.toml"
    path.write_text("[preamp.mine]\nkind = 'tried'\n[tried_face]\nlevel = 3\n")
    (face,) = load_config(path).faces
    assert face.name == "tried_face" and face.settings.model_dump() == {"level": 3}


def test_each_fault_of_a_kind_stands_at_the_line_of_its_section(package: Path) -> None:
    path = package / "rig.toml"
    path.write_text(
        "[preamp.mine]\nkind = 'broken'\n[broken_face]\n[tried_face]\nlevel = 12\n[mqtt]\nhost = 'desk'\n"
        "[surface.tried_face]\nkind = 'mackie'\n"
    )
    with pytest.raises(ConfigError) as told:
        load_config(path)
    lines = [line.removeprefix(str(path)) for line in str(told.value).splitlines()]
    assert [line.partition(" ")[0] for line in lines] == [":2:", ":3:", ":5:", ":6:", ":8:", ":9:"]
    assert "division by zero; install tried-kinds again" in lines[0]
    assert "[broken_face] kind" in lines[1] and "install tried-kinds again" in lines[1]
    assert "[tried_face] level = 12 must be 0 to 9" in lines[2]
    assert "[mqtt] is not a section" in lines[3] and "has to be installed" in lines[3]
    assert "is the name of the face [tried_face], too" in lines[4]
    assert (
        'kind = "mackie" is not known; there is: midi, serial' in lines[5]
        and "has to be installed" in lines[5]
    )


def test_a_kind_that_breaks_as_it_is_asked_is_a_fault_of_its_section(package: Path) -> None:
    class Breaks(Options):
        def motions_of(self, control: str) -> frozenset[Motion]:
            raise ZeroDivisionError("no controls")

    path = package / "rig.toml"
    path.write_text(
        "[surface.mine]\nkind = 'breaks'\n[[surface.mine.binding]]\ncontrol = 'button 1'\ntap = 'toggle'\n"
    )
    with pytest.raises(ConfigError, match=r"rig.toml:1: \[surface.mine\] cannot be checked: its kind broke"):
        load_config(path, surface_kinds={"breaks": Breaks})


def test_rigd_devices_goes_on_past_a_kind_that_is_broken(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = "    @staticmethod\n    def found_here():\n        raise ValueError('no bus')\n"
    (package / "tried_kind_good.py").write_text(KIND.replace("class Plain", f"{looks}class Plain"))
    monkeypatch.delitem(sys.modules, "tried_kind_good", raising=False)
    monkeypatch.setattr("rigd.cli.devices.GROUPS", (PREAMPS, FACES))
    devices(as_json=True)
    troubles = json.loads(capsys.readouterr().out)["troubles"]
    assert [
        trouble for trouble in troubles if "division by zero" in trouble and "install tried-kinds" in trouble
    ]
    assert 'kind "tried" of rigd.preamps broke as it looked what is plugged in: no bus' in troubles


def test_who_makes_a_kind_is_told_which_section_broke_it(package: Path) -> None:
    with pytest.raises(ConfigError, match=r'\[it\] kind "good" cannot be made: Kind\(\) takes no arguments'):
        Kinds(GROUP).make("[it]", "good", "name")


def test_a_config_finds_the_installed_kinds_by_itself(package: Path) -> None:
    path = package / "rig.toml"
    path.write_text("[preamp.mine]\nkind = 'tried'\nlevel = 12\n")
    with pytest.raises(ConfigError, match=r"rig.toml:3: \[preamp.mine\] level = 12 must be 0 to 9"):
        load_config(path, driver_kinds={"portaudio": NoOptions})
    path.write_text("[preamp.mine]\nkind = 'tried'\nlevel = 9\n")
    config = load_config(path, driver_kinds={"portaudio": NoOptions})
    assert config.preamps[0].settings.model_dump() == {"level": 9}


@pytest.mark.parametrize("group", [SURFACES, PREAMPS, AUDIO_DRIVERS])
def test_every_kind_that_rigd_brings_can_be_loaded_and_has_settings(group: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    points = project["project"]["entry-points"][group]
    assert points
    kinds = {name: EntryPoint(name=name, value=value, group=group).load() for name, value in points.items()}
    for name, model in SettingsModels(kinds).items():
        assert model is not NoOptions, name
        for key, table in (("", model), *tables_in(model)):
            assert issubclass(table, Options), f"{name} {key}: one idiom for all settings"
            for row in describe(name, table):
                assert row.meaning and row.range and row.default, f"{name} {key} {row.key}"
                assert row.unit or not row.key.endswith(("_ms", "_s", "_db", "baud")), f"{name} {row.key}"
