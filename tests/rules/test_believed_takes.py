"""A session is opened by what the index says; where a folder says otherwise, the folder is right."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.library import TakeOtherwise
from rigd.model.state import Copy, CopyState
from tests.support.desk import Desk


def test_a_folder_that_says_otherwise_is_right() -> None:
    desk = Desk()
    believed = desk.kept_take()
    there = replace(believed, slate=replace(believed.slate, name="encore"), xruns=3)
    desk.hear(TakeOtherwise(take=there, believed=believed))
    assert desk.state.takes == (there,)


def test_what_was_changed_of_the_take_meanwhile_stays() -> None:
    desk = Desk()
    believed = desk.kept_take()
    desk.ok("circle")
    copy = Copy(folder="/mnt/mirror/x", state=CopyState.SAME)
    desk.state = replace(desk.state, takes=(replace(desk.state.takes[0], copy=copy),))
    there = replace(believed, slate=replace(believed.slate, name="encore"), xruns=3)
    desk.hear(TakeOtherwise(take=there, believed=believed))
    (take,) = desk.state.takes
    assert (take.slate, take.xruns, take.copy) == (replace(believed.slate, circled=True), 3, copy)


def test_a_take_that_rolls_or_lies_elsewhere_is_not_touched() -> None:
    desk = Desk()
    closed = desk.kept_take()
    desk.ok("start")
    elsewhere = replace(closed, folder=f"{closed.folder} copy", xruns=9)
    rolling = replace(closed, take_id=desk.take.take_id, folder=desk.take.folder)
    before = desk.state
    for take in (elsewhere, rolling):
        desk.hear(TakeOtherwise(take=take, believed=closed))
    assert desk.state == before
