"""Wrecks that no crash of rigd's leaves often: gaps of hours at the end, and journals that say what cannot be."""

from __future__ import annotations

import dataclasses
import os
import random
import time
from pathlib import Path

import pytest

from rigd.model.errors import TakeError
from rigd.model.take import Gap, GapCause, Marker, TakeOrder
from rigd.model.units import Frame
from rigd.writer.journal import JOURNAL_NAME, line_of, read_journal
from rigd.writer.ledger import Begun, Closed, Closing, Durable, Entry
from rigd.writer.recovery import PAGE_BYTES, recover_take
from rigd.writer.riff import HEADER_BYTES
from tests.support.writer_run import order_for

FIRST = Frame(1_000_000)
WIDTH = 3
PAGE_FRAMES = PAGE_BYTES // WIDTH + 1


def wreck(library: Path, *entries: Entry, order: TakeOrder | None = None) -> Path:
    """A folder with a journal that says so, and with no files yet."""
    order = order or order_for(library, channels=1, first_frame=FIRST)
    folder = Path(order_for(library, channels=1).folder)
    folder.mkdir(parents=True)
    begun = Begun(tape_id="0" * 16, tape_layout=1, asked_frame=order.first_frame, order=order)
    (folder / JOURNAL_NAME).write_bytes(b"".join(map(line_of, (begun, *entries))))
    return folder


def gap_at(position: int, length_frames: int) -> Gap:
    return Gap(
        at_frame=Frame(FIRST + position),
        length_frames=length_frames,
        cause=GapCause.INTERFACE_LOST,
        exact=True,
    )


@pytest.mark.parametrize("seed", range(40))
def test_after_a_power_cut_sound_behind_a_gap_is_kept_and_what_is_empty_behind_it_is_not(
    library: Path, seed: int
) -> None:
    chance = random.Random(seed)
    before, lost, after = (
        chance.choice((chance.randint(1, 9), chance.randint(2_000, 30_000))) for _ in "abc"
    )
    lost *= chance.choice((1, 1, 50_000))
    durable = chance.randint(0, before)
    folder = wreck(library, Durable(frames=durable), gap_at(before, lost))
    (name,) = (file.name for file in order_for(library, channels=1).files)
    with (folder / name).open("wb") as file:
        file.write(bytes(HEADER_BYTES) + b"\1" * WIDTH * before)
        file.seek(WIDTH * lost, os.SEEK_CUR)
        file.write(b"\2" * WIDTH * after)
        file.truncate(file.tell() + WIDTH * chance.choice((0, 100_000)))
    began = time.monotonic()
    closed = recover_take(str(folder), cache_survived=False)
    assert time.monotonic() - began < 30
    assert closed is not None
    end = before + lost + after
    assert end <= closed.frames <= end + PAGE_FRAMES


def test_a_journal_that_says_more_frames_than_a_file_can_have_costs_its_own_take_only(library: Path) -> None:
    folder = wreck(library, Durable(frames=1 << 59))
    before = (folder / JOURNAL_NAME).read_bytes()
    with pytest.raises(OSError, match="too large"):
        recover_take(str(folder), cache_survived=False)
    assert (folder / JOURNAL_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "entry",
    [
        gap_at(10, -5),
        gap_at(10, 0),
        gap_at(10, 1 << 60),
        Closing(frames=-1),
        Closed(frames=1 << 63),
    ],
)
def test_a_line_that_says_frames_that_cannot_be_costs_that_line_and_not_the_take(
    library: Path, entry: Entry
) -> None:
    folder = wreck(library, gap_at(0, 10), entry, Marker(at_frame=FIRST, name="solo"))
    (name,) = (file.name for file in order_for(library, channels=1).files)
    (folder / name).write_bytes(bytes(HEADER_BYTES) + b"\1" * WIDTH * 100)
    closed = recover_take(str(folder), cache_survived=True)
    assert closed is not None and closed.frames == 100
    record = read_journal(folder / JOURNAL_NAME)
    assert [fault for fault in record.faults if "cannot be" in fault]
    assert len(record.gaps) == len(record.markers) == 1


@pytest.mark.parametrize("name", ["\ud800", "x" * 256, "ä" * 128])
def test_a_name_that_no_file_can_have_is_a_clear_error(library: Path, name: str) -> None:
    order = order_for(library, channels=1, first_frame=FIRST)
    (file,) = order.files
    folder = wreck(library, order=dataclasses.replace(order, files=(dataclasses.replace(file, name=name),)))
    with pytest.raises(TakeError, match="cannot be the name"):
        read_journal(folder / JOURNAL_NAME)
