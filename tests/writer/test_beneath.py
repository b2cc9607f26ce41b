"""Whatever lies below a root, nothing outside of it is opened for writing, made, renamed or removed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.takefile import beneath
from rigd.takefile.beneath import LeadsOut
from tests.support.outside_watch import OutsideWatch
from tests.support.tools import need_root
from tests.support.writer_run import small_disk

CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "open": lambda root, path: os.close(beneath.open_file(root, path, os.O_RDWR | os.O_CREAT)),
    "cut": lambda root, path: os.close(beneath.open_file(root, path, os.O_WRONLY | os.O_TRUNC)),
    "new": lambda root, path: os.close(beneath.new_file(root, path)),
    "make": lambda root, path: beneath.make_folder(root, path),
    "make all": lambda root, path: beneath.make_folders(root, path / "more"),
    "rename from": lambda root, path: beneath.rename(root, path, root / "renamed"),
    "rename to": lambda root, path: beneath.rename(root, root / "mine", path),
    "remove": lambda root, path: beneath.remove(root, path),
    "remove folder": lambda root, path: beneath.remove_folder(root, path),
    "put aside": lambda root, path: beneath.put_aside(root, path, "bad"),
    "look": lambda root, path: beneath.names_in(root, path.parent),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "mine").write_bytes(b"mine")
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    (outside / "b" / "c").mkdir(parents=True)
    (outside / "b" / "precious").write_bytes(b"precious")
    (outside / "precious").write_bytes(b"precious")
    return outside


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("link", ["a", "a/b"])
@pytest.mark.parametrize("name", ["precious", "c", "nothing"])
def test_no_way_leads_through_a_link(root: Path, outside: Path, change: str, link: str, name: str) -> None:
    target = outside if link == "a" else outside / "b"
    (root / "a" / "b").rmdir()
    if link == "a":
        (root / "a").rmdir()
    (root / link).symlink_to(target)
    with OutsideWatch(outside) as watch:
        with pytest.raises(LeadsOut, match="a link"):
            CHANGES[change](root, root / "a" / "b" / name)
        assert watch.touched() == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["link", "hard link", "link to a folder"])
def test_what_lies_at_the_end_of_the_way_is_not_touched_itself(
    root: Path, outside: Path, change: str, kind: str
) -> None:
    path = root / "a" / "b" / "there"
    match kind:
        case "link":
            path.symlink_to(outside / "precious")
        case "hard link":
            os.link(outside / "precious", path)
        case _:
            path.symlink_to(outside)
    with OutsideWatch(outside) as watch:
        try:
            CHANGES[change](root, path)
        except OSError as error:
            assert str(path) in str(error)
        assert watch.touched() == []
    assert (outside / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("path", ["..", "../outside", "a/../../outside", "/etc/x", "a/b/../../../outside/x"])
def test_a_path_that_is_not_below_is_refused(root: Path, outside: Path, path: str) -> None:
    for name, change in CHANGES.items():
        with OutsideWatch(outside) as watch:
            if path != ".." or name != "look":
                with pytest.raises(LeadsOut):
                    change(root, root / path)
            assert watch.touched() == []


def test_a_pipe_and_a_device_are_refused_at_once(root: Path) -> None:
    need_root("a device")
    os.mkfifo(root / "pipe")
    os.mknod(root / "device", 0o20666, os.makedev(1, 7))
    for name in ("pipe", "device"):
        with OutsideWatch(root / name) as watch:
            for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
                with pytest.raises(LeadsOut, match="not a plain file"):
                    beneath.open_file(root, root / name, flags)
            assert watch.touched() == []


def test_a_file_with_another_name_is_read_and_not_written(root: Path, outside: Path) -> None:
    os.link(outside / "precious", root / "linked")
    with open(beneath.open_file(root, root / "linked", os.O_RDONLY), "rb") as file:
        assert file.read() == b"precious"
    with pytest.raises(LeadsOut, match="hard link"):
        beneath.open_file(root, root / "linked", os.O_RDWR)


def test_another_volume_below_is_none_of_its_folders_and_may_be_a_root_itself(root: Path) -> None:
    with small_disk(root / "a" / "mounted", 1 << 20) as other:
        with pytest.raises(LeadsOut, match="another volume") as refused:
            beneath.make_folders(root, other / "more")
        assert refused.value.errno == errno.EXDEV and not (other / "more").exists()
        beneath.make_folders(other, other / "more")
        assert (other / "more").is_dir()


def test_a_root_that_is_a_link_is_one(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    beneath.make_folders(tmp_path / "link", tmp_path / "link" / "x" / "y")
    assert (root / "x" / "y").is_dir()


def test_a_folder_where_a_new_file_is_made_is_put_aside_with_what_is_in_it(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for found in ("mine.bad", "mine.bad-2"):
        (root / "mine").unlink()
        (root / "mine").mkdir()
        (root / "mine" / "precious").write_bytes(b"precious")
        os.close(beneath.new_file(root, root / "mine"))
        assert (root / "mine").read_bytes() == b""
        assert (root / found / "precious").read_bytes() == b"precious"
        assert f"it is called {found} now" in caplog.text
