"""A power cut and what becomes of it: the disk's copy is checked by e2fsck, mounted, recovered with `rigd recover`,
recovered again, and every take on it is asked for both invariants."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardware_sim.disks import LoopDisk, PowerCut, can_mount, mount_copy
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from rigd.takefile.ledger import TakeRecord
from tests.proof.load import full_load
from tests.proof.oracle import Heard, check_a, check_b, check_b_rolling, take_folders


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivedTake:
    """A take on the copy, after recovery."""

    folder: Path
    record: TakeRecord
    heard: Heard | None
    """None for a take that was cut off before it had a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """What was on the disk after all."""

    library: Path
    takes: dict[str, SurvivedTake]
    """By take id."""


class Cuts:
    """Power cuts, some of them torn: of the sectors written since the last flush a random half is missing. Where
    nothing is written for seconds, a cut is as whole as any other, and not counted as torn; so is each one where the
    machine has no FUSE."""

    def __init__(self, image: Path) -> None:
        self.can_tear = bool(can_mount(write_cache=True))
        """A LoopDisk that is to be cut is made with this as its `write_cache`."""
        self._image = image
        self._count = 0
        self._torn = 0
        self._missing = 0
        self._unflushed = 0

    def cut(self, disk: LoopDisk, *, torn: bool, seed: int) -> PowerCut:
        """Now, or for a torn one as soon as the disk has written without a flush."""
        self._count += 1
        if not (torn and self.can_tear):
            return disk.power_cut(self._image)
        cut = disk.torn_power_cut(self._image, seed=seed)
        self._torn += cut.torn_sectors > 0
        self._missing += cut.torn_sectors
        self._unflushed += cut.unflushed_sectors
        return cut

    def __str__(self) -> str:
        """How many, for a row's count."""
        lost = f"{self._missing:,} of {self._unflushed:,} unflushed sectors missing"
        return f"{self._count} power cuts, {self._torn} of them torn ({lost})"


@contextmanager
def survived(cut: PowerCut, *, config_folder: Path) -> Iterator[Survived]:
    """The copy is mounted and recovered until the end of `with`. AssertionError where a take is not as it must be:
    open in every reader before the recovery, whole after it, and the same bytes after another one."""
    with mount_copy(cut.image) as copy:
        library = copy.path / "takes"
        for folder in take_folders(library):
            check_b_rolling(folder)
        recover(library, config_folder)
        once = digests(library)
        recover(library, config_folder)
        twice = digests(library)
        assert once == twice, f"recovered twice: {sorted(set(once.items()) ^ set(twice.items()))}"
        takes = {}
        for folder in take_folders(library):
            record = read_journal(folder / JOURNAL_NAME)
            frames = check_b(folder)
            heard = check_a(folder) if frames else None
            takes[record.order.take_id] = SurvivedTake(folder=folder, record=record, heard=heard)
        yield Survived(library=library, takes=takes)


def recover(library: Path, config_folder: Path) -> None:
    """`rigd recover` has closed what was open there."""
    config = config_folder / "recover.toml"
    config.write_text(f'[rig]\nlibrary = "{library}"\n{full_load()}', "utf-8")
    command = [sys.executable, "-m", "rigd", "recover", "--config", str(config)]
    command += ["--runtime-dir", str(config_folder / "no-rig-runs-here")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"rigd recover: {done.stdout}{done.stderr}"


def digests(library: Path) -> dict[str, str]:
    """SHA-256 of every file of every session; the index, which is made anew, is not among them."""
    return {
        str(path.relative_to(library)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(library.rglob("*"))
        if path.is_file() and ".rigd" not in path.relative_to(library).parts
    }
