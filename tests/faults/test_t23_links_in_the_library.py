"""T23: a library in which links, other names of files elsewhere, pipes and devices lie in the places of rigd's own
folders and files. Nothing outside of it is opened for writing, changed, renamed or removed, and recording goes on.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from rigd.blackbox.segments import Shelf
from rigd.library.disk_trial import try_disk
from rigd.library.library import Library
from rigd.library.volumes import VolumePair, why_unfit
from rigd.model.errors import LibraryError
from rigd.model.library import WhichVolume
from rigd.model.messages import EndTake, OpenTake, Retag, TakeClosed
from rigd.model.names import parse_naming
from rigd.model.take import Slate, TakeFormat, TakeOrder, Track
from rigd.model.units import ChannelNumber, Frame, InputNumber, TakeId
from rigd.takefile.recovery import recover_library
from rigd.takefile.volume import read_id
from tests.proof.figures import Figures, count
from tests.proof.load import full_load, start_take, stop_take
from tests.proof.oracle import check_a
from tests.support.capture_run import runtime_folder
from tests.support.hostile_library import KINDS, PLACES, SESSION, Outside, Trap
from tests.support.outside_watch import OutsideWatch
from tests.support.patience import wait_for
from tests.support.rig import RigRun, is_settled
from tests.support.tools import need_root
from tests.support.writer_run import RATE, FedTape, WriterRun, check_take, order_for

NOON = datetime.fromisoformat("2026-03-01T12:00:00+01:00")
SESSION_NAME = SESSION.partition(" ")[2]
LIBRARIES = count(ci=12, full=400)
FED = 9_600


@pytest.fixture(scope="module")
def sound_library() -> Iterator[Path]:
    """With a closed take and one that a killed writer left open, by the writer's own hand."""
    folder = Path(tempfile.mkdtemp(prefix="rigd-test-"))
    try:
        with runtime_folder() as runtime, FedTape(runtime, channels=2) as fed:
            library = folder / "library"
            open_library(library).close()
            writer = WriterRun(runtime, library)
            with writer:
                slate = Slate(session=SESSION_NAME, song="Song", number=1)
                closed, left = (
                    order_for(library, channels=2, name=name, slate=slate) for name in ("Closed", "Open")
                )
                for order in (closed, left):
                    writer.send(OpenTake(order=order))
                fed.feed(FED)
                writer.await_progress(left.take_id, durable=4096)
                writer.send(EndTake(take_id=closed.take_id, end_frame=Frame(4096)))
                writer.await_fact(TakeClosed, take_id=closed.take_id)
            found = open_library(library)
            found.open_session(SESSION_NAME)
            for _ in found.catch_up(may_move=lambda: False):
                pass
            found.close()
        yield library
    finally:
        shutil.rmtree(folder)


def open_library(root: Path) -> Library:
    return Library(root, naming=parse_naming(), rig="Test", now=lambda: NOON)


traps = st.lists(
    st.builds(Trap, place=st.sampled_from(PLACES), kind=st.sampled_from(KINDS), odd=st.integers(0, 1 << 20)),
    min_size=1,
    max_size=5,
    unique_by=lambda trap: trap.place,
)


