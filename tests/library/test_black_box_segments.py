"""Segments of the black box: which are removed and how, and which serve a take."""

from __future__ import annotations

from kept_box import CHANNELS, Box, clock_ns
from msgspec.structs import replace

from rigd.blackbox.segments import Axis, Shelf, folder_name, placed_on
from rigd.model.messages import OpenTake, TakeClosed
from tests.support.writer_run import (
    RATE,
    FedTape,
    WriterRun,
    order_for,
)


def test_a_segment_is_removed_with_nothing_of_anybody_else(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 10_000, 20_000)
    (box.folder / "notes").mkdir()
    foreign = box.folder / folder_name(2) / "mine.txt"
    foreign.write_text("mine")
    shelf = Shelf(box.folder)
    assert [segment.number for segment in shelf.look()] == [1, 2]
    for number in shelf.numbers():
        shelf.remove(number)
    assert not shelf.look()
    assert sorted(path.name for path in box.folder.iterdir()) == [folder_name(2), "notes"]
    assert [path.name for path in foreign.parent.iterdir()] == ["mine.txt"]


def test_folders_that_look_like_segments_and_are_none_stay_as_they_are(box: Box) -> None:
    """The folder of a config may be one in which somebody keeps recordings by their dates."""
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 10_000)
        take = replace(
            order_for(box.folder, channels=CHANNELS, end_frame=9_000), folder=f"{box.folder}/00000005"
        )
        writer.send(OpenTake(order=take))
        writer.await_fact(TakeClosed, take_id=take.take_id)
    for name in ("20251122/concert.wav", "20251123/001.wav", "00000004/take.journal/x.wav", "99999999/a.txt"):
        (box.folder / name).parent.mkdir(parents=True)
        (box.folder / name).write_text("mine")
    theirs = {path: path.stat() for path in box.folder.rglob("*") if "00000001" not in str(path)}
    shelf = Shelf(box.folder)
    assert [segment.number for segment in shelf.look()] == [1]
    assert shelf.next_number([]) == 6
    for number in shelf.numbers():
        shelf.remove(number)
    shelf.sweep()
    left = {path: path.stat() for path in box.folder.rglob("*")}
    assert {path: found.st_ino for path, found in left.items()} == {
        path: found.st_ino for path, found in theirs.items()
    }


def test_a_removal_that_was_cut_short_is_finished_and_a_damaged_segment_goes(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 10_000, 20_000)
    (box.folder / folder_name(1)).rename(box.folder / ".00000001.gone")
    (box.folder / ".00000001.gone" / "take.journal").unlink()
    (box.folder / folder_name(2) / "take.journal").write_bytes(b"")
    (box.folder / folder_name(3)).mkdir()
    shelf = Shelf(box.folder)
    for number in shelf.numbers():
        shelf.remove(number)
    shelf.sweep()
    assert not list(box.folder.iterdir())


def test_segments_of_another_rate_form_or_set_of_inputs_do_not_serve(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 10_000)
    (segment,) = Shelf(box.folder).look()
    assert segment.serves(segment.format, frozenset(list(segment.inputs)[:1]))
    assert not segment.serves(replace(segment.format, sample="float32"), segment.inputs)
    assert not segment.serves(segment.format, segment.inputs | {9})


def test_a_run_that_was_ordered_ahead_and_never_began_moves_nothing(box: Box) -> None:
    with FedTape(box.runtime, channels=CHANNELS) as fed, WriterRun(box.runtime, box.folder) as writer:
        fed.feed(RATE)
        box.write(writer, 0, 9_600, 19_200)
    first, second = Shelf(box.folder).look()
    ahead = replace(second, number=3, first_frame=19_200, frames=0, closed=False, started_ns=clock_ns(19_200))
    after = replace(first, number=4, tape_id="now", first_frame=0)
    axis = Axis(tape_id="now", frame=0, unix_ns=clock_ns(19_680))
    placed = placed_on(axis, [first, second, ahead, after])
    assert [(each.at_frame + 19_680, each.segment.number) for each in placed if each.segment.frames] == [
        (0, 1),
        (9_600, 2),
        (19_680, 4),
    ]
