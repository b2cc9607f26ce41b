"""The runtime folder: whose it is, one rigd's at a time, and whether it stays when its user logs out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigd.links.runtime_folder import goes_with_login, make_runtime_dir, only_one
from rigd.model.errors import AlreadyRunning, RigError


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a machine with a service manager, on which nobody lingers."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "uid", "stays"),
    [
        ("/run/user/1000/rigd", 1000, False),
        ("/dev/shm/rigd-1000", 1000, False),
        ("/dev/shm/rigd-999", 999, True),  # a system user's is not touched
        ("/dev/shm/rigd-0", 0, True),
        ("/run/rigd", 1000, True),
    ],
)
def test_a_folder_that_goes_with_the_login_is_told_with_the_cure(
    machine: Path, folder: str, uid: int, stays: bool
) -> None:
    told = goes_with_login(Path(folder), user="ann", uid=uid, root=machine)
    assert (not told) is stays
    assert stays or "loginctl enable-linger ann" in told


def test_a_user_who_lingers_and_a_machine_without_logind_keep_the_folder(
    machine: Path, tmp_path: Path
) -> None:
    folder = Path("/run/user/1000/rigd")
    assert goes_with_login(folder, user="ann", uid=1000, root=machine)
    (machine / "var/lib/systemd/linger/ann").touch()
    assert not goes_with_login(folder, user="ann", uid=1000, root=machine)
    assert not goes_with_login(folder, user="bob", uid=1000, root=tmp_path / "elsewhere")


def test_a_folder_that_a_stranger_made_or_a_link_where_everybody_may_make_one_is_refused(
    tmp_path: Path,
) -> None:
    everybodys = tmp_path / "shm"
    everybodys.mkdir()
    everybodys.chmod(0o1777)
    mine = tmp_path / "mine"
    mine.mkdir()
    (everybodys / "link").symlink_to(mine)
    with pytest.raises(RigError, match="link is a link, and somebody else may have laid it there"):
        make_runtime_dir(everybodys / "link")
    (tmp_path / "link").symlink_to(mine)
    assert make_runtime_dir(tmp_path / "link") == tmp_path / "link", "one's own link at one's own place"
    if os.getuid() == 0:
        stranger = everybodys / "rigd"
        stranger.mkdir()
        os.chown(stranger, 12345, 12345)
        with pytest.raises(RigError, match="shm/rigd belongs to user 12345"):
            make_runtime_dir(stranger)


def test_the_second_rigd_of_a_folder_is_told_how_to_see_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}.*rigd watch"):
        only_one(tmp_path)
    only_one(tmp_path).close()
