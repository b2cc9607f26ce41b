"""F19: the power is cut at random instants of a take. Afterwards the take is there, whole up to at most two seconds
before the cut and never less than what rigd had said to be safe; recovering it again changes nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hardware_sim.disks import LoopDisk
from rigd.model.units import Ns
from rigd.tape.tape import Tape
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, full_load, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.power import Cuts, survived
from tests.support.rig import RigRun
from tests.support.tools import need_mounts

DISKS = count(ci=1, full=20)
CUTS = count(ci=4, full=5)
"""Of each disk, over one take; each second one is torn: a part of what was not flushed is missing."""
DISK_BYTES = 1 << 30


@pytest.mark.timeout(count(ci=150, full=1800))
def test_the_power_is_cut_at_random_instants_and_the_take_is_there(figures: Figures, tmp_path: Path) -> None:
    need_mounts()
    cuts = Cuts(tmp_path / "cut.img")
    lost_s: list[float] = []
    for seed in range(DISKS):
        lost_s += cuts_of_one_take(cuts, tmp_path, seed)
    of = str(cuts)
    figures.record(
        "F19", "lost at the end of the take", bound="<= 2.0 s", measured=max(lost_s), unit="s", count=of
    )
    figures.record("F19", "takes that vanished", bound="0", measured=0, unit="takes", count=of)


def cuts_of_one_take(cuts: Cuts, tmp_path: Path, seed: int) -> list[float]:
    """Seconds lost by each cut."""
    moments = random.Random(seed)
    lost_s = []
    with (
        LoopDisk(DISK_BYTES, write_cache=cuts.can_tear) as disk,
        RigRun(full_load(preroll_s=0), overrides=[f'rig.library="{disk.path / "takes"}"']) as rig,
    ):
        take = start_take(rig, seconds=0.5)
        with Tape.attach(rig.runtime / "tape", writable=False) as tape:
            for number in range(CUTS):
                rig.hear(moments.uniform(0.1, 1.3))
                rolling = rig.state().take
                assert rolling is not None
                cut = cuts.cut(disk, torn=number % 2 == 1, seed=CUTS * seed + number)
                end = tape.timeline().frame_at(Ns(cut.cut_ns))
                with survived(cut, config_folder=tmp_path) as found:
                    assert set(found.takes) == {take.take_id}, "the take, and no other, is there"
                    heard = found.takes[take.take_id].heard
                    assert heard is not None and not heard.gaps
                    assert heard.frames >= rolling.durable_frames, "what was said to be safe is safe"
                    lost_s.append((end - take.first_frame - heard.frames) / RATE_HZ)
        closed = stop_take(rig)
        check_a(closed.folder)
        check_b(closed.folder)
    return lost_s
