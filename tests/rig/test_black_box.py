"""The black box of a whole rig: `keep` reaches back beyond the tape, sample by sample, and costs no take a frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from msgspec.structs import replace

from hardware_sim.disks import LoopDisk, SmallDisk
from rigd.blackbox.segments import Shelf
from rigd.model.messages import OpenTake, TakeOpened, WriterReport
from rigd.model.state import RigState, Take
from rigd.model.take import GapCause
from rigd.takefile.journal import last_line_closes
from rigd.wire.codec import Codec
from rigd.wire.link import connect
from rigd.wire.process_handle import ProcessHandle
from tests.support.counter import check_counter, counter_rows
from tests.support.patience import wait_for
from tests.support.rig import RigRun, check_take, sheet_of, take_codes
from tests.support.tools import need_mounts
from tests.support.writer_run import order_for

RATE = 48_000
BLACK_BOX = """
[audio]
driver = "simulated"
channels = {channels}
period_frames = 256
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 1
keep_seconds = 1
[take]
preroll_seconds = 0
files = "{files}"
sample = "{sample}"
[blackbox]
minutes = {minutes}
segment_seconds = 1
{more}
"""


def black_box(
    *, channels: int = 4, minutes: float = 2, files: str = "mono", sample: str = "int24", more: str = ""
) -> str:
    return BLACK_BOX.format(channels=channels, minutes=minutes, files=files, sample=sample, more=more)


def reach_s(state: RigState) -> float:
    """How far back the black box reaches."""
    box = state.blackbox
    if box is None or box.oldest_frame is None:
        return 0.0
    return (box.tape_to - box.oldest_frame) / state.sample_rate_hz


def await_reach(rig: RigRun, seconds: float) -> RigState:
    return rig.await_state(
        lambda state: reach_s(state) >= seconds,
        f"a black box that reaches {seconds} s back",
        within_s=60 + seconds,
    )


def keep(rig: RigRun, seconds: float) -> str:
    answer = rig.client().command("keep", seconds=seconds)
    assert answer.accepted, answer.text
    assert "black box" in answer.text, answer.text
    return answer.text


def segments(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


@pytest.fixture(scope="module")
def rig() -> Iterator[RigRun]:
    """One rig for all that leaves it as it was: a black box has to be waited for in real time."""
    with RigRun(black_box(channels=16)) as rig:
        yield rig


@pytest.fixture(scope="module")
def small() -> Iterator[RigRun]:
    """A black box of 6 s, barely more than the tape."""
    with RigRun(black_box(channels=16, minutes=0.1)) as rig:
        yield rig


@pytest.fixture(scope="module")
def poly() -> Iterator[RigRun]:
    """The other forms of file: all channels in one, and float32."""
    with RigRun(black_box(files="poly", sample="float32")) as rig:
        yield rig


def kept_takes(rig: RigRun, *seconds: float) -> tuple[Take, ...]:
    """The takes that come of keeping so much, a second apart."""
    before = len(rig.state().takes)
    for each in seconds:
        keep(rig, each)
        if each is not seconds[-1]:
            rig.hear(1)
    return rig.await_closed(before + len(seconds))[-len(seconds) :]


@pytest.mark.usefixtures("small", "poly")  # they listen meanwhile
def test_keep_beyond_the_tape_is_the_counter_across_segments_and_into_the_one_that_is_written(
    rig: RigRun,
) -> None:
    await_reach(rig, 7)
    heard = rig.heard_frames()
    (take,) = kept_takes(rig, 6.5)
    check_take(take)
    assert take.files[0].frames == round(6.5 * RATE)
    assert take.end_frame is not None and take.end_frame >= heard
    assert sheet_of(take)["frames"] == round(6.5 * RATE) and not sheet_of(take)["gaps"]
    assert Path(take.folder).name == "Take 001"
    assert len(segments(rig.library / ".rigd" / "blackbox")) >= 6
    assert not list((rig.library / ".rigd" / "keeping").iterdir())


def test_it_is_exact_in_every_form_of_file(poly: RigRun) -> None:
    poly.say("disarm 2")
    await_reach(poly, 6)
    (take,) = kept_takes(poly, 5.75)
    assert len(take.files) == 1
    check_rows(take, inputs=(1, 3, 4), sample="float32")
    assert take.files[0].frames == round(5.75 * RATE)


def test_what_a_take_is_being_made_of_is_not_removed_meanwhile(small: RigRun) -> None:
    await_reach(small, 6)
    for take in kept_takes(small, 5.75, 5.5, 5.75):
        check_take(take)


def test_its_size_stays_bounded_and_it_goes_on_when_rigd_is_restarted(small: RigRun) -> None:
    await_reach(small, 6)
    folder = small.library / ".rigd" / "blackbox"
    small.kill_daemon()
    small.start()
    small.await_ready()
    first = segments(folder)[0]
    wait_for(lambda: segments(folder)[0] > first, "old segments go", within_s=60)
    for _ in range(2):
        small.hear(1)
        assert len(segments(folder)) <= 6 + 6, "segments pile up"
    state = await_reach(small, 6)
    assert reach_s(state) < 14
    assert state.blackbox is not None
    assert state.blackbox.held_bytes <= 12 * 16 * 3 * RATE
    assert state.blackbox.bytes_per_day == 86_400 * 16 * 3 * RATE
    (take,) = kept_takes(small, 5.75)
    check_take(take)


def test_a_rolling_take_is_not_touched_and_holds_the_same_sound(rig: RigRun) -> None:
    await_reach(rig, 7)
    before = len(rig.state().takes)
    rig.say("start")
    rig.roll(1)
    keep(rig, 7)
    rig.roll(1)
    rig.say("stop")
    rolling, kept = sorted(rig.await_closed(before + 2), key=lambda take: take.slate.number)[-2:]
    check_take(rolling)
    check_take(kept)
    assert kept.first_frame < rolling.first_frame < (kept.end_frame or 0)
    offset = rolling.first_frame - kept.first_frame
    both = (kept.end_frame or 0) - rolling.first_frame
    assert (take_codes(kept)[:, offset:] == take_codes(rolling)[:, :both]).all()


def test_what_was_asked_for_is_put_together_by_the_next_rigd_where_this_one_was_killed(rig: RigRun) -> None:
    await_reach(rig, 7)
    before = len(rig.state().takes)
    record = rig.library / ".rigd" / "keeping"
    keep(rig, 7)
    wait_for(lambda: any(record.glob("*.json")), "the record of what was asked for")
    rig.kill_daemon()
    rig.start()
    rig.await_ready()
    take = rig.await_closed(before + 1)[-1]
    check_take(take)
    assert take.files[0].frames == 7 * RATE
    wait_for(lambda: not list(record.iterdir()), "nothing is left over")


def test_an_order_by_the_frames_of_another_tape_does_not_begin_a_new_chain_at_every_turn(rig: RigRun) -> None:
    """An earlier daemon gave it when its tape was just being replaced; this daemon hears of it from the writer."""
    folder = rig.library / ".rigd" / "blackbox"
    await_reach(rig, 2)
    rig.kill_daemon()
    shelf, astray = Shelf(folder), folder / "00009999"
    begun = len(shelf.look())
    order = order_for(rig.library, channels=16, first_frame=3600 * RATE, end_frame=3610 * RATE)
    with closing(connect(rig.runtime / "blackbox.sock", Codec((WriterReport, TakeOpened)))) as link:
        link.send(OpenTake(order=replace(order, folder=str(astray))))
        wait_for(astray.exists, "the writer has it")
    rig.start()
    rig.await_ready()
    rig.hear(4)
    chain = [each for each in shelf.look() if each.folder != astray]
    assert len(chain) < begun + 14, "segments without end"
    for before, after in pairwise(sorted(chain, key=lambda each: each.first_frame)):
        assert before.ordered_end <= after.first_frame, f"{before.number} and {after.number} overlap"


def test_it_reaches_back_across_the_death_of_every_process(rig: RigRun) -> None:
    await_reach(rig, 5)
    rig.kill_everything()
    rig.start()
    rig.await_ready()
    rig.hear(1)
    (take,) = kept_takes(rig, 9)
    # The interface was not heard while nobody ran; what the processes had is all there.
    assert {gap.cause for gap in take.gaps} == {GapCause.CAPTURE_RESTARTED}
    check_around_gaps(take)


def test_after_a_reboot_it_still_has_what_was_before_with_the_hole_declared(rig: RigRun) -> None:
    await_reach(rig, 5)
    rig.kill_everything()
    for path in rig.runtime.iterdir():  # on tmpfs: gone with the machine
        if path.name != "interface-sim.json":
            path.unlink()
    rig.start()
    rig.await_ready()
    await_reach(rig, 9)
    (take,) = kept_takes(rig, 9)
    (hole,) = (gap for gap in take.gaps if gap.cause is GapCause.NOT_KEPT)
    assert not hole.exact
    assert 0 < hole.length_frames < 9 * RATE
    assert take.files[0].frames == 9 * RATE
    check_around_gaps(take)
    assert any("is missing" in fault.what or "gap" in fault.what for fault in rig.state().faults)


def restart_with(rig: RigRun, config: str) -> ProcessHandle:
    """Another daemon with another config finds what the killed one left running. Returns the box's writer."""
    writer = ProcessHandle.of_number(rig.pid_of("blackbox"))
    rig.kill_daemon()
    (rig.folder / "rig.toml").write_text((rig.folder / "rig.toml").read_text().replace(*config.split("|")))
    rig.start()
    return writer


