"""Which config is meant where the command line names none. Reads names, owners and modes only; any thread."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from rigd.model.errors import ConfigError

VARIABLE = "RIGD_CONFIG"
FILE_NAME = "rig.toml"
OF_THE_MACHINE = Path("/etc/rigd") / FILE_NAME


class Place(Struct, frozen=True, kw_only=True):
    """A config's file, and by what it is the one."""

    path: Path
    by: str
    """As a person is told: "--config", "$RIGD_CONFIG", "this folder's", "your own", "this machine's"."""

    @property
    def is_named(self) -> bool:
        """Somebody named it, rather than rigd having found it."""
        return self.by in (_GIVEN, _BY_VARIABLE)


_GIVEN = "--config"
_BY_VARIABLE = f"${VARIABLE}"


def own_config(environ: Mapping[str, str]) -> Path:
    """Where this user's own config is, or would be (XDG Base Directory Specification: $XDG_CONFIG_HOME)."""
    folder = environ.get("XDG_CONFIG_HOME", "")
    base = Path(folder) if folder.startswith("/") else Path.home() / ".config"
    return base / "rigd" / FILE_NAME


def places(environ: Mapping[str, str]) -> Iterator[Place]:
    """Where a config is looked for, in this order, once nobody named one."""
    yield Place(path=Path(FILE_NAME).absolute(), by="this folder's")
    yield Place(path=own_config(environ), by="your own")
    yield Place(path=OF_THE_MACHINE, by="this machine's")


def find_config(given: Path | None, environ: Mapping[str, str]) -> Place:
    """The config that is meant. What is named is taken unseen; raises ConfigError where none is named or found."""
    if given is not None:
        return Place(path=given, by=_GIVEN)
    if named := environ.get(VARIABLE):
        return Place(path=Path(named), by=_BY_VARIABLE)
    looked: list[str] = []
    for place in places(environ):
        if _is_there(place.path):
            _check_own(place.path)
            return place
        looked.append(str(place.path))
    raise ConfigError(
        f"there is no config yet: none is named (--config, {_BY_VARIABLE}), and none lies in {', '.join(looked)}. "
        "Make one with: rigd init"
    )


def find_or_none(given: Path | None, environ: Mapping[str, str]) -> Place | None:
    """As `find_config`; None where there is none, or one that nobody named cannot be trusted."""
    try:
        return find_config(given, environ)
    except ConfigError:
        return None


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _check_own(path: Path) -> None:
    """A config says where rigd writes and what it starts. One that lies where somebody happens to stand is only
    taken from this user or root: in /tmp anybody may lay down a rig.toml."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{path} belongs to another user, and was not taken unasked. If it is the one: --config {path}"
        )
    if found.st_mode & stat.S_IWOTH:
        raise ConfigError(
            f"{path} may be written by everybody, and was not taken unasked. chmod o-w {path}, or: --config {path}"
        )
