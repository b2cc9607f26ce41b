"""F43: a stop is acknowledged, and the power is cut at that moment. The take is complete on the disk that is left,
also where the disk has lost a part of what it had not flushed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardware_sim.disks import LoopDisk, mount_copy
from tests.proof.figures import Figures, count
from tests.proof.load import full_load
from tests.proof.oracle import check_a, check_b
from tests.proof.power import Cuts
from tests.support.rig import RigRun
from tests.support.tools import need_mounts

CUTS = count(ci=4, full=50)
CHANNELS = count(ci=8, full=64)


@pytest.mark.timeout(count(ci=180, full=1800))
def test_a_stop_that_was_acknowledged_has_every_frame_on_the_disk(tmp_path: Path, figures: Figures) -> None:
    need_mounts()
    config = full_load(channels=CHANNELS, preroll_s=0, keep_s=2, stall_s=10)
    missing = 0
    cuts = Cuts(tmp_path / "cut.img")
    with LoopDisk(count(ci=256, full=2048) << 20, write_cache=cuts.can_tear) as disk:
        library = disk.path / "takes"
        with RigRun(config, overrides=[f"rig.library={json.dumps(str(library))}"]) as rig:
            client = rig.client()
            for number in range(CUTS):
                rig.say("start")
                rig.roll(0.3 + 0.1 * (number % 5))
                answer = client.command("next" if number % 2 else "stop")
                assert answer.accepted and answer.ended is not None
                take = client.wait_closed(answer.ended, timeout_s=60)
                cut = cuts.cut(disk, torn=number // 2 % 2 == 1, seed=number)
                assert take is not None and take.closed and not take.failure
                if number % 2:
                    client.wait_closed(client.command("stop").ended, timeout_s=60)
                with mount_copy(cut.image) as found:
                    folder = found.path / "takes" / Path(take.folder).relative_to(library)
                    heard = check_a(folder)
                    assert check_b(folder) == take.durable_frames, "before any repair"
                    missing = max(missing, take.durable_frames - heard.frames)
                    assert heard.gap_frames == 0
                cut.image.unlink()
    assert missing == 0
    figures.record(
        "F43",
        "power cut right after an acknowledged stop: frames lost",
        bound="0 frames",
        measured=missing,
        unit="frames",
        count=str(cuts),
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )
