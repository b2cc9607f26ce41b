"""Library and mirror made to agree: every kind of difference, on real folders, by the real threads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from take_maker import FIRST, NOON, begin, order_take
from take_maker import close as close_take
from two_volumes import TwoVolumes, closed, forget_comparison, sound_of, spoil

from hardware_sim.disks import SmallDisk
from rigd.library.library import Library
from rigd.library.sheet_file import read_sheet
from rigd.mirror.copies import copy_take, look
from rigd.mirror.verify import find_takes, verify_take
from rigd.model.errors import LibraryError
from rigd.model.inputs import TakeAdopted
from rigd.model.library import CopiesLeft, VolumeChecked, WhichVolume
from rigd.model.names import parse_naming
from rigd.model.state import CopyState
from rigd.model.take import Gap, GapCause
from rigd.model.units import Frame
from rigd.takefile.journal import JOURNAL_NAME, read_journal
from tests.support.patience import wait_for
from tests.support.tools import need_mounts


def test_two_good_copies_are_the_same_and_both_take_json_say_so(volumes: TwoVolumes) -> None:
    order = volumes.take_on_both()
    sheet = read_sheet(Path(order.folder))
    there = read_sheet(Path(volumes.twin(order).folder))
    assert sheet is not None and sheet.mirror is not None and there is not None
    assert (sheet.mirror.state, sheet.mirror.folder) == ("same", volumes.twin(order).folder)
    assert there.files == sheet.files and all(file.sha256 for file in there.files)
    assert there.journal_bytes == (Path(volumes.twin(order).folder) / JOURNAL_NAME).stat().st_size
    assert (volumes.there / "2025-06-01 Band" / "session.json").is_file()


def test_a_take_that_the_mirror_lacks_is_copied_there_and_the_other_way_round(volumes: TwoVolumes) -> None:
    first, second = volumes.order(), volumes.order()
    begin(first)
    close_take(first)
    volumes.file(first)
    assert volumes.compared(first).take.copy is not None
    assert sound_of(first.folder) == sound_of(volumes.twin(first).folder) != {}
    begin(volumes.twin(second))
    close_take(volumes.twin(second))
    volumes.begin_again()
    told = volumes.compared(second)
    assert told.take.folder == second.folder and not told.take.on_mirror
    assert sound_of(second.folder) == sound_of(volumes.twin(second).folder) != {}
    assert read_journal(Path(second.folder) / JOURNAL_NAME).closed


def test_a_library_copy_that_failed_is_made_good_by_the_mirror(volumes: TwoVolumes) -> None:
    order = volumes.order()
    begin(order)
    close_take(order, frames=100, failure="no space left")
    begin(volumes.twin(order))
    close_take(volumes.twin(order))
    volumes.file(order)
    told = volumes.compared(order)
    assert told.take.copy is not None and told.take.copy.state is CopyState.SAME
    assert told.take.durable_frames == 480 and not told.take.failure
    assert sound_of(order.folder) == sound_of(volumes.twin(order).folder)


def test_a_library_copy_that_nobody_could_close_is_made_good_by_the_mirror(volumes: TwoVolumes) -> None:
    order = volumes.order()
    begin(order)
    begin(volumes.twin(order))
    close_take(volumes.twin(order))
    volumes.begin_again()
    assert volumes.compared(order).take.durable_frames == 480
    assert sound_of(order.folder) == sound_of(volumes.twin(order).folder)


@pytest.mark.parametrize("side", ["library", "mirror"])
def test_a_file_that_has_rotted_is_made_good_by_the_copy_that_its_sha256_fits(
    volumes: TwoVolumes, side: str
) -> None:
    order = volumes.take_on_both()
    volumes.await_digests(order)
    volumes.await_same(order)
    good = sound_of(order.folder)
    name = order.files[1].name
    place = order.folder if side == "library" else volumes.twin(order).folder
    spoil(place, name)
    verified = verify_take(Path(order.folder), Path(volumes.twin(order).folder))
    assert verified.differs == (f'channel 2 "Mic 2" ({name}): the {side}\'s copy is not what it was',)
    volumes.second.stop()
    forget_comparison(order)
    volumes.begin_again()
    told = volumes.compared(order)
    assert told.take.copy is not None and told.take.copy.state is CopyState.SAME
    assert sound_of(order.folder) == sound_of(volumes.twin(order).folder) == good
    assert not verify_take(Path(order.folder), Path(volumes.twin(order).folder)).differs


def test_where_neither_copy_is_what_it_was_neither_is_touched_and_the_channel_is_named(
    volumes: TwoVolumes,
) -> None:
    order = volumes.take_on_both()
    volumes.await_digests(order)
    volumes.await_same(order)
    name = order.files[0].name
    spoil(order.folder, name)
    (Path(volumes.twin(order).folder) / name).write_bytes(b"something else")
    before = sound_of(order.folder), sound_of(volumes.twin(order).folder)
    volumes.second.stop()
    forget_comparison(order)
    volumes.begin_again()
    told = volumes.compared(order)
    assert told.take.copy is not None and told.take.copy.state is CopyState.DIFFERS
    assert f'channel 1 "Mic 1" ({name})' in told.reason
    assert (sound_of(order.folder), sound_of(volumes.twin(order).folder)) == before
    assert len(verify_take(Path(order.folder), Path(volumes.twin(order).folder)).differs) == 1


def test_copies_that_each_have_sound_that_the_other_lacks_are_left_alone(volumes: TwoVolumes) -> None:
    order = volumes.order()
    begin(order)
    close_take(order, frames=100, failure="no space left")
    lost = Gap(at_frame=Frame(FIRST + 10), length_frames=20, cause=GapCause.OVERWRITTEN, exact=True)
    begin(volumes.twin(order), lost)
    close_take(volumes.twin(order))
    before = sound_of(order.folder), sound_of(volumes.twin(order).folder)
    volumes.file(order)
    told = volumes.compared(order)
    assert told.take.copy is not None and told.take.copy.state is CopyState.DIFFERS
    assert (sound_of(order.folder), sound_of(volumes.twin(order).folder)) == before


def test_a_false_take_goes_to_the_trash_on_both_volumes_and_comes_back_on_both(volumes: TwoVolumes) -> None:
    order = volumes.take_on_both()
    volumes.keeper.trash(closed(order))
    told = volumes.compared(order, below=".trash")
    assert told.take.copy is not None
    there = Path(told.take.copy.folder)
    assert there == volumes.there / Path(told.take.folder).relative_to(volumes.here)
    assert not Path(volumes.twin(order).folder).exists()
    assert sound_of(there) == sound_of(told.take.folder)
    volumes.keeper.restore(order.take_id)
    told = volumes.compared(order, below="/Blue/")
    assert told.take.folder == order.folder
    assert told.take.copy is not None and told.take.copy.folder == volumes.twin(order).folder


def test_nothing_is_copied_while_anything_is_recorded(volumes: TwoVolumes) -> None:
    volumes.quiet = False
    order = volumes.order()
    begin(order)
    close_take(order)
    volumes.file(order)
    assert volumes.hears(CopiesLeft).count == 1
    assert not Path(volumes.twin(order).folder).exists()
    volumes.quiet = True
    assert volumes.compared(order).take.copy is not None


def test_a_mirror_folder_without_its_disk_is_not_written_to(volumes: TwoVolumes) -> None:
    order = volumes.take_on_both()
    volumes.second.stop()
    shutil.move(volumes.there, volumes.there.with_name("unplugged"))
    volumes.there.mkdir()
    volumes.second = volumes.make_second()
    volumes.second.start()
    volumes.second.check(WhichVolume.MIRROR)
    told = volumes.hears(VolumeChecked)
    assert "see whether its disk is mounted" in told.problem and "To begin with a new one" in told.problem
    late = volumes.order()
    begin(late)
    close_take(late)
    volumes.file(late)
    assert volumes.hears(CopiesLeft).count
    assert not list(volumes.there.iterdir())
    volumes.there.rmdir()
    shutil.move(volumes.there.with_name("unplugged"), volumes.there)
    volumes.second.check(WhichVolume.MIRROR)
    assert not volumes.hears(VolumeChecked).problem
    volumes.await_same(late)
    assert sound_of(order.folder) == sound_of(volumes.twin(order).folder)


def test_nothing_is_copied_into_the_empty_folder_of_a_library_that_is_not_mounted(
    volumes: TwoVolumes,
) -> None:
    take = volumes.take_on_both()
    volumes.stop()
    volumes.here.rename(volumes.here.with_name("not mounted"))
    after = TwoVolumes(volumes.here.parent)
    try:
        after.second.start()
        after.second.check(WhichVolume.MIRROR)
        told = after.hears(VolumeChecked)
        assert "is the mirror of another library" in told.problem, told
        after.second.check(WhichVolume.MIRROR)  # and so it stays
        assert "is the mirror of another library" in after.hears(VolumeChecked).problem
        assert not Path(take.folder).exists()
        (after.there / ".rigd" / "library-volume").unlink()  # as the text says
        after.begin_again()
        after.await_same(take)
    finally:
        after.stop()


def test_a_folder_of_which_nobody_knows_what_it_is_is_not_copied_into(volumes: TwoVolumes) -> None:
    take = volumes.order()
    begin(take)
    close_take(take)
    strange = Path(volumes.twin(take).folder)
    strange.mkdir(parents=True)
    for file in take.files:
        (strange / file.name).write_bytes(b"somebody's sound")
    volumes.file(take)
    told = volumes.compared(take)
    assert told.take.copy is not None and told.take.copy.state is CopyState.DIFFERS
    assert "nothing says what they are" in told.reason
    assert set(sound_of(strange).values()) == {b"somebody's sound"}


def test_a_copy_that_is_shorter_than_its_journal_says_is_not_taken_for_the_better_one(
    volumes: TwoVolumes,
) -> None:
    volumes.quiet = False
    take = volumes.order()
    twin = volumes.twin(take)
    begin(take)
    close_take(take)
    begin(twin)
    close_take(twin, frames=100)
    name = take.files[0].name
    good = (Path(twin.folder) / name).read_bytes()
    os.truncate(Path(take.folder) / name, 5000)  # before anybody has hashed it
    volumes.file(take)
    volumes.quiet = True
    told = volumes.compared(take)
    assert told.take.copy is not None and told.take.copy.state is CopyState.DIFFERS, told
    assert (Path(twin.folder) / name).read_bytes() == good


def test_the_number_and_folder_of_a_take_that_is_on_the_mirror_alone_are_not_given_again(
    volumes: TwoVolumes,
) -> None:
    """After a restart while the library's volume is full: the mirror refuses a second take in the folder."""
    volumes.quiet = False
    take = volumes.order()
    begin(volumes.twin(take))
    close_take(volumes.twin(take))
    volumes.stop()
    after = Library(volumes.here, naming=parse_naming(), now=lambda: NOON, mirror=volumes.there)
    try:
        opened = after.open_session("Band")
        number = after.next_take_number(session_folder=opened.folder, song=take.slate.song)
        assert number == take.slate.number + 1
        again = order_take(after, opened.folder)
        assert again.folder != take.folder
    finally:
        after.close()


