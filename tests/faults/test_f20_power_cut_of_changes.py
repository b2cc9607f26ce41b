"""F20: the power is cut just as a take is started, stopped, renamed, kept, thrown away or brought back. Every change
is there or is not; no take that was closed is missing or short, and rigd starts on what is left and lists it. At
each second cut the disk loses a part of what it had not flushed.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from hardware_sim.disks import LoopDisk
from rigd.model.state import RigState, Take
from rigd.model.take import Slate
from tests.proof.figures import Figures, count
from tests.proof.load import full_load
from tests.proof.oracle import take_folders
from tests.proof.power import Cuts, Survived, survived
from tests.support.rig import RigRun, sheet_of
from tests.support.tools import need_mounts

DISKS = count(ci=1, full=10)
CUTS = count(ci=5, full=10)
CHANNELS = count(ci=8, full=64)
DISK_BYTES = count(ci=512, full=4096) << 20
WORK = ("start", "rename {}", "next", "keep 1", "stop", "rename {}", "circle", "discard", "undo", "song {}")
"""In this order, over and over; the power is cut during each first to third of them."""


OLD_S = 3.0
"""What rigd said longer ago is on the disk, and a slate before that one is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rigd had said of its takes at one moment."""

    at_s: float

    takes: tuple[Take, ...]
    trashed: tuple[str, ...]

    def closed(self) -> dict[str, Take]:
        return {take.take_id: take for take in self.takes if take.closed}


@pytest.mark.timeout(count(ci=150, full=2400))
def test_the_power_is_cut_while_something_is_changed_and_it_is_the_old_or_the_new(
    figures: Figures, tmp_path: Path
) -> None:
    need_mounts()
    cuts = Cuts(tmp_path / "cut.img")
    for seed in range(DISKS):
        cut_one_disk(cuts, tmp_path, seed)
    figures.record(
        "F20",
        "closed takes that were missing, short or neither old nor new",
        bound="0",
        measured=0,
        unit="takes",
        count=str(cuts),
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )


def cut_one_disk(cuts: Cuts, tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)
    work = itertools.cycle(WORK)
    names = (f"{seed}-{number}" for number in itertools.count())
    with (
        LoopDisk(DISK_BYTES, write_cache=cuts.can_tear) as disk,
        RigRun(
            full_load(channels=CHANNELS, preroll_s=0.2), overrides=[f'rig.library="{disk.path / "takes"}"']
        ) as rig,
    ):
        history: list[Known] = []
        rig.await_heard(1.5)
        for number in range(CUTS):
            for _ in range(moments.randrange(3) if number else 0):
                do(rig, next(work).format(next(names)))
                history.append(known(rig))
            what = next(work).format(next(names))
            history.append(before := known(rig))
            doing = threading.Thread(target=do, args=(rig, what))
            doing.start()
            doing.join(moments.uniform(0, 0.12))
            cut = cuts.cut(disk, torn=number % 2 == 1, seed=CUTS * seed + number)
            doing.join()
            history.append(after := known(rig))
            with survived(cut, config_folder=tmp_path) as found:
                slates = slates_since(history, cut.asked_ns / 1e9 - OLD_S)
                check(found, before, after, slates, f'cut {number} of disk {seed}, during "{what}"')
                check_that_it_starts(found)


def do(rig: RigRun, what: str) -> None:
    """It is done and answered; what there is nothing for is passed by."""
    rig.client().say(what)


def known(rig: RigRun) -> Known:
    state: RigState = rig.state()
    false = tuple(each.take.take_id for each in state.discarding)
    return Known(at_s=time.monotonic(), takes=rig.client().takes(), trashed=(*state.trashed, *false))


def slates_since(history: list[Known], at_s: float) -> dict[str, list[Slate]]:
    """By take: each slate that rigd has told since then, and the one that it had then."""
    slates: dict[str, list[Slate]] = {}
    for known in history:
        for take in known.takes:
            if known.at_s < at_s:
                slates[take.take_id] = []
            slates.setdefault(take.take_id, []).append(as_kept(take.slate))
    return slates


def check(found: Survived, before: Known, after: Known, slates: dict[str, list[Slate]], what: str) -> None:
    """Nothing is missing that was closed, and nothing is as it never was."""
    known_before = {take.take_id: take for take in before.takes}
    for take_id, closed in before.closed().items():
        there = found.takes.get(take_id)
        assert there is not None, f"{what}: take {closed.slate.number} is missing"
        assert not there.record.recovered, f"{what}: take {closed.slate.number} was not closed"
        assert there.heard is not None
        assert there.heard.frames == closed.durable_frames, f"{what}: take {closed.slate.number} is short"
    for take_id, there in found.takes.items():
        assert there.heard is None or not there.heard.gaps
        told = slates.get(take_id, [])
        if not told:
            assert take_id in (*before.trashed, *after.trashed), f"{what}: a take that nobody knows"
            continue
        assert as_kept(there.record.slate) in told, f"{what}: {there.record.slate} was never so, only {told}"
        sheet = json.loads((there.folder / "take.json").read_text("utf-8"))
        assert sheet["name"] in {slate.name for slate in told}, f"{what}: take.json says {sheet['name']}"
        assert sheet["circled"] in {slate.circled for slate in told}
    for take_id, rolling in known_before.items():
        if not rolling.closed and rolling.durable_frames:
            there = found.takes[take_id]
            assert there.heard is not None and there.heard.frames >= rolling.durable_frames


def as_kept(slate: Slate) -> Slate:
    """Whether it is in the trash is told by its folder; a take on its way there or back may be either."""
    return replace(slate, false_take=False)


def check_that_it_starts(found: Survived) -> None:
    """A rig on what is left is ready, and has every take of the session or in the trash."""
    with RigRun(
        full_load(channels=2, stall_s=1, preroll_s=0), overrides=[f'rig.library="{found.library}"']
    ) as rig:
        state = rig.state()
        listed = {take.take_id for take in rig.client().takes()}
        assert listed | set(state.trashed) == set(found.takes)
        assert all(sheet_of(take) for take in rig.client().takes())
        assert len(take_folders(found.library)) == len(found.takes)
