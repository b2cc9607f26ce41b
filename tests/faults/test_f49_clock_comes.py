"""F49: the machine boots with 1970 or last week's time and the right one comes later; the rig is on for a month; the
clock is set back and rigd is restarted. The last take is the last one recorded, today's takes lie in today's session
on both volumes, nothing moves while a take rolls, and no frame is touched.

The clock is that of rigd's processes alone (clock_shim.c); the machine's is left alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from rigd.model.state import CopyState, Take
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from tests.proof.figures import Figures, count
from tests.proof.load import start_take, stop_take
from tests.proof.oracle import check_whole
from tests.proof.wall_clock import WallClock
from tests.support.disks import mirrored, what_differs
from tests.support.patience import wait_for
from tests.support.rig import RigRun, sheet_of
from tests.support.tools import need_tool

DAY_S = 86_400.0
BOOTS = count(ci=("1970",), full=("1970", "last week") * 5)
CHANNELS = 4


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    need_tool("gcc")
    return WallClock(tmp_path)


def session_of(take: Take) -> Path:
    return Path(take.folder).parent.parent


def sessions_in(root: Path) -> list[str]:
    return sorted(name for name in os.listdir(root) if name != ".rigd")


def dates_in(take: Take) -> set[str]:
    """OriginationDate of each file's bext, behind 256 + 32 + 32 bytes."""
    found = set()
    for file in take.files:
        head = (Path(take.folder) / file.name).read_bytes()[:4096]
        at = head.index(b"bext") + 8 + 320
        found.add(head[at : at + 10].decode("ascii"))
    return found


@pytest.mark.timeout(count(ci=180, full=900))
@pytest.mark.parametrize("boot", BOOTS)
def test_the_clock_comes_while_a_take_rolls(
    boot: str, rig_of: Callable[..., RigRun], clock: WallClock, tmp_path: Path, figures: Figures
) -> None:
    asked_at = time.time()
    clock.call_synchronised(False)
    clock.set_ahead(300.0 - asked_at if boot == "1970" else -7 * DAY_S)
    library, mirror = tmp_path / "takes", tmp_path / "mirror"
    rig = rig_of(channels=CHANNELS, overrides=mirrored(library, mirror), environment=clock.environment)
    rig.await_state(
        lambda state: any(f.key == "clock" for f in state.faults), "the clock is said to be wrong"
    )
    start_take(rig, seconds=0.3)
    rig.say("mark chorus")
    rig.say("circle")
    first = stop_take(rig)
    wrong = datetime.fromtimestamp(asked_at + (300.0 - asked_at if boot == "1970" else -7 * DAY_S))
    assert session_of(first).name.startswith(f"{wrong:%Y}")
    assert (
        datetime.fromtimestamp(asked_at) - datetime.fromisoformat(first.started_at).replace(tzinfo=None)
    ).days > 5

    rolling = start_take(rig, seconds=0.3)
    clock.set_ahead(0.0)
    clock.call_synchronised(True)
    rig.await_state(lambda state: not any(f.key == "clock" for f in state.faults), "the clock is right")
    rig.roll(1.0)
    assert Path(first.folder).is_dir() and Path(rolling.folder).is_dir(), "nothing moves while it rolls"
    rig.say("stop")
    today = f"{datetime.fromtimestamp(asked_at):%Y-%m-%d}"
    rig.await_state(
        lambda state: Path(state.session_folder).name.startswith(today) and len(state.takes) == 2,
        "both takes are in today's session",
        within_s=60.0,
    )
    rig.await_state(
        lambda state: all(t.copy is not None and t.copy.state is CopyState.SAME for t in state.takes),
        "both copies are the same",
        within_s=60.0,
    )
    dated = rig.await_closed(2)
    lost = 0
    for before, take in zip((first, rolling), dated, strict=True):
        assert before.take_id == take.take_id
        began = datetime.fromisoformat(take.started_at).timestamp()
        assert abs(began - asked_at) < 120.0
        assert session_of(take).parent == library and not Path(before.folder).exists()
        assert take.copy is not None and what_differs(take.folder, take.copy.folder) == []
        assert Path(take.copy.folder) == mirror / Path(take.folder).relative_to(library)
        lost += check_whole(take).gap_frames
        wait_for(lambda take=take: dates_in(take) == {today}, "the files say the day")  # type: ignore[misc]
        assert read_journal(Path(take.folder) / JOURNAL_NAME).order.started_at == take.started_at
        assert sheet_of(take)["dated"] == take.started_at
    assert dated[0].slate.circled and [marker.name for marker in dated[0].markers] == ["chorus"]
    for root in (library, mirror):
        wait_for(
            lambda root=root: sessions_in(root) == [session_of(dated[0]).name],  # type: ignore[misc]
            f"nothing is left of {boot} in {root}",
            instead=lambda root=root: sorted(map(str, root.glob("*/**/*"))),  # type: ignore[misc]
        )
    third = start_take(rig, seconds=0.2)
    assert third.slate.number == 3 and session_of(third).name.startswith(today)
    stop_take(rig, closed=3)
    figures.record(
        "F49",
        "frames lost",
        bound="0 frames",
        measured=lost,
        unit="frames",
        count=f"the clock comes in a take, {len(BOOTS)} times",
    )


@pytest.mark.timeout(count(ci=180, full=300))
def test_the_last_take_is_the_last_one_recorded(
    rig_of: Callable[..., RigRun], clock: WallClock, figures: Figures
) -> None:
    clock.call_synchronised(True)
    rig = rig_of(channels=CHANNELS, environment=clock.environment)
    start_take(rig, seconds=0.2)
    stop_take(rig)
    clock.set_ahead(-3600.0)
    start_take(rig, seconds=0.2)
    second = stop_take(rig, closed=2)
    rig.await_state(lambda state: any(f.key == "clock set" for f in state.faults), "that it was set is said")
    rig.say("clear-fault")
    rig.kill_daemon()
    rig.start()
    rig.await_ready()
    assert [take.slate.number for take in rig.await_closed(2)] == [1, 2]
    for command in ("circle", "note the last one", "discard"):
        rig.say(command)
    assert rig.await_closed(1)[0].slate.number == 1
    rig.say("undo")
    back = rig.await_closed(2)[-1]
    assert back.take_id == second.take_id
    assert back.slate.circled and back.slate.notes == ("the last one",)

    # On for a month: each day has its session, and no day without a take has one.
    days = []
    for day in (1, 4, 30):
        clock.set_ahead(day * DAY_S)
        wanted = f"{datetime.fromtimestamp(time.time() + day * DAY_S):%Y-%m-%d}"
        rig.await_state(lambda state: any(f.key == "clock set" for f in state.faults), "that it was set")
        rig.say("clear-fault")
        wait_for_day(rig)
        take = start_take(rig, seconds=0.2)
        days.append(session_of(take).name[:10] == wanted and take.slate.number == 1)
        stop_take(rig, closed=1)
    assert days == [True, True, True]
    assert len(sessions_in(rig.library)) == 4
    figures.record(
        "F49",
        "takes in another day's session",
        bound="0",
        measured=0,
        unit="takes",
        count="a month, in 3 steps",
    )


def wait_for_day(rig: RigRun) -> None:
    """The library has looked at what day it is: it does so each second, in its own time."""
    rig.await_heard(rig.heard_frames() / 48_000 + 3.0)
