"""What is in the files, read back by other people's code: libsndfile, sox, wave, wavinfo, ffprobe."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
import soundfile
import wavinfo

from rigd.model.messages import Annotate, EndTake, OpenTake, Retag, RetagFailed, TakeClosed, TakeOpened
from rigd.model.take import Marker, Slate, TakeOrder
from rigd.model.units import Frame, TakeId
from rigd.takefile.journal import read_journal
from rigd.takefile.riff import HEADER_BYTES
from tests.support.patience import wait_for
from tests.support.tools import need_tool
from tests.support.writer_run import FedTape, WriterRun, check_take, frames_as_read, order_for

LONG = Slate(
    session="Demo & Co",
    song="Sö<ng> ]]> \x07 \ud800",
    number=12,
    name='Best "one"',
    circled=True,
    rating=4,
    notes=("first\nnote", "second & last"),
)


def record_one(runtime: Path, library: Path, order: TakeOrder, *, gap: int = 0) -> TakeClosed:
    """A take of 60,000 frames and more, with two markers, and a gap at 20,480."""
    with FedTape(runtime, channels=6) as fed, WriterRun(runtime, library) as writer:
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeOpened)
        for at, name in ((5_000, "verse"), (30_001, "")):
            writer.send(Annotate(take_id=order.take_id, note=Marker(at_frame=Frame(at), name=name)))
        fed.feed(20_480)
        if gap:
            fed.lose(gap)
        fed.feed(60_001)
        writer.send(EndTake(take_id=order.take_id, end_frame=Frame(fed.frame)))
        return writer.await_fact(TakeClosed)


def elements(path: Path) -> dict[str, bytes]:
    """The RIFF elements of a file under 4 GiB, walked strictly: sizes and the end must fit, and only the samples may
    be odd. Lists go by what they list: "LIST INFO"."""
    content = path.read_bytes()
    assert content[:4] == b"RIFF" and content[8:12] == b"WAVE"
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
    found: dict[str, bytes] = {}
    at = 12
    while at < len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        assert at + 8 + size <= len(content)
        payload = content[at + 8 : at + 8 + size]
        found[f"LIST {payload[:4].decode()}" if name == b"LIST" else name.decode()] = payload
        at += 8 + size + size % 2
        assert size % 2 == 0 or (name == b"data" and content[at - 1] == 0)
    assert at == len(content)
    return found


def ixml_of(path: Path) -> ElementTree.Element:
    return ElementTree.fromstring(elements(path)["iXML"].decode("utf-8"))


@pytest.mark.parametrize(("poly", "sample"), [(False, "int24"), (True, "int24"), (True, "float32")])
def test_riff_elements_are_where_they_should_be(
    runtime: Path, library: Path, poly: bool, sample: str
) -> None:
    order = order_for(library, channels=5, poly=poly, sample=sample)  # type: ignore[arg-type]
    record_one(runtime, library, order)
    for file in order.files:
        path = Path(order.folder) / file.name
        found = elements(path)
        head = ["JUNK", "fmt ", "fact", "bext", "CSET", "LIST INFO"]
        expected = [*head, "data", "cue ", "LIST adtl", "iXML"]
        assert list(found) == [name for name in expected if name != "fact" or sample == "float32"]
        header = path.read_bytes()[:HEADER_BYTES]
        assert header[12:20] == b"JUNK\x1c\0\0\0" and header[-8:-4] == b"data"
        assert len(found["data"]) == 80_481 * len(file.channels) * (3 if sample == "int24" else 4)
        if sample == "float32":
            assert struct.unpack("<I", found["fact"]) == (80_481,)


def test_wavinfo_reads_who_when_and_where(runtime: Path, library: Path) -> None:
    order = order_for(library, channels=2, slate=LONG)
    record_one(runtime, library, order, gap=4_000)
    references = set()
    for index, file in enumerate(order.files):
        info = wavinfo.WavInfoReader(str(Path(order.folder) / file.name))
        assert info.fmt.sample_rate == 48_000 and info.fmt.bits_per_sample == 24
        bext = info.bext
        assert bext.originator == "rigd" and bext.version == 1
        assert (bext.originator_date, bext.originator_time) == ("2026-03-01", "14:02:03")
        assert bext.time_reference == order.time_reference
        assert bext.coding_history == "A=PCM,F=48000,W=24,M=mono,T=rigd\r\n"
        assert bext.description.startswith("So<ng> ]]> ? take 12\r\n") or "take 12" in bext.description
        references.add(bext.originator_ref)
        ixml = info.ixml
        assert (ixml.project, ixml.take) == ("Demo & Co", "12")
        assert ixml.scene == "Sö<ng> ]]>  "
        assert ixml.family_uid == order.take_id
        (track,) = ixml.track_list
        assert track.name == f"Track <{index + 1}>" and track.channel_index == str(index + 1)
        assert track.interleave_index == "1"
        cues = info.cues
        labels = {
            entry.name: label.text for entry in cues.cues for label in cues.labels if label.name == entry.name
        }
        places = {labels[entry.name]: entry.sample_offset for entry in cues.cues}
        assert places["verse"] == 5_000 and places["Marker 2"] == 30_001
        (region,) = cues.ranges
        assert region.length == 4_000
        assert places[next(text for text in places if text.startswith("gap: overflow"))] == 20_480
    assert len(references) == 2 and all(len(reference) == 32 for reference in references)


def test_the_ixml_says_all_that_is_known_of_the_take(runtime: Path, library: Path) -> None:
    order = order_for(library, channels=3, poly=True, slate=LONG)
    record_one(runtime, library, order, gap=4_000)
    root = ixml_of(Path(order.folder) / "All.wav")
    text = {path: root.findtext(path) for path in ("CIRCLED", "NOTE", "TAKE_TYPE", "FALSE_START", "USER")}
    assert text["CIRCLED"] == "TRUE" and text["TAKE_TYPE"] == "DEFAULT" and text["FALSE_START"] == "FALSE"
    assert text["NOTE"] == "first\nnote\nsecond & last"
    assert "rating: 4 of 5" in str(text["USER"]) and "gain +24.0 dB" in str(text["USER"])
    assert root.findtext("HISTORY/ORIGINAL_FILENAME") == "All.wav"
    assert root.findtext("FILE_SET/TOTAL_FILES") == "1" and root.findtext("FILE_SET/FILE_SET_INDEX") == "1"
    low, high = (
        root.findtext(f"SPEED/TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_{part}") or "" for part in ("LO", "HI")
    )
    assert int(high) * 2**32 + int(low) == order.time_reference
    points = [
        (
            int(point.findtext("SYNC_POINT_LOW") or ""),
            int(point.findtext("SYNC_POINT_EVENT_DURATION") or ""),
            point.findtext("SYNC_POINT_COMMENT"),
        )
        for point in root.findall("SYNC_POINT_LIST/SYNC_POINT")
    ]
    assert root.findtext("SYNC_POINT_LIST/SYNC_POINT_COUNT") == "3"
    assert points == [
        (5_000, 0, "verse"),
        (20_480, 4_000, "gap: overflow, 4000 frames, estimated"),
        (30_001, 0, "Marker 2"),
    ]
    tracks = root.findall("TRACK_LIST/TRACK")
    assert [track.findtext("INTERLEAVE_INDEX") for track in tracks] == ["1", "2", "3"]
    assert [track.findtext("CHANNEL_INDEX") for track in tracks] == ["1", "2", "3"]


def test_sox_and_ffprobe_read_the_same_length(runtime: Path, library: Path) -> None:
    order = order_for(library, channels=2)
    closed = record_one(runtime, library, order)
    sox = need_tool("sox")
    for file in order.files:
        path = Path(order.folder) / file.name
        command = [str(sox), str(path), "-t", "raw", "-e", "signed", "-b", "24", "-"]
        raw = subprocess.run(command, capture_output=True, check=True)
        assert raw.stderr == b"" and raw.stdout == elements(path)["data"]
    ffprobe = need_tool("ffprobe")
    command = [str(ffprobe), "-v", "error", "-show_streams", "-show_format", "-of", "json"]
    said = subprocess.run([*command, str(path)], capture_output=True, check=True)
    assert said.stderr == b""
    found = json.loads(said.stdout)
    assert found["streams"][0]["codec_name"] == "pcm_s24le"
    assert found["streams"][0]["duration_ts"] == closed.frames
    assert found["format"]["tags"]["encoded_by"] == "rigd"
    assert found["format"]["tags"]["time_reference"] == str(order.time_reference)


def retag(runtime: Path, library: Path, order: TakeOrder, *slates: Slate) -> None:
    with WriterRun(runtime, library) as writer:
        for slate in slates:
            writer.send(Retag(take_id=order.take_id, folder=order.folder, slate=slate))
        journal = Path(order.folder) / "take.journal"

        def is_done() -> bool:
            record = read_journal(journal)
            return record.slate == slates[-1] and not record.retag_due

        wait_for(is_done, "the files have the new slate")


def test_a_new_slate_is_written_in_place_or_at_the_end_and_the_sound_stays(
    runtime: Path, library: Path
) -> None:
    order = order_for(library, channels=3)
    closed = record_one(runtime, library, order)
    folder = Path(order.folder)
    sizes = [(folder / file.name).stat().st_size for file in order.files]
    short = msgspec.structs.replace(order.slate, circled=True, false_take=True, name="x")
    retag(runtime, library, order, short)
    assert [(folder / file.name).stat().st_size for file in order.files] == sizes
    root = ixml_of(folder / order.files[1].name)
    assert root.findtext("CIRCLED") == "TRUE" and root.findtext("FALSE_START") == "TRUE"
    assert (
        root.findtext("TAKE_TYPE") == "NO_GOOD,FALSE_START" and root.findtext("FILE_SET/FAMILY_NAME") == "x"
    )
    long = msgspec.structs.replace(short, song="Another", notes=("n" * 5_000,))
    retag(runtime, library, order, long)
    assert ixml_of(folder / order.files[0].name).findtext("NOTE") == "n" * 5_000
    retag(runtime, library, order, short)
    assert ixml_of(folder / order.files[0].name).findtext("NOTE") is None
    record = check_take(folder, first_frame=0, frames=closed.frames)
    assert record.closed and not record.recovered and record.slate == short
    assert wavinfo.WavInfoReader(str(folder / order.files[0].name)).bext.description.startswith("Song take 3")


def test_a_note_after_the_close_reaches_journal_and_files(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        fed.feed(5_000)
        order = order_for(library, channels=1, end_frame=5_000)
        writer.send(OpenTake(order=order))
        writer.await_fact(TakeClosed)
        writer.send(Annotate(take_id=order.take_id, note=Marker(at_frame=Frame(100), name="late")))
        journal = Path(order.folder) / "take.journal"
        wait_for(lambda: read_journal(journal).markers != (), "the marker is in the journal")
        wait_for(lambda: not read_journal(journal).retag_due, "the files have it")
        assert b"late\0" in elements(Path(order.folder) / order.files[0].name)["LIST adtl"]


def test_a_retag_cut_short_is_done_at_the_next_start(runtime: Path, library: Path) -> None:
    order = order_for(library, channels=1)
    record_one(runtime, library, order)
    journal = Path(order.folder) / "take.journal"
    slate = msgspec.structs.replace(order.slate, name="found")
    retag(runtime, library, order, slate)
    before = (Path(order.folder) / order.files[0].name).read_bytes()
    (Path(order.folder) / order.files[0].name).write_bytes(before[:-4000])
    with (Path(order.folder) / order.files[0].name).open("ab") as file:
        file.write(b"\0" * 4000)
    lines = journal.read_bytes().splitlines(keepends=True)
    assert b"Retagged" in lines[-1]
    journal.write_bytes(b"".join(lines[:-1]))
    with WriterRun(runtime, library):
        wait_for(lambda: not read_journal(journal).retag_due, "the files are brought up to date")
    assert (Path(order.folder) / order.files[0].name).read_bytes() == before


def test_a_file_that_somebody_edited_is_left_alone_and_the_journal_keeps_the_slate(
    runtime: Path, library: Path
) -> None:
    order = order_for(library, channels=2)
    record_one(runtime, library, order)
    edited = Path(order.folder) / order.files[1].name
    soundfile.write(edited, np.zeros(100), 48_000, subtype="PCM_24")
    content = edited.read_bytes()
    with WriterRun(runtime, library) as writer:
        slate = msgspec.structs.replace(order.slate, circled=True)
        writer.send(Retag(take_id=order.take_id, folder=order.folder, slate=slate))
        assert "not as rigd wrote it" in writer.await_fact(RetagFailed).reason
    assert edited.read_bytes() == content
    assert read_journal(Path(order.folder) / "take.journal").slate.circled


def test_a_retag_of_another_take_or_outside_the_library_is_refused(runtime: Path, library: Path) -> None:
    order = order_for(library, channels=1)
    record_one(runtime, library, order)
    with WriterRun(runtime, library) as writer:
        writer.send(Retag(take_id=TakeId("0" * 32), folder=order.folder, slate=order.slate))
        assert "another take" in writer.await_fact(RetagFailed).reason
        writer.send(Retag(take_id=order.take_id, folder="/etc", slate=order.slate))
        assert "not in the library" in writer.await_fact(RetagFailed).reason
        writer.send(Retag(take_id=order.take_id, folder=f"{library}/../library/x", slate=order.slate))
        assert "not in the library" in writer.await_fact(RetagFailed).reason
    assert len(set(frames_as_read(Path(order.folder), order))) == 1
