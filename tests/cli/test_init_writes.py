"""How `rigd init` puts a config where it goes: whole or not at all, and nothing about the file is another thing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.cli.exit_codes import ExitCode
from rigd.cli.growing_config import GrowingConfig
from rigd.cli.init import init, write
from rigd.cli.init_questions import Question
from rigd.model.errors import RigError

OLD, NEW = '[rig]\nname = "Old"\n', '[rig]\nname = "New"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "rig.toml"
    path.write_text(OLD)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_its_mode_stays(config: Path, mode: int) -> None:
    config.chmod(mode)
    write(config, NEW, of_service=False)
    assert config.read_text() == NEW and config.stat().st_mode & 0o7777 == mode


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_first_one_is_its_owners_and_the_services_is_everybodys_to_read(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "own" / "rig.toml", NEW, of_service=False)
        write(tmp_path / "etc" / "rig.toml", NEW, of_service=True)
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name / "rig.toml").stat().st_mode & 0o7777 for name in ("own", "etc")}
    assert modes == {"own": 0o600, "etc": 0o644}
    assert (tmp_path / "etc").stat().st_mode & 0o777 == 0o755, "the service's user gets there"


def test_its_owner_stays_where_root_changes_it(config: Path) -> None:
    if os.geteuid() == 0:
        os.chown(config, 65534, 65534)
    owner = config.stat().st_uid
    write(config, NEW, of_service=False)
    assert config.stat().st_uid == owner


def test_who_reads_it_meanwhile_has_the_old_one_whole(config: Path) -> None:
    with config.open() as reader:
        write(config, NEW, of_service=False)
        assert reader.read() == OLD
    assert config.read_text() == NEW and [each.name for each in config.parent.iterdir()] == ["rig.toml"]


def test_a_link_stays_one(config: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    link = tmp_path / "dotfiles" / "link.toml"
    link.symlink_to("../rig.toml")
    write(link, NEW, of_service=False)
    assert link.is_symlink() and config.read_text() == NEW
    assert [each.name for each in link.parent.iterdir()] == ["link.toml"]


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_what_stood_there(
    config: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"rigd.cli.init.os.{what}", fails)
    with pytest.raises(RigError, match="No space left on device; what stood there stands"):
        write(config, NEW, of_service=False)
    assert config.read_text() == OLD and [each.name for each in config.parent.iterdir()] == ["rig.toml"]


Ask = Callable[[GrowingConfig], None]


@pytest.fixture
def init_takes(config: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Ask], int]:
    """`rigd init takes`, where that question is this one: what it ended with."""

    def init_takes(ask: Ask) -> int:
        monkeypatch.setattr("rigd.cli.init.QUESTIONS", (Question("takes", "", ask),))
        with pytest.raises(SystemExit) as ended:
            init("takes", config, yes=False, system=False)
        return ExitCode(ended.value.code)

    return init_takes


def test_what_rigd_itself_would_refuse_is_not_written(config: Path, init_takes: Callable[[Ask], int]) -> None:
    def ask(growing: GrowingConfig) -> None:
        growing.text = '[rig]\nnam = "New"\n'

    assert init_takes(ask) == ExitCode.CONFIG and config.read_text() == OLD


def test_what_somebody_else_wrote_meanwhile_stays(
    config: Path, init_takes: Callable[[Ask], int], capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = OLD + "# by hand\n"

    def ask(growing: GrowingConfig) -> None:
        config.write_text(theirs)
        growing.take(NEW)

    assert init_takes(ask) == ExitCode.FAILED and config.read_text() == theirs
    assert "changed by somebody else meanwhile; nothing was written" in capsys.readouterr().err


def test_who_is_interrupted_has_written_nothing(config: Path, init_takes: Callable[[Ask], int]) -> None:
    def ask(growing: GrowingConfig) -> None:
        growing.take(NEW)
        raise KeyboardInterrupt

    assert init_takes(ask) == ExitCode.INTERRUPTED and config.read_text() == OLD