def test_a_copy_leaves_room_for_the_next_take(volumes: TwoVolumes) -> None:
    need_mounts()
    volumes.quiet = False
    take = volumes.order()
    begin(take)
    close_take(take)
    source = look(Path(take.folder))
    assert source is not None
    with SmallDisk(size_bytes=4 << 20) as disk:  # enough for the copy, and not for a minute beside it
        with pytest.raises(LibraryError, match="room for a minute of the next take"):
            copy_take(source, disk.path / "session" / "song" / "copy", lambda: None)
        assert not list((disk.path / "session" / "song" / "copy").iterdir())


def test_a_take_that_is_known_to_be_the_same_is_not_read_again_at_the_next_start(volumes: TwoVolumes) -> None:
    order = volumes.take_on_both()
    volumes.await_digests(order)
    volumes.await_same(order)
    volumes.second.stop()
    volumes.keeper.adopt(order.take_id, order.folder)
    volumes.hears(TakeAdopted)  # what was asked of the library before is done
    stamp = (Path(order.folder) / "take.json").stat().st_mtime_ns
    volumes.begin_again()
    volumes.settled()
    assert (Path(order.folder) / "take.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("lost", ["session.json", "the session"])
def test_a_session_json_that_was_lost_comes_back_from_the_mirror(volumes: TwoVolumes, lost: str) -> None:
    order = volumes.take_on_both()
    volumes.await_same(order)
    volumes.second.stop()
    session_json = Path(volumes.session) / "session.json"
    before = (volumes.there / "2025-06-01 Band" / "session.json").read_bytes()
    if lost == "session.json":
        session_json.unlink()
    else:
        Path(volumes.session).rename(
            volumes.here.parent / "lost"
        )  # at once: its take.json may just be written again
    volumes.begin_again()
    wait_for(session_json.is_file, "it is back")
    assert session_json.read_bytes() == before
    wait_for(lambda: sound_of(order.folder) == sound_of(volumes.twin(order).folder), "the take is there, too")


def test_what_on_the_mirror_is_no_session_is_left_alone(volumes: TwoVolumes) -> None:
    volumes.take_on_both()
    (volumes.there / "of somebody else" / "empty").mkdir(parents=True)
    volumes.begin_again()
    volumes.settled()
    volumes.take_on_both()
    assert (volumes.there / "of somebody else" / "empty").is_dir()


def test_every_take_of_both_volumes_is_found_for_verifying(volumes: TwoVolumes) -> None:
    both = volumes.take_on_both()
    alone = volumes.order()
    begin(volumes.twin(alone))
    close_take(volumes.twin(alone))
    volumes.quiet = False
    found = dict(find_takes(volumes.here, volumes.there))
    assert found == {
        Path(both.folder): Path(volumes.twin(both).folder),
        Path(alone.folder): Path(volumes.twin(alone).folder),
    }
    assert verify_take(Path(alone.folder), found[Path(alone.folder)]).differs