def test_a_writer_that_was_left_running_ends_where_the_config_has_no_black_box_any_more() -> None:
    with RigRun(black_box()) as rig:
        await_reach(rig, 3)
        writer = restart_with(rig, "minutes = 2|minutes = 0")
        wait_for(writer.has_ended, "the black box's writer is gone")
        rig.await_ready()
        folder = rig.library / ".rigd" / "blackbox"
        assert all(last_line_closes(segment) for segment in segments(folder) if any(segment.iterdir()))
        assert rig.state().blackbox is None


def test_a_writer_that_was_left_running_with_other_settings_is_replaced_and_takes_notice_nothing() -> None:
    with RigRun(black_box()) as rig:
        await_reach(rig, 3)
        rig.say("start")
        rig.roll(1)
        other = rig.folder / "another box"
        writer = restart_with(rig, f'minutes = 2|folder = "{other}"\nminutes = 2')
        wait_for(writer.has_ended, "the black box's writer is gone")
        await_reach(rig, 4)
        assert segments(other) and rig.pid_of("blackbox")
        keep(rig, 3.5)
        rig.say("stop")
        for take in rig.await_closed(2):
            check_take(take)


def check_rows(take: Take, *, inputs: tuple[int, ...], sample: str) -> None:
    """Every sample of every channel is the counter's of its input, from what the first one begins with."""
    rows = []
    for file in take.files:
        codes = samples_of(Path(take.folder) / file.name, sample)
        assert codes.shape[1] == len(file.channels)
        rows += list(codes.T)
    begin = (int(rows[0][0]) - 1009 * (inputs[0] - 1)) % (1 << 23)
    expected = counter_rows(begin, len(rows[0]), max(inputs))
    for number, row in zip(inputs, rows, strict=True):
        assert (row == expected[number - 1]).all(), f"input {number}"


