"""A library that somebody has made to do harm: in the places of folders and files lie links, other names of files
elsewhere, pipes, devices, and JSON that rigd never wrote."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SESSION = "2026-03-01 Demo"
PLACES = (
    ".rigd",
    ".rigd/lock",
    ".rigd/volume",
    ".rigd/.volume.new",
    ".rigd/index.sqlite3",
    ".rigd/index.sqlite3-wal",
    ".rigd/index.sqlite3-journal",
    ".rigd/keeping",
    ".rigd/blackbox",
    ".rigd/trial",
    SESSION,
    f"{SESSION}/session.json",
    f"{SESSION}/.session.json.new",
    f"{SESSION}/Song",
    f"{SESSION}/.trash",
    f"{SESSION}/Song/Closed",
    f"{SESSION}/Song/Closed/take.json",
    f"{SESSION}/Song/Closed/.take.json.new",
    f"{SESSION}/Song/Closed/take.journal",
    f"{SESSION}/Song/Closed/01 Track.wav",
    f"{SESSION}/Song/Open",
    f"{SESSION}/Song/Open/take.json",
    f"{SESSION}/Song/Open/take.journal",
    f"{SESSION}/Song/Open/.take.journal.new",
    f"{SESSION}/Song/Open/01 Track.wav",
    f"{SESSION}/Song/Open/02 Track.wav",
)
KINDS = (
    "link to a file",
    "link to a folder",
    "link to nothing",
    "link to its like",
    "hard link",
    "pipe",
    "device",
    "folder",
    "odd",
)
EVIL_NAMES = (
    "../../outside",
    "/tmp/outside",
    "..",
    ".",
    "",
    ".rigd",
    ".trash",
    "a/b",
    "nul\0",
    "line\n",
    "x" * 300,
)
ODD_VALUES: tuple[Any, ...] = (*EVIL_NAMES, -1, 1 << 40, 1 << 70, float("inf"), None, [], {}, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """What lies where. `odd` picks among the ways to be odd."""

    place: str
    kind: str
    odd: int = 0


class Outside:
    """What nobody may touch: files, folders, a whole take, another program's database."""

    def __init__(self, folder: Path, like: Path) -> None:
        """`like`: a library of which everything is there once more."""
        self.folder = folder
        self.like = folder / "like"
        shutil.copytree(like, self.like, symlinks=True)
        (folder / "empty").mkdir()
        (folder / "precious").write_bytes(b"precious" * 1000)
        with sqlite3.connect(folder / "their.sqlite3") as theirs:
            theirs.execute("CREATE TABLE theirs (what)")
        theirs.close()
        self._before = self._look()

    def set(self, library: Path, trap: Trap) -> Path | None:
        """The trap lies in the library. Returns what of it is not to be opened for writing either."""
        path = library / trap.place
        if path.parent.resolve() != path.parent or not path.parent.is_dir():
            return None  # another trap lies above it
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        like, name = self.like / trap.place, path.name
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path)
        theirs = self.folder / ("their.sqlite3" if "sqlite3" in name else "precious")
        match trap.kind:
            case "link to a file":
                path.symlink_to(theirs)
            case "link to a folder":
                path.symlink_to(self.folder / "empty")
            case "link to nothing":
                path.symlink_to(self.folder / "not there")
            case "link to its like":
                path.symlink_to(like)
            case "hard link":
                os.link(like if like.is_file() else theirs, path)
            case "pipe":
                os.mkfifo(path)
                return path
            case "device":
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))  # what is written to /dev/full fails
                return path
            case "folder":
                (path / "with" / "something").mkdir(parents=True)
            case _:
                path.write_bytes(_made_odd(content, trap.odd))
        return None

    def _look(self) -> dict[str, tuple[Any, ...]]:
        return {str(path.relative_to(self.folder)): _state_of(path) for path in self.folder.rglob("*")}

    def changes(self) -> list[str]:
        """What is not as it was."""
        now = self._look()
        return [name for name in {*now, *self._before} if now.get(name) != self._before.get(name)]


def _state_of(path: Path) -> tuple[Any, ...]:
    """Not the time of the last change of an inode: a name of it that is removed in the library is one."""
    status = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    return status.st_ino, status.st_mode, status.st_mtime_ns, content


def _made_odd(content: bytes, odd: int) -> bytes:
    """JSON with a value that does not belong there; else something cut off."""
    try:
        fields = _fields_of(plain := json.loads(content))
    except ValueError:
        fields = []
    if not fields:
        return content[: odd % (len(content) + 1)] + b"\0odd\x1b[2J"
    holder, key = fields[odd % len(fields)]
    holder[key] = ODD_VALUES[odd // len(fields) % len(ODD_VALUES)]
    return json.dumps(plain).encode()


def _fields_of(plain: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pairs = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in pairs:
        found += [(plain, key), *_fields_of(value)]
    return found
