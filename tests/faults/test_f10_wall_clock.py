"""F10: the wall clock is set an hour on, an hour back, and by less than a second, while a take rolls and the daemon
is restarted. The take is as long as it was; its start keeps its time; nothing that is told of it is negative.

The clock is that of rigd's processes alone (clock_shim.c); the machine's is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rigd.takefile.journal import JOURNAL_NAME, read_journal
from tests.proof.figures import Figures, count
from tests.proof.load import RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.proof.wall_clock import WallClock
from tests.support.patience import wait_for
from tests.support.rig import RigRun, sheet_of
from tests.support.tools import need_tool

SETTINGS_S = count(ci=(3600.0, -3600.0, 0.7), full=(3600.0, -3600.0, 0.7, -0.3, 86_400.0, -86_400.0, 1.0) * 5)


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[WallClock]:
    need_tool("gcc")
    yield WallClock(tmp_path)


@pytest.mark.timeout(count(ci=120, full=300))
def test_the_clock_is_set_while_a_take_rolls(
    rig_of: Callable[..., RigRun], clock: WallClock, figures: Figures
) -> None:
    rig = rig_of(environment=clock.environment)
    asked_at = time.time()
    take = start_take(rig)
    began = datetime.fromisoformat(take.started_at)
    assert abs(began.timestamp() - asked_at) < 30, "the clock is the machine's to begin with"
    for seconds in SETTINGS_S:
        clock.set_ahead(seconds)
        rig.roll(0.3)
        rig.say("mark")
    rig.roll(0.3)
    rig.kill_daemon()
    rig.start()
    rig.roll(0.3)
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert heard.gaps == () and closed.xruns == 0
    assert closed.started_at == take.started_at, "its start keeps its time"
    wait_for(lambda: not sheet_of(closed).get("rolling", True), "take.json is that of a closed take")
    sheet = sheet_of(closed)
    assert sheet["duration_s"] == pytest.approx(heard.frames / RATE_HZ, abs=0.001)
    record = read_journal(Path(closed.folder) / JOURNAL_NAME)
    assert sheet["time_reference"] == record.order.time_reference
    assert [marker["frame"] for marker in sheet["markers"]] == sorted(
        marker["frame"] for marker in sheet["markers"]
    )
    assert 0 < len(sheet["markers"]) == len(SETTINGS_S)
    check_that_nothing_is_negative(sheet, "take.json")

    # The next take begins when the clock says, as it is now.
    ahead_s = 7200.0
    clock.set_ahead(ahead_s)
    start_take(rig, seconds=0.3)
    later = stop_take(rig, closed=2)
    passed_s = (later.first_frame - closed.first_frame) / RATE_HZ
    shown_s = (datetime.fromisoformat(later.started_at) - began).total_seconds()
    assert abs(shown_s - passed_s - ahead_s) < 1.0
    of = f"clock set {len(SETTINGS_S)} times"
    figures.record("F10", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)


def check_that_nothing_is_negative(plain: Any, where: str) -> None:
    """Every frame, length and duration in it is 0 or more."""
    if isinstance(plain, dict):
        for key, value in plain.items():
            if key not in ("gain_db", "value", "peak_dbfs"):
                check_that_nothing_is_negative(value, f"{where}.{key}")
    elif isinstance(plain, list):
        for place, value in enumerate(plain):
            check_that_nothing_is_negative(value, f"{where}[{place}]")
    elif isinstance(plain, int | float):
        assert plain >= 0, f"{where} is {plain}"
