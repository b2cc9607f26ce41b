"""Kinds found by entry point: a package on the path with its metadata, as pip leaves it."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rigd.config.kinds import AUDIO_DRIVERS, PREAMPS, SURFACES, Kinds, NoOptions, SettingsModels
from rigd.config.load import load_config
from rigd.config.option_reference import describe, tables_in
from rigd.config.options import Options
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
    (metadata / "entry_points.txt").write_text(
        f"[{GROUP}]\ngood = tried_kind_good:Kind\nplain = tried_kind_good:Plain\n"
        "lacking = tried_kind_lacking:Kind [alsa]\nelsewhere = tried_kind_absent:Kind\n"
        "wrong = tried_kind_good:No\n"
        "library = tried_kind_library:Kind\n"
        "[rigd.preamps]\ntried = tried_kind_good:Kind\n"
    )
    (tmp_path / "tried_kind_good.py").write_text(KIND)
    (tmp_path / "tried_kind_lacking.py").write_text("import alsaaudio_that_is_not_there\n")
    (tmp_path / "tried_kind_library.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_kind_is_imported_only_when_it_is_asked_for(package: Path) -> None:
    kinds = Kinds(GROUP)
    assert list(kinds) == ["elsewhere", "good", "lacking", "library", "plain", "wrong"]
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
    with pytest.raises(KeyError):
        kinds["unknown"]


def test_a_kind_without_settings_takes_no_options(package: Path) -> None:
    assert SettingsModels(Kinds(GROUP))["plain"] is NoOptions


def test_two_packages_with_the_same_kind_are_refused(package: Path) -> None:
    other = package / "other_kinds-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other-kinds\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text(f"[{GROUP}]\ngood = other:Kind\n")
    with pytest.raises(ConfigError, match='two packages bring a kind "good"'):
        Kinds(GROUP)


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
