"""Clips and peaks of a take: counted to the sample by the writer, whatever it goes through."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware_sim.disk_shim import Call, DiskShim
from rigd.library.sheet import SheetChannel, TakeSheet, make_sheet
from rigd.model.clips import MOST_CLIPS, TrackLevel
from rigd.model.messages import EndTake, OpenTake, TakeClosed, TakeFailed, TakeOpened
from rigd.model.take import TakeOrder
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from rigd.takefile.recovery import recover_take
from tests.support.counter import MODULUS, ROW_STEP
from tests.support.writer_run import RATE, FedTape, WriterRun, order_for

FULL = 8_388_607 / 8_388_608
BLOCK = 1000
CHANNELS = 3


class PlayedTape(FedTape):
    """What is played is made up: silence at a tenth, and clipped samples where they are asked for."""

    clipped: tuple[dict[int, int], ...] = ({}, {}, {})
    """Of each channel: at which frame so many samples are at full scale."""

    def play(self, frames: int) -> None:
        """In blocks."""
        for _ in range(frames // BLOCK):
            rows = np.full((CHANNELS, BLOCK), 0.1, np.float32)
            for row, places in enumerate(self.clipped):
                for at, samples in places.items():
                    stretch = slice(max(0, at - self.frame), max(0, at + samples - self.frame))
                    rows[row, stretch] = FULL * (-1) ** row
            ns = round((1.0 + (self.frame + BLOCK) / RATE) * 1e9)
            self._core.feed(rows, BLOCK, adc_time=1.0 + self.frame / RATE, monotonic_ns=ns)
            self.frame += BLOCK


def levels(order: TakeOrder) -> tuple[TrackLevel, ...]:
    return read_journal(Path(order.folder) / "take.journal").levels


def clips(level: TrackLevel) -> list[tuple[int, int, int]]:
    return [(clip.at_frame, clip.end_frame, clip.samples) for clip in level.clips]


def written(runtime: Path, library: Path, fed: FedTape, order: TakeOrder) -> tuple[TrackLevel, ...]:
    with WriterRun(runtime, library) as writer:
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeClosed, take_id=order.take_id)
    return levels(order)


@pytest.mark.parametrize("poly", [False, True])
def test_the_counter_is_at_full_scale_once_and_is_found_there(
    runtime: Path, library: Path, poly: bool
) -> None:
    """The far end of its range: 8,388,607, in each row at a frame of its own."""
    origin = MODULUS - 60_000
    with FedTape(runtime, channels=CHANNELS, origin_frame=origin) as fed:
        fed.feed(90_000)
        order = order_for(
            library, channels=CHANNELS, first_frame=origin + 1000, end_frame=origin + 80_000, poly=poly
        )
        found = written(runtime, library, fed, order)
    for row, level in enumerate(found):
        at = MODULUS - 1 - ROW_STEP * row
        assert clips(level) == [(at, at + 1, 1)]
        assert (level.clipped_samples, level.clip_count, level.last_clip_frame) == (1, 1, at)
        assert level.peak_dbfs == 0.0


def test_a_take_that_ends_a_frame_before_has_no_clip(runtime: Path, library: Path) -> None:
    origin = MODULUS - 60_000
    with FedTape(runtime, channels=1, origin_frame=origin) as fed:
        fed.feed(90_000)
        ends = [
            order_for(library, channels=1, first_frame=origin, end_frame=end, name=f"Take {end}")
            for end in (MODULUS - 1, MODULUS)
        ]
        begins = order_for(library, channels=1, first_frame=MODULUS, end_frame=MODULUS + 9000)
        counts = [written(runtime, library, fed, order)[0].clipped_samples for order in (*ends, begins)]
    assert counts == [0, 1, 0]


def test_clips_of_one_channel_that_lie_together_are_one(runtime: Path, library: Path) -> None:
    with PlayedTape(runtime, channels=CHANNELS) as fed:
        fed.clipped = ({5000: 3, 8000: 2, 40_000: 1}, {999: 2}, {})
        fed.play(60_000)
        one, two, three = written(
            runtime, library, fed, order_for(library, channels=CHANNELS, end_frame=60_000)
        )
    assert clips(one) == [(5000, 8002, 5), (40_000, 40_001, 1)]
    assert (one.clipped_samples, one.clip_count, one.last_clip_frame) == (6, 2, 40_000)
    assert clips(two) == [(999, 1001, 2)], "also across the border of two blocks, and below zero"
    assert (three.clipped_samples, three.clips, three.last_clip_frame) == (0, (), None)
    assert three.peak_dbfs == -20.0


def test_the_pre_roll_and_what_is_kept_afterwards_are_counted(runtime: Path, library: Path) -> None:
    """The take is ordered when all of it is in the past already, and another one begins inside it."""
    with PlayedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        fed.clipped = ({10_000: 4, 70_000: 2}, {}, {})
        fed.play(90_000)
        kept = order_for(library, channels=CHANNELS, first_frame=10_002, end_frame=80_000)
        rolls = order_for(library, channels=CHANNELS, first_frame=69_000, name="Take 002")
        for order in (kept, rolls):
            writer.send(OpenTake(order=order))
        writer.await_fact(TakeClosed, take_id=kept.take_id)
        fed.play(9000)
        writer.send(EndTake(take_id=rolls.take_id, end_frame=Frame(95_000)))
        writer.await_fact(TakeClosed, take_id=rolls.take_id)
        assert clips(levels(kept)[0]) == [(10_002, 10_004, 2), (70_000, 70_002, 2)]
        assert clips(levels(rolls)[0]) == [(70_000, 70_002, 2)]


def test_an_end_that_is_told_late_takes_back_what_lies_behind_it(runtime: Path, library: Path) -> None:
    """Pressed long ago: what was written beyond it was durable already."""
    with PlayedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        fed.clipped = ({20_000: 10, 60_000: 5}, {60_000: 1}, {})
        order = order_for(library, channels=CHANNELS)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        for _ in range(8):
            fed.play(12_000)
            writer.await_progress(order.take_id, durable=fed.frame // 4096 * 4096 - 4096)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_007)))
        writer.await_fact(TakeClosed, take_id=order.take_id)
        one, two, _ = levels(order)
    assert clips(one) == [(20_000, 20_007, 7)] and one.clipped_samples == 7
    assert two.clipped_samples == 0 and two.peak_dbfs == -20.0, "nor was it as loud"


def test_a_writer_that_is_killed_loses_no_clip_and_counts_none_twice(runtime: Path, library: Path) -> None:
    with PlayedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        fed.clipped = ({n * 30_000 + 500: n + 1 for n in range(6)}, {}, {})
        order = order_for(library, channels=CHANNELS)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        for _ in range(6):
            fed.play(30_000)
            writer.await_progress(order.take_id, written=fed.frame - 8192)
            writer.restart()
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        writer.await_fact(TakeClosed, take_id=order.take_id)
        (one, _, three) = levels(order)
    assert clips(one) == [(n * 30_000 + 500, n * 30_000 + 501 + n, n + 1) for n in range(6)]
    assert (one.clipped_samples, one.clip_count) == (21, 6)
    assert three.peak_dbfs == -20.0


def level_lines(order: TakeOrder) -> list[dict[str, Any]]:
    """What the journal says of levels, line by line."""
    lines = (Path(order.folder) / "take.journal").read_bytes().splitlines()
    entries = [json.loads(line[9:]) for line in lines]
    return [entry for entry in entries if entry["type"] == "TakeLevels"]


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_line_of_the_journal_has_only_the_clips_since_the_line_before_it(
    runtime: Path, library: Path, is_killed: bool
) -> None:
    """Else a take that clips all evening has a journal that grows with the square of it."""
    with PlayedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        places = [n * 48_000 + 500 for n in range(4)]
        fed.clipped = (dict.fromkeys(places, 3), {}, {})
        order = order_for(library, channels=CHANNELS)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        for _ in places:
            fed.play(48_000)
            writer.await_progress(order.take_id, durable=fed.frame - 8192)
            if is_killed:
                writer.restart()
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        writer.await_fact(TakeClosed, take_id=order.take_id)
        *running, whole = level_lines(order)
    said = [
        clip["at_frame"]
        for line in running
        for track in line["tracks"]
        if track["channel"] == 1
        for clip in track["clips"]
    ]
    assert said == places and whole["is_whole"]
    assert [at for at, _, _ in clips(levels(order)[0])] == places


def test_a_journal_that_has_no_room_for_levels_ends_no_take(runtime: Path, library: Path) -> None:
    """What it has no room for is the second line of the take's end: `Ended` is the first."""
    with (
        PlayedTape(runtime, channels=CHANNELS) as fed,
        DiskShim(library, ending=".journal") as shim,
        WriterRun(runtime, library, environment=shim.environment) as writer,
    ):
        fed.clipped = ({5000: 3}, {}, {})
        order = order_for(library, channels=CHANNELS)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.play(96_000)
        writer.await_progress(order.take_id, durable=23 * 4096)
        shim.fail(Call.WRITE, errno.ENOSPC, nth=shim.seen(Call.WRITE) + 2)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(96_000)))
        closed = writer.await_fact(TakeClosed, take_id=order.take_id)
        assert closed.frames == 96_000 and not writer.take_facts(TakeFailed)
        assert shim.failed(Call.WRITE) == 1
    assert not any(line["is_whole"] for line in level_lines(order))
    assert clips(levels(order)[0]) == [(5000, 5003, 3)], "as it was said while the take rolled"


