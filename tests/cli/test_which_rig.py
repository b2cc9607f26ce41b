"""A command that names no rig means the user's own, else the service's, and says so where both run."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.cli.which_rig import Entrance, NotLetIn, check_let_in, door_of, find_rig
from rigd.wire.link import listen
from tests.support.tools import need_root


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    (tmp_path / "service").mkdir()
    return tmp_path / "service"


def test_the_services_rig_is_found_where_the_user_has_none(own: Path, service: Path) -> None:
    assert find_rig(own, service) == own, "where nothing runs, the message is about the user's own"
    with listen(service / "rigd.sock"):
        assert find_rig(own, service) == service
        assert find_rig(service, service) == service


def test_a_socket_that_a_killed_rig_left_is_no_rig(own: Path, service: Path) -> None:
    listen(own / "rigd.sock").close()
    with listen(service / "rigd.sock"):
        assert find_rig(own, service) == service


def test_where_both_run_it_is_the_users_own_and_that_is_said(
    own: Path, service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listen(own / "rigd.sock"):
        assert find_rig(own, service) == own
        assert capsys.readouterr() == ("", "")
        with listen(service / "rigd.sock"):
            assert find_rig(own, service) == own
    told = capsys.readouterr().err
    assert str(own) in told and f"--runtime-dir {service}" in told


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder on the way to which nobody is stopped."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o750, "sudo adduser nobody {group}, then log in again"),
        (0o700, "is {owner}'s alone; nobody is not let in"),
    ],
)
def test_who_is_not_let_in_is_told_who_is(open_to_all: Path, mode: int, told: str) -> None:
    need_root("to be somebody else for a moment")
    runtime = open_to_all / "rigd"
    runtime.mkdir()
    with listen(runtime / "rigd.sock"):
        runtime.chmod(mode)
        assert door_of(runtime) is Entrance.OPEN
        check_let_in(runtime)
        message = _as_nobody(runtime)
        assert told.format(group=runtime.group(), owner=runtime.owner()) in message
        open_to_all.chmod(0o700)
        assert "may not look for a rigd" in _as_nobody(runtime)


def _as_nobody(runtime: Path) -> str:
    """The message that the user nobody gets."""
    user = pwd.getpwnam("nobody")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            check_let_in(runtime)
        except NotLetIn as error:
            os.write(writing, str(error).encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        return told.read()
