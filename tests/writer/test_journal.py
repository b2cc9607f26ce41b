"""The journal keeps every fact that reached it, whatever happens to its end or middle."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rigd.model.errors import TakeError
from rigd.model.limits import LONGEST_CHOICE, LONGEST_NAME, LONGEST_SETTING_NAME, MOST_SETTINGS
from rigd.model.read_back import as_typed, slate_as_typed
from rigd.model.settings_history import MOST_ROWS_OF_A_TAKE
from rigd.model.take import GainChange, Gap, GapCause, Marker, Slate, TakeFile, Xrun
from rigd.model.units import ChannelNumber, Frame
from rigd.takefile.journal import LONGEST_ENTRY_BYTES, Journal, line_of, read_journal
from rigd.takefile.ledger import (
    Begun,
    Closed,
    Closing,
    Durable,
    Ended,
    Entry,
    Ledger,
    Mended,
    Resumed,
    Retagged,
)
from tests.support.writer_run import order_for

BEGUN = Begun(
    tape_id="00ff",
    tape_layout=1,
    asked_frame=Frame(5),
    order=order_for(Path("/library"), channels=2, first_frame=5),
)
texts = st.text(max_size=40)
frames = st.integers(min_value=0, max_value=2**50).map(Frame)
entries = st.lists(
    st.one_of(
        st.builds(Marker, at_frame=frames, name=texts),
        st.builds(
            Gap,
            at_frame=frames,
            length_frames=st.integers(1, 2**40),
            cause=st.sampled_from(GapCause),
            exact=st.booleans(),
        ),
        st.builds(Xrun, at_frame=frames, suspect=st.booleans()),
        st.builds(
            GainChange,
            at_frame=frames,
            channel=st.integers(1, 64).map(ChannelNumber),
            parameter=st.sampled_from(["gain_db", "pad", "phantom", "polarity"]),
            value=st.floats(-200, 200),
            confirmed=st.booleans(),
        ),
        st.builds(
            Slate,
            session=texts,
            song=texts,
            number=st.integers(0, 999),
            notes=st.lists(texts, max_size=3).map(tuple),
        ),
        st.builds(Durable, frames=st.integers(0, 2**50)),
        st.builds(Ended, end_frame=st.none() | frames),
        st.builds(Resumed, frames=st.integers(0, 2**50)),
        st.builds(Mended, name=texts, frames=st.integers(0, 2**50)),
        st.builds(Closing, frames=st.integers(0, 2**50)),
        st.builds(Closed, frames=st.integers(0, 2**50), recovered=st.booleans(), failure=texts),
        st.builds(Retagged),
    ),
    max_size=12,
)


def lines_of(found: list[Entry]) -> bytes:
    return line_of(BEGUN) + b"".join(line_of(entry) for entry in found)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal") / "take.journal"


@given(found=entries)
def test_what_was_written_is_read_back(path: Path, found: list[Entry]) -> None:
    path.write_bytes(lines_of(found))
    record = read_journal(path)
    assert record.faults == ()
    markers = sorted(found_of(found, Marker), key=lambda marker: marker.at_frame)
    assert [as_typed(marker.name) for marker in markers] == [marker.name for marker in record.markers]
    assert list(record.gain_changes) == found_of(found, GainChange)
    slates = found_of(found, Slate)
    assert record.slate == slate_as_typed(slates[-1] if slates else BEGUN.order.slate)
    assert record.closed == bool(found_of(found, Closed))


def found_of(found: list[Entry], kind: type) -> list[object]:
    return [entry for entry in found if isinstance(entry, kind)]


@given(found=entries, cut=st.integers(0, 4_000))
def test_a_torn_end_costs_the_torn_line_only_and_is_no_fault(
    path: Path, found: list[Entry], cut: int
) -> None:
    whole = lines_of(found)
    kept = whole[: max(len(line_of(BEGUN)), len(whole) - cut)]
    path.write_bytes(kept)
    record = read_journal(path)
    assert record.faults == ()
    left = kept.count(b"\n") - 1
    assert list(record.gain_changes) == found_of(found[:left], GainChange)


@given(found=entries, tail=st.binary(max_size=300))
def test_rubbish_at_the_end_is_cut_off_by_the_next_writer(
    path: Path, found: list[Entry], tail: bytes
) -> None:
    path.write_bytes(lines_of(found) + tail)
    folder_fd = os.open(path.parent, os.O_RDONLY)
    try:
        journal, _ = Journal.reopen(folder=str(path.parent), folder_fd=folder_fd)
    finally:
        os.close(folder_fd)
    marker = Marker(at_frame=Frame(77), name="after the crash")
    journal.append(marker)
    journal.close()
    record = read_journal(path)
    assert marker in record.markers and record.faults == ()


@given(found=entries, place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_and_costs_one_line_at_most(
    path: Path, found: list[Entry], place: int, bit: int
) -> None:
    found = [*found, Marker(at_frame=Frame(1), name="last"), Marker(at_frame=Frame(2), name="good")]
    content = bytearray(lines_of(found))
    first = len(line_of(BEGUN))
    end = len(content) - len(line_of(found[-1])) - 1  # not the newline before it: that would cost it too
    at = first + place % (end - first)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    record = read_journal(path)
    assert record.markers and "good" in [marker.name for marker in record.markers]
    assert len(record.faults) >= 1 and all("left out" in fault for fault in record.faults)
    changes = found_of(found, GainChange)
    assert len(changes) - 2 <= len(record.gain_changes) <= len(changes)


@given(content=st.binary(max_size=400))
def test_what_is_no_journal_is_a_clear_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(TakeError, match="left alone"):
        read_journal(path)


def test_an_order_that_leaves_its_folder_is_not_read_from_a_journal_either(path: Path) -> None:
    bad = msgspec.structs.replace(BEGUN.order.files[0], name="../../evil.wav")
    order = msgspec.structs.replace(BEGUN.order, files=(bad,))
    path.write_bytes(line_of(msgspec.structs.replace(BEGUN, order=order)))
    with pytest.raises(TakeError, match="cannot be the name"):
        read_journal(path)


def test_a_journal_of_a_newer_rigd_is_left_alone(path: Path) -> None:
    path.write_bytes(line_of(msgspec.structs.replace(BEGUN, journal_version=99)))
    with pytest.raises(TakeError, match="newer rigd"):
        read_journal(path)


def test_a_gap_told_twice_counts_once_and_is_cut_at_the_end(path: Path) -> None:
    gap = Gap(at_frame=Frame(100), length_frames=50, cause=GapCause.OVERFLOW, exact=True)
    path.write_bytes(lines_of([gap, gap, Xrun(at_frame=Frame(200)), Closed(frames=120)]))
    record = read_journal(path)
    assert [(g.at_frame, g.length_frames) for g in record.gaps] == [(100, 25)]
    assert record.xruns == () and record.frames == 120 and record.end_frame == 125


@pytest.mark.parametrize("frames", ["1e999", '"many"', "null"])
def test_a_line_that_is_whole_and_makes_no_sense_is_left_out(path: Path, frames: str) -> None:
    said = f'{{"type":"Durable","frames":{frames}}}'.encode()
    path.write_bytes(line_of(BEGUN) + b"%08x %s\n" % (zlib.crc32(said), said))
    record = read_journal(path)
    assert record.durable_frames == 0
    (fault,) = record.faults
    assert "left out" in fault


def test_a_journal_that_is_a_pipe_or_of_gigabytes_is_left_alone_at_once(tmp_path: Path) -> None:
    pipe, long = tmp_path / "pipe", tmp_path / "long"
    os.mkfifo(pipe)
    long.write_bytes(line_of(BEGUN))
    os.truncate(long, 1 << 40)
    for odd in (pipe, long):
        with pytest.raises(TakeError, match="left alone"):
            read_journal(odd)


def test_a_line_longer_than_any_order_is_not_read_as_json(path: Path) -> None:
    """A journal of one line of brackets would take gigabytes in the memory of a process that records."""
    said = b"[" + b"[]," * (LONGEST_ENTRY_BYTES // 3) + b"[]]"
    durable = line_of(Durable(frames=7))
    path.write_bytes(line_of(BEGUN) + b"%08x %s\n" % (zlib.crc32(said), said) + durable)
    record = read_journal(path)
    assert record.faults == ("line 2 is damaged and was left out",) and record.durable_frames == 7


def test_the_longest_order_is_shorter_than_the_longest_line(path: Path) -> None:
    settings: dict[str, bool | float | str] = {
        f"{n:0{LONGEST_SETTING_NAME}}": "x" * LONGEST_CHOICE for n in range(MOST_SETTINGS)
    }
    track = replace(
        BEGUN.order.tracks[0],
        name="\N{DRUM WITH DRUMSTICKS}" * LONGEST_NAME,
        source="\N{DRUM WITH DRUMSTICKS}" * LONGEST_NAME,
        settings=settings,
    )
    file = TakeFile(name="\N{DRUM WITH DRUMSTICKS}" * 60, channels=(ChannelNumber(512),))
    said = GainChange(
        at_frame=Frame(10**12),
        channel=ChannelNumber(512),
        parameter="x" * LONGEST_SETTING_NAME,
        value=-12.345,
        confirmed=True,
        asked=-12.345,
        word="x" * LONGEST_CHOICE,
    )
    order = replace(
        BEGUN.order, tracks=(track,) * 512, files=(file,) * 512, gain_changes=(said,) * MOST_ROWS_OF_A_TAKE
    )
    assert len(line_of(replace(BEGUN, order=order))) < LONGEST_ENTRY_BYTES


def test_what_lies_behind_an_end_that_is_told_late_is_not_counted() -> None:
    ledger = Ledger(BEGUN)
    for at in (100, 110):
        ledger.note(Gap(at_frame=Frame(at), length_frames=4, cause=GapCause.OVERFLOW, exact=True))
        ledger.note(Xrun(at_frame=Frame(at)))
    assert (len(ledger.gaps()), ledger.xrun_count) == (2, 2)
    ledger.note(Ended(end_frame=Frame(110)))
    assert (len(ledger.gaps()), ledger.xrun_count) == (1, 1)
    ledger.note(Ended(end_frame=None))
    assert (len(ledger.gaps()), ledger.xrun_count) == (2, 2)


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
def test_a_number_that_is_none_costs_its_line_only(path: Path, number: str) -> None:
    good = GainChange(
        at_frame=Frame(5), channel=ChannelNumber(1), parameter="gain_db", value=1.5, confirmed=True
    )
    text = line_of(good)[9:-1].replace(b"1.5", number.encode())
    path.write_bytes(lines_of([]) + b"%08x %s\n" % (zlib.crc32(text), text) + line_of(good))
    record = read_journal(path)
    assert record.gain_changes == (good,)
    assert len(record.faults) == 1 and "left out" in record.faults[0]
