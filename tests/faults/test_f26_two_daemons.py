"""F26: a second daemon is started on the library, or in the runtime folder, of one that records. It ends at once,
says why, and the first one notices nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.proof.figures import Figures, count
from tests.proof.load import full_load, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.rig import RigRun

ALREADY_RUNNING = 5
CONFIG = full_load(stall_s=5)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("same", ["library", "runtime folder"])
def test_the_second_of_two_daemons_ends_at_once_and_the_first_is_unharmed(
    same: str, tmp_path: Path, figures: Figures
) -> None:
    times = count(ci=1, full=20)
    with RigRun(CONFIG) as rig:
        start_take(rig)
        config = tmp_path / "second.toml"
        library = rig.library if same == "library" else tmp_path / "takes"
        runtime = rig.runtime if same == "runtime folder" else tmp_path / "run"
        config.write_text(f'[rig]\nlibrary = "{library}"\nruntime_dir = "{runtime}"\n{CONFIG}', "utf-8")
        took_s = []
        for _ in range(times):
            began = time.monotonic()
            second = subprocess.run(
                [sys.executable, "-m", "rigd", "run", "--config", str(config)],
                capture_output=True,
                text=True,
                timeout=60,
            )
            took_s.append(time.monotonic() - began)
            assert second.returncode == ALREADY_RUNNING
            said = second.stdout + second.stderr
            assert str(rig.daemon.pid) in said or str(runtime) in said, said
            assert "Traceback" not in said
        rig.roll(1)
        closed = stop_take(rig)
        heard = check_a(closed.folder)
        check_b(closed.folder)
        assert heard.gaps == ()
    figures.record(
        "F26",
        f"same {same}: the second has ended",
        bound="<= 1 s",
        measured=max(took_s),
        unit="s",
        count=f"{times} starts",
    )
