"""Who is let in at the control socket, by the kernel's word: the owner, root, the group that a service lets in."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.api.doorkeeper import Doorkeeper
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
    ("uid", "groups", "is_in"),
    [
        (0, (), True),
        (stranger.NUMBER, (GROUP,), True),
        (GROUP, (), True),
        (stranger.NUMBER, (GROUP + 1,), False),
    ],
)
def test_members_of_the_group_are_let_in_and_others_are_told_who_is(
    service: Path, monkeypatch: pytest.MonkeyPatch, uid: int, groups: tuple[int, ...], is_in: bool
) -> None:
    monkeypatch.setattr(os, "getegid", lambda: GROUP)  # as a service's daemon
    path = service / "rigd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        with stranger.begin(CONNECTS, path, groups=groups, uid=uid) as process:
            stream, _ = listener.accept()
            assert Doorkeeper(path).lets_in(stream) is is_in
            stream.close()
            told, _ = process.communicate(timeout=60)
    assert ("lets in root and the group 60123; you are none of them" in told) is not is_in