def samples_of(path: Path, sample: str) -> npt.NDArray[np.int64]:
    kind = "int32" if sample == "int24" else "float32"
    samples, _ = soundfile.read(path, dtype=kind, always_2d=True)
    if sample == "int24":
        return samples.astype(np.int64) >> 8
    return np.rint(samples.astype(np.float64) * (1 << 23)).astype(np.int64)


def check_around_gaps(take: Take) -> None:
    """Sound is the counter between the gaps, and zeros in them, in all channels alike."""
    codes = take_codes(take)
    silent = np.zeros(codes.shape[1], bool)
    for gap in take.gaps:
        at = gap.at_frame - take.first_frame
        silent[at : at + gap.length_frames] = True
    assert not codes[:, silent].any(), "a gap is not silent"
    edges = np.flatnonzero(np.diff(np.concatenate(([1], silent.astype(int), [1]))))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        check_counter(codes[:, begin:end], what=f"frames {begin} to {end}")
    assert edges.size, "there is no sound at all"


# The disk of the black box.


def test_a_black_box_whose_disk_stands_still_costs_a_rolling_take_nothing() -> None:
    need_mounts()
    with LoopDisk(256 << 20) as disk:
        folder = disk.path / "box"
        with RigRun(black_box(channels=16, more=f'folder = "{folder}"')) as rig:
            await_reach(rig, 4)
            rig.say("start")
            rig.roll(1)
            before = rig.heard_frames()
            disk.freeze()
            try:
                rig.await_state(lambda state: has_fault(state, "stands still"), "a fault that says so")
                rig.hear(8)  # longer than the tape
            finally:
                disk.thaw()
            rig.await_state(lambda state: not has_fault(state, "stands still"), "the fault is over")
            rig.roll(1)
            rig.say("stop")
            (take,) = rig.await_closed(1)
            check_take(take)
            assert rig.client().status().timing is not None
            assert rig.client().status().timing.lost_frames == 0
            whole_s = math.ceil((rig.heard_frames() - before) / RATE) + 1  # also where this machine is slow
            await_reach(rig, whole_s)
            keep(rig, whole_s)
            rig.await_state(lambda state: all(each.closed for each in state.takes), "it is closed")
            kept = next(each for each in whole_takes(rig) if each.take_id != take.take_id)
            assert kept.files[0].frames == whole_s * RATE
            assert kept.gaps, "the disk stood still for longer than the tape reaches"
            told = [each for each in rig.logs().splitlines() if "stands still; takes" in each]
            assert len(told) == 1, "the fault comes once and goes once"
            assert {gap.cause for gap in kept.gaps} <= {GapCause.OVERWRITTEN, GapCause.NOT_KEPT}
            check_around_gaps(kept)


