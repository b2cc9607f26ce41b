"""A take whose files may not grow any further goes on in next files of its own: no frame lost, none twice.

The limit of a file is the process' (RLIMIT_FSIZE): the errno is a FAT volume's, EFBIG. Set before a take is opened it
is known, set afterwards a write finds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import wavinfo
from msgspec.structs import replace

from rigd.library.sheet import make_sheet, with_digests
from rigd.library.sheet_file import write_sheet
from rigd.library.takes import sizes_of
from rigd.mirror.copies import CannotTell, copy_take, look, make_alike
from rigd.mirror.verify import verify_take
from rigd.model.messages import Annotate, EndTake, OpenTake, Retag, TakeClosed, TakeFailed, TakeOpened
from rigd.model.take import Marker, Slate, TakeFile, TakeOrder
from rigd.model.units import ChannelNumber, Frame
from rigd.takefile import file_limit as limits
from rigd.takefile.beneath import open_folder
from rigd.takefile.file_limit import file_limit, mount_of
from rigd.takefile.journal import Journal, read_journal
from rigd.takefile.ledger import NextPart
from rigd.takefile.parts import files_of_part, moved
from rigd.takefile.recovery import recover_take
from rigd.takefile.take_parts import TakeParts
from tests.support.long_file import feed, limit_files
from tests.support.patience import wait_for
from tests.support.writer_run import RATE, FedTape, WriterRun, check_take, order_for

LIMIT_BYTES = 1_200_000
"""Of a mono file 6.9 s of 24-bit sound, and an eighth for what stands behind it."""
CAPACITY_FRAMES = 1 << 18


def limit(writer: WriterRun, most_bytes: int = LIMIT_BYTES) -> None:
    """No file of the process may be longer."""
    limit_files(writer, most_bytes)


def end(fed: FedTape, writer: WriterRun, order: TakeOrder) -> TakeClosed:
    writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
    return writer.await_fact(TakeClosed)


@pytest.fixture
def fed(runtime: Path) -> Iterator[FedTape]:
    with FedTape(runtime, channels=3, capacity_frames=CAPACITY_FRAMES) as tape:
        yield tape


@pytest.mark.parametrize("known", [True, False], ids=["split ahead", "met by a write"])
@pytest.mark.parametrize(("poly", "sample"), [(False, "int24"), (True, "float32")])
def test_a_take_goes_on_in_next_files_and_every_channel_at_the_same_frame(
    fed: FedTape, runtime: Path, library: Path, poly: bool, sample: str, known: bool
) -> None:
    most = LIMIT_BYTES * (4 if poly else 1)
    with WriterRun(runtime, library) as writer:
        if known:
            limit(writer, most)
        order = order_for(library, channels=3, poly=poly, sample=sample)  # type: ignore[arg-type]
        order = replace(order, preroll_frames=RATE)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        limit(writer, most)
        feed(fed, 1_000_001)
        closed = end(fed, writer, order)
    record = check_take(Path(order.folder), first_frame=0, frames=1_000_001)
    assert len(record.parts) >= 3 and not record.failure and not record.recovered and record.gaps == ()
    assert [(file.name, file.frames) for file in closed.files] == [
        (file.name, file.frames) for file in record.files
    ]
    paths = [Path(order.folder) / file.name for file in record.files]
    assert sorted(path.name for path in Path(order.folder).glob("*.wav")) == sorted(p.name for p in paths)
    assert all(path.stat().st_size <= most for path in paths)
    assert f"{Path(order.files[0].name).stem} (part 2).wav" in {path.name for path in paths}
    references = set()
    for number, (path, file) in enumerate(zip(paths, record.files, strict=True), 1):
        info = wavinfo.WavInfoReader(str(path))
        references.add(info.bext.originator_ref)
        assert info.bext.time_reference == order.time_reference + file.first_frame
        if known:  # a limit that nobody told leaves no room for it
            xml = path.read_bytes().partition(b"<?xml")[2]
            root = ElementTree.fromstring(b"<?xml" + xml.rstrip())
            assert root.findtext("FILE_SET/TOTAL_FILES") == str(len(paths))
            assert root.findtext("FILE_SET/FILE_SET_INDEX") == str(number)
            assert root.findtext("FILE_SET/FAMILY_UID") == order.take_id
            functions = [point.text for point in root.iter("SYNC_POINT_FUNCTION")]
            assert functions == (["PRE_RECORD_SAMPLECOUNT"] if not file.first_frame else [])
    assert len(references) == len(paths)


def test_a_writer_killed_again_and_again_on_the_way_through_parts_loses_nothing(
    fed: FedTape, runtime: Path, library: Path
) -> None:
    order = order_for(library, channels=3)
    with WriterRun(runtime, library) as writer:
        limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        for _ in range(6):
            feed(fed, 170_001)
            writer.restart()
            limit(writer)
        end(fed, writer, order)
    record = check_take(Path(order.folder), first_frame=0, frames=fed.frame)
    assert len(record.parts) >= 3 and record.gaps == ()


@pytest.mark.parametrize("known", [True, False])
def test_a_gap_may_be_longer_than_a_part(fed: FedTape, runtime: Path, library: Path, known: bool) -> None:
    order = order_for(library, channels=3)
    with WriterRun(runtime, library) as writer:
        if known:
            limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        limit(writer)
        feed(fed, 300_000)
        fed.lose(1_000_000)
        feed(fed, 100_000)
        end(fed, writer, order)
    record = check_take(Path(order.folder), first_frame=0, frames=fed.frame, gaps=[(300_000, 1_000_000)])
    assert [(gap.at_frame, gap.length_frames) for gap in record.gaps] == [(300_000, 1_000_000)]
    assert len(record.parts) >= 4


@pytest.mark.parametrize("cache_survived", [True, False])
def test_recovery_joins_the_parts_of_a_take_that_was_left_open(
    fed: FedTape, runtime: Path, library: Path, cache_survived: bool
) -> None:
    order = order_for(library, channels=3)
    with WriterRun(runtime, library) as writer:
        limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        feed(fed, 900_000)
        writer.await_progress(order.take_id, durable=899_000)
        writer.kill()
    parts = read_journal(Path(order.folder) / "take.journal").parts
    assert len(parts) >= 3
    closed = recover_take(order.folder, root=library, cache_survived=cache_survived)
    assert closed is not None and closed.recovered and closed.frames >= 899_000
    check_take(Path(order.folder), first_frame=0, frames=closed.frames)
    assert sum(file.frames for file in closed.files) == 3 * closed.frames
    assert recover_take(order.folder, root=library, cache_survived=cache_survived) is None


def test_a_part_that_the_power_cut_left_without_the_one_before_is_taken_away(
    fed: FedTape, runtime: Path, library: Path
) -> None:
    order = order_for(library, channels=3)
    with WriterRun(runtime, library, sync_interval_ms=60_000) as writer:
        limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        fed.feed(CAPACITY_FRAMES - 8_192)
        writer.await_progress(order.take_id, written=200_000)
        writer.kill()
    folder = Path(order.folder)
    # As if a split were in the journal and in the folder, and what came before it not on the disk.
    folder_fd = open_folder(library, folder)
    journal, _ = Journal.reopen(folder=order.folder, folder_fd=folder_fd)
    journal.append(NextPart(frames=300_000))
    journal.close()
    for file in files_of_part(order.files, 2):
        (folder / file.name).write_bytes(b"\1" * 100_000)
    closed = recover_take(order.folder, root=library, cache_survived=True)
    assert closed is not None and 200_000 <= closed.frames < 300_000
    record = check_take(folder, first_frame=0, frames=closed.frames)
    assert record.parts == (0,) and len(list(folder.glob("*.wav"))) == 3


def test_a_slate_that_comes_later_reaches_every_part(fed: FedTape, runtime: Path, library: Path) -> None:
    order = order_for(library, channels=3)
    folder = Path(order.folder)
    with WriterRun(runtime, library) as writer:
        limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        feed(fed, 500_000)
        end(fed, writer, order)
        border = read_journal(folder / "take.journal").parts[1]
        marker = Marker(at_frame=Frame(border + 100), name="behind the border")
        writer.send(Annotate(take_id=order.take_id, note=marker))
        slate = Slate(session="Demo", song="Other", number=9, name="best")
        writer.send(Retag(take_id=order.take_id, folder=order.folder, slate=slate))

        def is_done() -> bool:
            record = read_journal(folder / "take.journal")
            return record.slate == slate and not record.retag_due

        wait_for(is_done, "the files have the new slate")
    record = check_take(folder, first_frame=0, frames=500_000)
    for file in record.files:
        info = wavinfo.WavInfoReader(str(folder / file.name))
        assert info.info.title == "Other take 9 best"
        offsets = [cue.sample_offset for cue in info.cues.cues] if info.cues else []
        assert offsets == ([100] if file.first_frame == border else [])


def test_a_limit_that_is_met_at_once_is_refused_or_ends_the_take_with_its_name(
    fed: FedTape, runtime: Path, library: Path
) -> None:
    with WriterRun(runtime, library) as writer:
        limit(writer, 300_000)
        order = order_for(library, channels=3)
        writer.send(OpenTake(order=order))
        reason = writer.await_fact(TakeFailed).reason
        assert "ulimit -f" in reason and "nothing was written" in reason
        assert not list(Path(order.folder).parent.rglob("*.wav"))
    with WriterRun(runtime, library) as writer:
        order = order_for(library, channels=3, name="Take 002")
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        limit(writer, 300_000)
        feed(fed, 200_000)
        failed = writer.await_fact(TakeFailed)
        assert not failed.disk_full and "no longer files" in failed.reason


def test_an_order_that_a_journal_moves_beyond_all_time_keeps_its_date(library: Path) -> None:
    order = order_for(library, channels=1)
    for frame in (-(1 << 59), 1 << 55, (1 << 60) - 1):
        there = moved(order, Frame(frame))
        assert (there.first_frame, there.started_at) == (frame, order.started_at)
        assert 0 <= there.time_reference < 86_400 * RATE


def test_names_of_next_parts_never_meet_another_file() -> None:
    one = ChannelNumber(1)
    files = [
        TakeFile(name=name, channels=(one,))
        for name in ("Kick.wav", "kick (Part 2).wav", "x" * 251 + ".wav", "x" * 250 + "y.wav", "plain")
    ]
    names = [file.name for file in files_of_part(files, 2)]
    assert names[0] == "Kick (part 2)_.wav" and names[4] == "plain (part 2)"
    everyone = [file.name.casefold() for file in files] + [name.casefold() for name in names]
    assert len(set(everyone)) == len(everyone) and all(len(name) <= 255 for name in names)


def test_the_kernel_s_list_of_mounts_tells_what_a_file_may_be() -> None:
    mounts = "\n".join(
        (
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
            r"40 22 8:17 / /media/my\040stick rw - vfat /dev/sdb1 rw,fmask=0022",
            "41 22 8:33 / /media rw - tmpfs tmpfs rw",
            "42 22 8:34 / /media/my rw - exfat /dev/sdd1 rw",
            "garbage",
        )
    )
    assert mount_of("/media/my stick/a/b", mounts).kind == "vfat"
    assert mount_of("/media/my sticker", mounts).kind == "tmpfs"
    assert mount_of("/media/my/x", mounts).kind == "exfat" and mount_of("/home", mounts).kind == "ext4"
    fat = file_limit("/media/my stick/takes", mounts)
    assert fat.most_bytes == 2**32 - 1 and "/media/my stick is a FAT volume" in fat.why
    assert file_limit("/home/takes", mounts).why == ""


def test_files_are_divided_as_the_volume_beside_wants_it(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("40 1 8:17 / /media/stick rw - vfat /dev/sdb1 rw\n")
    monkeypatch.setattr(limits, "MOUNTS", str(mounts))
    library.mkdir()
    order = order_for(library, channels=2)
    folder_fd = open_folder(library, library)
    for beside, why in (("", ""), ("/media/stick/mirror", "/media/stick is a FAT volume"), ("/else", "")):
        parts = TakeParts.create(order, folder_fd=folder_fd, beside=beside)
        assert parts.limit.why == why
        assert (parts.least_seconds < 9 * 3600) == bool(why)
        parts.close()
        for file in order.files:
            (library / file.name).unlink()
    os.close(folder_fd)


def test_copies_and_their_check_know_every_part(
    fed: FedTape, runtime: Path, library: Path, tmp_path: Path
) -> None:
    order = order_for(library, channels=3)
    folder, target = Path(order.folder), tmp_path / "mirror" / "Take 001"
    with WriterRun(runtime, library) as writer:
        limit(writer)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        feed(fed, 800_001)
        end(fed, writer, order)
    side = look(folder)
    assert side is not None and len(side.names) == 9
    digests = copy_take(side, target, lambda: None)
    assert {path.name for path in target.iterdir()} == {*side.names, "take.journal"}
    check_take(target, first_frame=0, frames=800_001)
    sheet = make_sheet(
        side.record, journal_bytes=side.journal_bytes, rolling=False, sizes=sizes_of(folder, side.record)
    )
    assert [(file.name, file.frame, file.frames) for file in sheet.files] == [
        (file.name, file.first_frame, file.frames) for file in side.record.files
    ]
    assert all(file.size_bytes for file in sheet.files)
    write_sheet(folder, with_digests(sheet, digests))
    found = verify_take(folder, target)
    assert (found.files, found.differs, found.unproved) == (9, (), 0)
    later = target / side.names[-1]
    content = bytearray(later.read_bytes())
    content[5_000] ^= 1
    later.write_bytes(content)
    (told,) = verify_take(folder, target).differs
    assert told == f'channel 3 "Track <3>" ({later.name}): the mirror\'s copy is not what it was'
    other = look(target)
    assert other is not None
    otherwise = replace(other, record=replace(other.record, parts=(0, 4_096)))
    with pytest.raises(CannotTell, match="divided into files otherwise"):
        make_alike(side, otherwise, lambda: None)