@pytest.mark.timeout(count(ci=170, full=3600))
def test_whatever_lies_in_a_library_nothing_outside_is_touched_and_recording_goes_on(
    sound_library: Path, figures: Figures
) -> None:
    need_root("a device in the library")

    @settings(
        max_examples=LIBRARIES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @example(lying=[Trap(place=f"2026-03-01 {SESSION_NAME}/.session.json.new", kind="folder", odd=61)])
    @given(lying=traps)
    def every_library(lying: list[Trap]) -> None:
        meet(sound_library, lying)

    every_library()
    figures.record(
        "T23",
        "files outside the library that were written to, renamed or removed",
        bound="0",
        measured=0,
        unit="files",
        count=f"{LIBRARIES} libraries with up to 5 of {len(PLACES) * len(KINDS)} things in them",
        load="2 ch",
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_link_and_another_name_of_a_file_are_not_written_through(sound_library: Path, place: str) -> None:
    """Every place alone: a folder by a link to its like, a file by another name of it."""
    kind = "link to its like" if (sound_library / place).is_dir() else "hard link"
    lying = [Trap(place=place, kind=kind)]
    if place == ".rigd/.volume.new":
        lying.append(Trap(place=".rigd/volume", kind="odd"))  # so that it is written anew
    meet(sound_library, lying, records=False)


def meet(sound_library: Path, lying: list[Trap], *, records: bool = True) -> None:
    """A rig's library and its writer have met such a library, and have recorded a take in it."""
    folder = Path(tempfile.mkdtemp(prefix="rigd-test-", dir="/dev/shm"))
    try:
        library = folder / "library"
        shutil.copytree(sound_library, library)
        (folder / "outside").mkdir()
        outside = Outside(folder / "outside", library)
        in_it = [
            path
            for trap in sorted(lying, key=lambda trap: trap.place)
            if (path := outside.set(library, trap))
        ]
        with OutsideWatch(outside.folder, *in_it) as watch:
            use(library, records=records)
            assert watch.touched() == []
        assert outside.changes() == []
    finally:
        shutil.rmtree(folder)


def use(root: Path, *, records: bool) -> None:
    """What a rig does with a library: its start, a session, a take, and all that is done to one."""
    library = open_library(root)
    try:
        opened = library.open_session(SESSION_NAME)
        for take in opened.takes:
            with contextlib.suppress(LibraryError):
                library.file_take(
                    Path(take.folder), slate=Slate(session="x", song="Song", number=take.slate.number)
                )
        with contextlib.suppress(OSError):
            try_disk(library.own_folder, root=root, may_go_on=lambda: True, clock=iter(range(9)).__next__)
        pair = VolumePair(root, root.parent / "mirror")
        pair.learn()
        pair.why_unfit(WhichVolume.MIRROR)
        assert why_unfit(root, read_id(root)) == ""
        if records:
            record(library, root, opened.folder)
        else:
            for _ in recover_library(root, skip=lambda folder: False):
                pass
        for _ in library.catch_up(may_move=lambda: True):
            pass
        for take in library.open_session(SESSION_NAME).takes:
            with contextlib.suppress(LibraryError):
                library.restore(library.discard(take.take_id).sheet.take_id)
                library.discard(take.take_id)
        with contextlib.suppress(OSError):
            shelf = Shelf(library.own_folder / "blackbox")
            shelf.sweep()
            for number in shelf.numbers():
                shelf.remove(number)
    finally:
        library.close()


def record(library: Library, root: Path, session_folder: str) -> None:
    """A take of the song, by the writer, which closes before what was left open in the library; and a new name."""
    tracks = tuple(
        Track(channel=ChannelNumber(number), input=InputNumber(number), name=f"Mic {number}")
        for number in (1, 2)
    )
    slate = Slate(
        session=SESSION_NAME,
        song="Song",
        number=library.next_take_number(session_folder=session_folder, song="Song"),
    )
    plan = library.plan_take(session_folder=session_folder, slate=slate, tracks=tracks)
    order = TakeOrder(
        take_id=TakeId(uuid.uuid4().hex),
        folder=plan.folder,
        first_frame=Frame(0),
        end_frame=Frame(FED),
        started_at="2026-03-01T12:00:00.000+01:00",
        time_reference=12 * 3600 * RATE,
        format=TakeFormat(sample_rate_hz=RATE),
        tracks=tracks,
        files=plan.files,
        slate=slate,
    )
    with runtime_folder() as runtime, FedTape(runtime, channels=2) as fed, WriterRun(runtime, root) as writer:
        writer.send(OpenTake(order=order))
        fed.feed(FED)
        writer.await_fact(TakeClosed, take_id=order.take_id)
        writer.send(Retag(take_id=order.take_id, folder=order.folder, slate=renamed_slate(slate)))
        assert writer.ask_to_stop() == 0
        assert "Traceback" not in writer.log()
    library.save_session(session_folder)
    library.file_take(Path(order.folder))
    check_take(Path(order.folder), first_frame=0, frames=FED)


def renamed_slate(slate: Slate) -> Slate:
    return Slate(session=slate.session, song=slate.song, number=slate.number, name="found")


@pytest.mark.parametrize("what", ["song", "session"])
def test_a_folder_that_becomes_a_link_while_the_rig_runs_is_recorded_beside(what: str) -> None:
    with RigRun(full_load(channels=2, period_frames=256, stall_s=1, keep_s=1, preroll_s=0)) as rig:
        rig.say("song Blue")
        start_take(rig, seconds=0.2)
        first = stop_take(rig)
        wait_for(lambda: is_settled(first), "nothing is left to do")
        song = Path(first.folder).parent
        folder, outside = song if what == "song" else song.parent, rig.folder / "outside"
        folder.rename(outside)
        with OutsideWatch(outside) as watch:
            folder.symlink_to(outside)
            rig.await_state(lambda state: "look through" in str(state.faults), "it is told")
            assert str(folder) in str(rig.state().faults)
            if what == "session":
                rig.await_state(lambda state: state.session_folder == f"{folder} (2)", "another session")
            start_take(rig, seconds=0.2)
            take = stop_take(rig, closed=2 if what == "song" else 1)
            assert Path(take.folder).is_relative_to(f"{folder} (2)")
            check_a(take.folder)
            assert watch.touched() == []


@pytest.mark.parametrize("kind", ["library", "above it"])
def test_a_library_that_is_a_link_is_recorded_to(kind: str) -> None:
    real = Path(tempfile.mkdtemp(prefix="rigd-test-"))
    link = real.with_name(f"{real.name}-link")
    link.symlink_to(real)
    library = link if kind == "library" else link / "takes"
    try:
        with RigRun(
            full_load(channels=2, period_frames=256, stall_s=1, keep_s=0, preroll_s=0),
            overrides=[f'rig.library="{library}"'],
        ) as rig:
            start_take(rig, seconds=0.2)
            check_a(stop_take(rig).folder)
    finally:
        link.unlink()
        shutil.rmtree(real)