def test_a_black_box_whose_disk_is_full_says_so_keeps_less_and_costs_a_rolling_take_nothing() -> None:
    need_mounts()
    with SmallDisk(12 << 20) as disk:
        folder = disk.path / "box"
        with RigRun(black_box(more=f'folder = "{folder}"')) as rig:
            rig.say("start")
            rig.await_state(lambda state: has_fault(state, "are to stay free"), "the disk is short of room")
            await_reach(rig, 3)
            rubbish = disk.fill(leave_bytes=0)
            rig.await_state(lambda state: has_fault(state, "0.0 GB are free"), "the disk is full")
            rig.roll(3)
            rubbish.unlink()
            heard = rig.heard_frames()
            rig.await_state(
                lambda state: (
                    state.blackbox is not None and (state.blackbox.newest_frame or 0) > heard + RATE
                ),
                "it goes on with what room there is",
                within_s=60,
            )
            rig.say("stop")
            (take,) = rig.await_closed(1)
            check_take(take)
            rig.await_state(
                lambda state: (
                    state.blackbox is not None
                    and (state.blackbox.oldest_frame or 0) > heard
                    and reach_s(state) > 3
                ),
                "it has 3 s again",
            )
            keep(rig, 2.5)
            for each in rig.await_closed(2):
                check_around_gaps(each)


def whole_takes(rig: RigRun) -> list[Take]:
    client = rig.client()
    return [client.take(take.take_id) for take in client.takes()]


def has_fault(state: RigState, *words: str) -> bool:
    return any(all(word in f"{fault.key} {fault.what}" for word in words) for fault in state.faults)