def test_a_gap_is_no_sound_and_what_follows_is_at_its_place(runtime: Path, library: Path) -> None:
    with PlayedTape(runtime, channels=CHANNELS) as fed:
        fed.clipped = ({50_100: 2}, {}, {})
        fed.play(20_000)
        fed.frame += 30_000  # lost, as the next block's time tells
        fed._core.feed(
            np.full((CHANNELS, BLOCK), 0.1, np.float32),
            BLOCK,
            adc_time=1.0 + fed.frame / RATE,
            monotonic_ns=round((1.0 + (fed.frame + BLOCK) / RATE) * 1e9),
            flags=1,  # type: ignore[arg-type]  # OVERFLOW
        )
        fed.frame += BLOCK
        fed.clipped = ({55_000: 2}, {}, {})
        fed.play(20_000)
        order = order_for(library, channels=CHANNELS, end_frame=fed.frame)
        (one, *_) = written(runtime, library, fed, order)
    assert read_journal(Path(order.folder) / "take.journal").gaps
    assert clips(one) == [(55_000, 55_002, 2)]


def test_more_clips_than_have_a_place_are_counted(runtime: Path, library: Path) -> None:
    many = MOST_CLIPS + 20
    with PlayedTape(runtime, channels=CHANNELS, capacity_frames=1 << 22) as fed:
        fed.clipped = ({n * 25_000: 1 for n in range(many)}, {}, {})
        fed.play(many * 25_000)
        (one, *_) = written(runtime, library, fed, order_for(library, channels=CHANNELS, end_frame=fed.frame))
    assert (one.clip_count, one.clipped_samples, len(one.clips)) == (many, many, MOST_CLIPS)
    assert one.last_clip_frame == (many - 1) * 25_000


