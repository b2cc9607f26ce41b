"""A second user of the machine, who means harm: what he does is done under his own number, by the kernel's rules.

with everybodys_folder() as place:
    act("os.mkdir(sys.argv[1])", place / "rigd")
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools import die_with_parent, need_root

NUMBER = 65534
BEGINNING = """
import os, socket, sys, time
groups, uid = sys.argv.pop(1), int(sys.argv.pop(1))
os.setgroups([int(group) for group in groups.split()])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
"""
"""He is made a stranger from inside: he may not enter every home that a Python lies in."""


def begin(
    code: str, *arguments: object, groups: Sequence[int] = (), uid: int = NUMBER, listens: bool = False
) -> subprocess.Popen[str]:
    """The code runs as the stranger, with `arguments` in sys.argv[1:]; what it prints can be read. With `listens`
    what is written to it, too."""
    need_root("to be somebody else")
    return subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-c",
            BEGINNING + code,
            " ".join(map(str, groups)),
            str(uid),
            *map(str, arguments),
        ],
        cwd="/",
        text=True,
        stdin=subprocess.PIPE if listens else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
    )


def act(code: str, *arguments: object, groups: Sequence[int] = (), uid: int = NUMBER) -> str:
    """The code has run as the stranger; what it printed. He may fail: that is seen in what is there afterwards."""
    with begin(code, *arguments, groups=groups, uid=uid) as process:
        told, _ = process.communicate(timeout=60)
        return told


@contextmanager
def everybodys_folder() -> Iterator[Path]:
    """As /tmp: everybody may make something there, and nobody take away what is another one's."""
    place = Path(tempfile.mkdtemp(prefix="rigd-test-", dir="/dev/shm"))
    place.chmod(0o1777)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
