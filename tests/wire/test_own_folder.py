"""The runtime folder and its files: whose they must be, part by part of the path, and what is refused unopened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigd.wire.own_folder import (
    NotOwn,
    append_own,
    folder_to_ask,
    make_own_folder,
    open_own,
    own_folder,
    read_own,
    remove_own,
    replace_own,
)
from tests.support import stranger
from tests.support.tools import need_root


@pytest.fixture
def place() -> Iterator[Path]:
    """As /tmp: a sticky folder of root's, where everybody may make something."""
    with stranger.everybodys_folder() as folder:
        yield folder


def refused(path: Path) -> str:
    with pytest.raises(NotOwn) as error, own_folder(path):
        pass
    assert error.value.strerror is not None
    return error.value.strerror


def test_a_folder_is_made_with_what_is_missing_on_the_way_and_is_ones_own(place: Path) -> None:
    folder = place / "on" / "the way" / "rigd"
    make_own_folder(folder, most=0o700, at_least=0o700)
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert (place / "on").stat().st_mode & 0o022 == 0
    with own_folder(folder) as fd:
        assert os.fstat(fd).st_ino == folder.stat().st_ino


@pytest.mark.parametrize(
    ("mode", "who"), [(0o777, "everybody"), (0o775, "the group "), (0o770, "the group ")]
)
def test_a_part_that_others_may_write_to_is_named_with_its_cure(tmp_path: Path, mode: int, who: str) -> None:
    part = tmp_path / "part"
    (part / "rigd").mkdir(parents=True)
    part.chmod(mode)
    told = refused(part / "rigd")
    assert told.startswith(f"{part} may be written by {who}") and told.endswith(f"chmod go-w {part}")
    with pytest.raises(NotOwn):
        make_own_folder(part / "new", most=0o700)
    assert not (part / "new").exists()
    part.chmod(0o1777)
    with own_folder(part / "rigd"):
        pass
    part.chmod(0o755)
    (part / "rigd").chmod(mode)
    assert f"{part}/rigd may be written by" in refused(part / "rigd")


def test_a_part_of_somebody_else_is_named_with_whose_it_is(tmp_path: Path) -> None:
    need_root("to give a folder away")
    part = tmp_path / "part"
    (part / "rigd").mkdir(parents=True)
    os.chown(part, stranger.NUMBER, -1)
    assert refused(part / "rigd") == f"{part} belongs to nobody, who could put another folder in its place"
    os.chown(part, 0, -1)
    os.chown(part / "rigd", stranger.NUMBER, -1)
    assert refused(part / "rigd") == f"{part}/rigd belongs to nobody"


def test_a_link_is_followed_where_nobody_else_can_have_laid_it(tmp_path: Path, place: Path) -> None:
    (tmp_path / "a" / "rigd").mkdir(parents=True)
    (tmp_path / "relative").symlink_to("a/../a")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative")
    (tmp_path / "round").symlink_to("round")
    with own_folder(tmp_path / "absolute" / "rigd") as fd:
        assert os.fstat(fd).st_ino == (tmp_path / "a" / "rigd").stat().st_ino
    with pytest.raises(OSError, match="Too many levels"), own_folder(tmp_path / "round"):
        pass
    for link in (place / "link", place / "dangling"):
        link.symlink_to(tmp_path / "a" if link.name == "link" else tmp_path / "none")
        assert "is a link, and somebody else may have laid it there" in refused(link / "rigd")
    # Also where the way to it is nobody's but root's: the link itself is in a folder of everybody's.
    (tmp_path / "through").symlink_to(place / "link")
    assert f"{place}/link is a link" in refused(tmp_path / "through" / "rigd")
    need_root("to give a link away")
    os.chown(tmp_path / "relative", stranger.NUMBER, -1, follow_symlinks=False)
    assert f"{tmp_path}/relative is a link" in refused(tmp_path / "absolute" / "rigd")


def test_a_folder_is_asked_in_where_root_has_given_it_to_somebody_and_not_where_he_took_it(
    tmp_path: Path, place: Path
) -> None:
    need_root("to give a folder away")
    service, his = tmp_path / "rigd", place / "rigd"
    for folder in (service, his):
        folder.mkdir()
        os.chown(folder, stranger.NUMBER, stranger.NUMBER)
    with folder_to_ask(service) as (_, owner):
        assert owner == stranger.NUMBER
    with pytest.raises(NotOwn, match="belongs to nobody"), folder_to_ask(his):
        pass
    # As a container's is looked into from outside: a link of the kernel's own.
    with folder_to_ask(Path(f"/proc/{os.getpid()}/root{service}")) as (_, owner):
        assert owner == stranger.NUMBER


FILES: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda path, victim: path.symlink_to(victim),
    "a link to nothing": lambda path, victim: path.symlink_to(victim.with_name("made")),
    "a FIFO": lambda path, victim: os.mkfifo(path),
    "a hard link": lambda path, victim: os.link(victim, path),
    "a folder": lambda path, victim: path.mkdir(),
    "a file of somebody else": lambda path, victim: (path.touch(), os.chown(path, stranger.NUMBER, -1)),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_plain_file_of_ones_own_is_neither_read_nor_written_and_is_named(
    tmp_path: Path, kind: str
) -> None:
    need_root("to give a file away")
    path, outside = tmp_path / "run" / "writer.json", tmp_path / "outside"
    for folder in (path.parent, outside):
        folder.mkdir()
    victim = outside / "victim"
    victim.write_text("what was there")
    FILES[kind](path, victim)
    for use in (
        lambda: read_own(path),
        lambda: append_own(path, b"more"),
        lambda: os.close(open_own(path, os.O_RDWR | os.O_CREAT)),
    ):
        with pytest.raises(OSError) as error:
            use()
        assert kind == "a folder" or f"rm {path}" in str(error.value)
    if kind != "a folder":
        replace_own(path, b"whole")
        assert read_own(path) == b"whole"
        FILES[kind](path.with_name("writer.json.new"), victim)
        replace_own(path, b"whole again")
        assert read_own(path) == b"whole again"
        remove_own(path)
        remove_own(path)
    assert victim.read_text() == "what was there" and os.listdir(outside) == ["victim"]
