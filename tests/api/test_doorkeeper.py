"""Who is let in at the control socket, by the kernel's word: the owner, root, the group that a service lets in."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.api.doorkeeper import Doorkeeper
from rigd.model.roles import Role
from rigd.rules.permissions import Principal
from rigd.wire.own_folder import user_named
from tests.api.test_control_socket import bench_at
from tests.support import stranger

GROUP = 60_123
CONNECTS = (
    "stream = socket.socket(socket.AF_UNIX); stream.connect(sys.argv[1]); print(stream.recv(999).decode())"
)


@pytest.fixture
def service() -> Iterator[Path]:
    """A folder whose group may enter, as /run/rigd. The mode of the socket lets everybody in: who is let in is not
    for a mode to say."""
    with stranger.everybodys_folder() as place:
        place.chmod(0o755)
        folder = place / "rigd"
        folder.mkdir()
        os.chown(folder, -1, GROUP)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize(
    ("uid", "groups", "role"),
    [
        (0, (), Role.OWNER),
        (stranger.NUMBER, (GROUP,), Role.PLAYER),
        (GROUP, (), Role.PLAYER),
        (stranger.NUMBER, (GROUP + 1,), None),
    ],
)
def test_members_of_the_group_are_let_in_and_others_are_told_who_is(
    service: Path, monkeypatch: pytest.MonkeyPatch, uid: int, groups: tuple[int, ...], role: Role | None
) -> None:
    monkeypatch.setattr(os, "getegid", lambda: GROUP)  # as a service's daemon
    path = service / "rigd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        with stranger.begin(CONNECTS, path, groups=groups, uid=uid) as process:
            stream, _ = listener.accept()
            who = Doorkeeper(path, group_role=Role.PLAYER).let_in(stream)
            assert (None if who is None else who.role) is role
            assert who is None or who.name == user_named(uid)
            stream.close()
            told, _ = process.communicate(timeout=60)
    assert ("lets in root and the group 60123; you are none of them" in told) is (role is None)


ASKS = """
stream = socket.socket(socket.AF_UNIX); stream.connect(sys.argv[1])
for text in ("lock", "mark here"):
    stream.sendall(b'{"type":"TextRequest","id":1,"origin":"root","at_ns":1,"text":"%s"}\\n' % text.encode())
    print(stream.makefile().readline().strip())
"""


def test_a_member_of_the_group_may_do_what_the_group_s_role_may(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getegid", lambda: GROUP)
    with bench_at(service, group_role=Role.PLAYER) as bench:
        bench.path.chmod(0o666)
        with stranger.begin(ASKS, bench.path, groups=(GROUP,), uid=stranger.NUMBER) as process:
            told, _ = process.communicate(timeout=60)
    locked, marked = told.splitlines()
    assert "is here as player, and lock is for the owner; that is set by [control] group_role" in locked
    assert "no take rolls" in marked and not bench.controller.state.locked


def test_who_came_in_as_a_member_of_the_group_is_what_members_are_by_now(tmp_path: Path) -> None:
    keeper = Doorkeeper(tmp_path / "rigd.sock", group_role=Role.PLAYER)
    member = Principal(name="anna", role=Role.PLAYER, role_set_by="[control] group_role")
    owner = Principal(name="root", role=Role.OWNER)
    keeper.group_role = Role.WATCHER
    assert keeper.as_of_now(member).role is Role.WATCHER
    assert keeper.as_of_now(owner) is owner
