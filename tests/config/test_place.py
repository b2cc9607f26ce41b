"""Which config is meant where nobody names one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigd.config import place as places
from rigd.config.place import find_config, find_or_none, own_config
from rigd.model.errors import ConfigError
from tests.support.tools import need_root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, a folder to stand in, and no machine's config but the one a test lays down."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(places, "OF_THE_MACHINE", tmp_path / "etc" / "rig.toml")
    return tmp_path


def laid(path: Path, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(mode)
    return path


def test_the_order(home: Path) -> None:
    """From what is nearest to what is named last, each hides those behind it."""
    laid(home / "etc" / "rig.toml")
    assert find_config(None, {}).by == "this machine's"
    own = laid(own_config({}))
    assert own == home / "home" / ".config" / "rigd" / "rig.toml"
    assert find_config(None, {}).path == own
    here = laid(Path("rig.toml").absolute())
    assert find_config(None, {}).path == here
    assert not find_config(None, {}).is_named
    variable = find_config(None, {"RIGD_CONFIG": "other.toml"})
    assert (variable.path, variable.by, variable.is_named) == (Path("other.toml"), "$RIGD_CONFIG", True)
    assert find_config(Path("given.toml"), {"RIGD_CONFIG": "other.toml"}).path == Path("given.toml")


def test_xdg_config_home(home: Path) -> None:
    """A relative one is to be ignored (XDG Base Directory Specification)."""
    assert own_config({"XDG_CONFIG_HOME": "/x"}) == Path("/x/rigd/rig.toml")
    assert own_config({"XDG_CONFIG_HOME": "x"}) == home / "home" / ".config" / "rigd" / "rig.toml"


def test_there_is_none(home: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        find_config(None, {})
    assert "rigd init" in str(refused.value)
    assert str(home / "etc" / "rig.toml") in str(refused.value)
    assert find_or_none(None, {}) is None


def test_one_that_everybody_may_write_is_not_taken_unasked(home: Path) -> None:
    found = laid(Path("rig.toml").absolute(), 0o666)
    with pytest.raises(ConfigError, match="may be written by everybody"):
        find_config(None, {})
    assert find_config(found, {}).path == found


def test_one_of_somebody_else_is_not_taken_unasked(home: Path) -> None:
    """In /tmp anybody may lay down a rig.toml that says where this user's rig writes."""
    need_root("to give a file away")
    found = laid(Path("rig.toml").absolute())
    os.chown(found, 4242, 4242)
    with pytest.raises(ConfigError, match="belongs to another user"):
        find_config(None, {})
    assert find_config(found, {}).path == found