def test_a_take_that_a_crash_left_open_has_what_was_durable(runtime: Path, library: Path) -> None:
    with PlayedTape(runtime, channels=CHANNELS) as fed, WriterRun(runtime, library) as writer:
        fed.clipped = ({2000: 3}, {}, {})
        order = order_for(library, channels=CHANNELS)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.play(60_000)
        writer.await_progress(order.take_id, durable=50_000)
    recover_take(Path(order.folder), root=library, cache_survived=False)
    assert clips(levels(order)[0]) == [(2000, 2003, 3)]


def sheet(order: TakeOrder) -> TakeSheet:
    record = read_journal(Path(order.folder) / "take.journal")
    return make_sheet(record, journal_bytes=0, rolling=False, sizes={})


def test_take_json_has_them_as_frames_of_the_take(runtime: Path, library: Path) -> None:
    with PlayedTape(runtime, channels=CHANNELS) as fed:
        fed.clipped = ({40_000: 3}, {}, {})
        fed.play(60_000)
        order = order_for(library, channels=CHANNELS, first_frame=10_000, end_frame=60_000)
        written(runtime, library, fed, order)
    one, two, _ = sheet(order).channels
    assert (one.peak_dbfs, one.clipped_samples, one.clip_count, one.last_clip_frame) == (0.0, 3, 1, 30_002)
    assert [(clip.frame, clip.length_frames, clip.samples) for clip in one.clips] == [(30_000, 3, 3)]
    assert (two.peak_dbfs, two.clipped_samples, two.clips) == (-20.0, 0, ())


def test_a_take_of_an_older_rigd_says_that_nobody_counted() -> None:
    defaults = dict(
        zip(
            reversed(SheetChannel.__struct_fields__), reversed(SheetChannel.__struct_defaults__), strict=False
        )
    )
    assert defaults["peak_dbfs"] is None and defaults["clip_count"] is None
