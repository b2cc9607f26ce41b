"""What a check finds, and where it looks. Pure but for reading files below `Machine.root`, which tests replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field

from rigd.model.access import Access


class Grade(StrEnum):
    """How much a finding stands in the way."""

    OK = "ok"  # nothing to do
    FACT = "fact"  # good to know
    ADVICE = "advice"  # a take is safe, and could be safer
    PROBLEM = "problem"  # a take is not safe


class Finding(Struct, frozen=True, kw_only=True):
    """One line of `rigd doctor`."""

    topic: str
    grade: Grade
    what: str
    """With its figure."""
    cure: str = ""
    """A command or a line to write; empty where there is nothing to do."""


class Plan(Struct, frozen=True, kw_only=True):
    """What the rig is to do on this machine, from its config."""

    tape_bytes: int = 0
    runtime_dir: str = ""
    library: str = ""
    bytes_per_second: int = 0
    """Of a take of the armed channels."""
    of_service: bool = False
    """The installed service is to do it: its units' limits and rights count."""
    needs: Mapping[str, Access] = field(default_factory=dict)
    """Of the service: what each unit is to reach."""


class Space(Struct, frozen=True, kw_only=True):
    """Of a file system, for a plain user."""

    total_bytes: int
    free_bytes: int


class Machine(Struct, frozen=True, kw_only=True):
    """The machine as files below `root`; what is not a file is asked of the callables."""

    root: Path = Path("/")
    user: str = ""
    uid: int = 0
    space: Callable[[str], Space | None] = field(default=lambda path: None)
    clock_is_synchronised: Callable[[], bool | None] = field(default=lambda: None)
    """None: it cannot be told."""

    folder_fault: Callable[[str], str] = field(default=lambda path: "")
    """Why a folder cannot be this user's runtime folder; empty where it can."""

    unit: Callable[[str, str], str] = field(default=lambda unit, setting: "")
    """A setting or state of a unit, as `systemctl show` has it; empty where it is not told."""

    def text(self, path: str) -> str:
        """Stripped; empty where the file cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text("utf-8", "replace").strip()
        except OSError:
            return ""

    def number(self, path: str) -> int | None:
        """None where there is none."""
        try:
            return int(self.text(path).split()[0], 0)
        except (ValueError, IndexError):
            return None

    def glob(self, pattern: str) -> list[Path]:
        """Paths below root, sorted."""
        return sorted(self.root.glob(pattern.lstrip("/")))

    def exists(self, path: str) -> bool:
        """Also a dangling link counts. What lies where this user may not look does not."""
        try:
            (self.root / path.lstrip("/")).lstat()
        except OSError:
            return False
        return True

    def limit(self, name: str, *, of: str = "self") -> float:
        """The soft limit of /proc/PID/limits; infinity for "unlimited", 0 where it is not told."""
        for line in self.text(f"/proc/{of}/limits").splitlines():
            if line.startswith(name):
                value = line[len(name) :].split()[0]
                return float("inf") if value == "unlimited" else float(value)
        return 0.0

    def may(self, capability: int) -> bool:
        """The process has the capability (capabilities(7))."""
        for line in self.text("/proc/self/status").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> capability & 1)
        return False

    def is_in_group(self, name: str) -> bool:
        """This process is in the group, which there is."""
        lines = self.text("/proc/self/status").splitlines()
        mine = next((line.split()[1:] for line in lines if line.startswith("Groups:")), [])
        numbers = [
            line.split(":")[2:3]
            for line in self.text("/etc/group").splitlines()
            if line.startswith(f"{name}:")
        ]
        return any(number and number[0] in mine for number in numbers)

    def processes(self) -> Iterator[tuple[int, str]]:
        """Number and name of each."""
        for folder in (self.root / "proc").glob("[0-9]*"):
            try:
                yield int(folder.name), (folder / "comm").read_text("utf-8", "replace").strip()
            except (OSError, ValueError):
                continue

    def mount_of(self, path: str) -> tuple[str, str, str, str]:
        """Device, mount point, kind and options of the file system that holds `path`; empty where unknown."""
        found = ("", "", "", "")
        for line in self.text("/proc/self/mounts").splitlines():
            device, place, kind, options, *_ = (*line.split(), "", "", "", "")
            place = place.replace("\\040", " ")
            inside = path == place or path.startswith(place.rstrip("/") + "/")
            if inside and len(place) >= len(found[1]):
                found = (device, place, kind, options)
        return found
