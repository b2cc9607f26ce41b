"""Takes that are moved to another session, as dating moves them, with a mirror that follows."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from take_maker import begin
from take_maker import close as close_take
from two_volumes import TwoVolumes, forget_comparison, sound_of

from rigd.library.walking import is_gone
from rigd.model.take import TakeOrder
from tests.support.patience import wait_for


@pytest.mark.parametrize("moved_there_already", [False, True])
def test_a_session_that_its_takes_were_moved_out_of_is_gone_from_both(
    volumes: TwoVolumes, moved_there_already: bool
) -> None:
    """As dating moves them: after a kill the folders alone say what is to be done on the other volume."""
    order = volumes.take_on_both()
    volumes.await_same(order)
    volumes.second.stop()
    right_day = "2025-06-02 Band"
    place = Path(order.folder).relative_to(volumes.session)
    for root in (volumes.here, volumes.there) if moved_there_already else (volumes.here,):
        (root / right_day / place).parent.mkdir(parents=True)
        (root / "2025-06-01 Band" / place).rename(root / right_day / place)
    shutil.copy(Path(volumes.session) / "session.json", volumes.here / right_day)
    shutil.rmtree(volumes.session)
    forget_comparison(replace(order, folder=str(volumes.here / right_day / place)))
    volumes.begin_again()
    assert right_day in volumes.compared(order).take.folder
    for root in (volumes.here, volumes.there):
        wait_for(partial(is_gone, root / "2025-06-01 Band"), "nothing is left of the wrong day")
        assert (root / right_day / place).is_dir() and (root / right_day / "session.json").is_file()


def _to_another_day(volumes: TwoVolumes, order: TakeOrder) -> TakeOrder:
    """As dating does, before its copies were ever compared."""
    place = volumes.here / "2025-06-02 Band" / Path(order.folder).relative_to(volumes.session)
    place.parent.mkdir(parents=True)
    Path(order.folder).rename(place)
    shutil.copy(Path(volumes.session) / "session.json", volumes.here / "2025-06-02 Band")
    shutil.rmtree(volumes.session)
    return replace(order, folder=str(place))


def test_a_take_that_was_moved_before_it_was_ever_compared_is_moved_on_the_mirror_and_not_copied(
    volumes: TwoVolumes,
) -> None:
    volumes.settled()
    volumes.quiet = False
    order = volumes.order()
    for each in (order, volumes.twin(order)):
        begin(each)
        close_take(each)
    files = {path.stat().st_ino for path in Path(volumes.twin(order).folder).glob("*.wav")}
    moved = _to_another_day(volumes, order)
    volumes.file(moved)
    volumes.quiet = True
    assert volumes.compared(moved).take.copy is not None
    assert {path.stat().st_ino for path in Path(volumes.twin(moved).folder).glob("*.wav")} == files
    wait_for(partial(is_gone, volumes.there / "2025-06-01 Band"), "nothing is left of the wrong day")


def test_of_a_copy_that_was_begun_before_the_take_was_moved_nothing_is_left_at_its_old_place(
    volumes: TwoVolumes,
) -> None:
    volumes.settled()
    volumes.second.stop()
    order = volumes.order()
    begin(order)
    close_take(order)
    begun, gate = Path(volumes.twin(order).folder), [False]
    volumes.second = volumes.make_second(may_copy=lambda: gate[0] or not begun.exists())
    volumes.start()
    volumes.file(order)
    wait_for(begun.exists, "the copy is begun")
    moved = _to_another_day(volumes, order)
    gate[0] = True
    volumes.file(moved)
    assert "2025-06-02" in volumes.compared(moved, below="2025-06-02").take.folder
    wait_for(partial(is_gone, volumes.there / "2025-06-01 Band"), "nothing is left of the wrong day")
    assert sound_of(moved.folder) == sound_of(volumes.twin(moved).folder) != {}
