"""Every shape of file that rigd writes, opened by other people's readers: rates, layouts, formats, RIFF and RF64.

Made by the writer's own parts, without a process; the samples are a hole of the file, so that 4 GiB cost nothing.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path

import pytest
import soundfile
import wavinfo
from msgspec.structs import replace

from rigd.model.take import Gap, GapCause, Marker, Slate
from rigd.model.units import Frame
from rigd.takefile import riff
from rigd.takefile.beneath import open_folder
from rigd.takefile.ledger import Begun, Closed, Closing, Ledger
from rigd.takefile.riff import HEADER_BYTES
from rigd.takefile.take_files import TakeFiles
from tests.support.tools import need_tool
from tests.support.writer_run import order_for

RATES = (8_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
FEW_FRAMES = 1_001
"""An odd number: 24-bit mono then ends with a pad byte."""
SLATE = Slate(session="Übung & Co", song="Söng", number=3, name="loud")


def make(
    folder: Path,
    *,
    rate: int,
    channels: int,
    sample: str,
    large: bool = False,
    slate: Slate = SLATE,
    later: Slate | None = None,
) -> tuple[Path, int]:
    """A closed file with a marker, a gap and a pre-roll, and how many frames it has. `later`: its last slate."""
    folder.mkdir(parents=True, exist_ok=True)
    order = order_for(folder, channels=channels, poly=True, slate=slate, sample=sample)  # type: ignore[arg-type]
    order = replace(
        order, folder=str(folder), format=replace(order.format, sample_rate_hz=rate), preroll_frames=480
    )
    width = channels * (3 if sample == "int24" else 4)
    frames = FEW_FRAMES + (2**32 // width // 2 * 2 if large else 0)
    ledger = Ledger(Begun(tape_id="0" * 16, tape_layout=1, asked_frame=Frame(0), order=order))
    for entry in (
        later or slate,
        Marker(at_frame=Frame(7), name="Strophe, gedämpft"),
        Gap(at_frame=Frame(100), length_frames=5, cause=GapCause.OVERFLOW, exact=True),
        Closing(frames=frames),
        Closed(frames=frames),
    ):
        ledger.note(entry)
    folder_fd = open_folder(folder, folder)
    try:
        files = TakeFiles.create(order, folder_fd=folder_fd)
        files.cut(frames)
        assert files.finish(ledger.record()) == []
        files.close()
    finally:
        os.close(folder_fd)
    return folder / order.files[0].name, frames


def walk(path: Path) -> list[tuple[str, int]]:
    """Names and sizes of the elements of a file of any size."""
    found: list[tuple[str, int]] = []
    with path.open("rb") as file:
        file.seek(12)
        data_bytes = 0
        while head := file.read(8):
            name, size = struct.unpack("<4sI", head)
            if name == b"ds64":
                data_bytes = struct.unpack("<8xQ", file.read(16))[0]
                file.seek(-16, os.SEEK_CUR)
            size = data_bytes if name == b"data" and data_bytes else size
            found.append((name.decode(), size))
            file.seek(size + size % 2, os.SEEK_CUR)
        assert file.tell() == path.stat().st_size
    return found


@pytest.mark.parametrize("large", [False, True], ids=["RIFF", "RF64"])
@pytest.mark.parametrize("sample", ["int24", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_is_opened_by_libsndfile_and_ffprobe(
    tmp_path: Path, channels: int, sample: str, large: bool
) -> None:
    ffprobe = need_tool("ffprobe")
    for rate in RATES:
        path, frames = make(tmp_path / str(rate), rate=rate, channels=channels, sample=sample, large=large)
        with path.open("rb") as file:
            assert file.read(4) == (b"RF64" if large else b"RIFF")
        odd = [(name, size) for name, size in walk(path) if size % 2 and name != "data"]
        assert odd == [], "a reader that skips no pad byte would lose its way"
        with soundfile.SoundFile(path) as sound:
            assert (sound.frames, sound.samplerate, sound.channels) == (frames, rate, channels), path
            assert sound.title == "Söng take 3 loud" and sound.album == "Übung & Co"
        command = [str(ffprobe), "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
        said = subprocess.run(command, capture_output=True, check=True)
        assert said.stderr == b""
        found = json.loads(said.stdout)
        assert found["streams"][0]["duration_ts"] == frames
        assert found["streams"][0]["sample_rate"] == str(rate)
        tags = found["format"]["tags"]
        assert (tags["title"], tags["album"]) == ("Söng take 3 loud", "Übung & Co")
        path.unlink()


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("sample", ["int24", "float32"])
def test_sox_opens_every_rate(tmp_path: Path, channels: int, sample: str) -> None:
    paths = [make(tmp_path / str(rate), rate=rate, channels=channels, sample=sample)[0] for rate in RATES]
    said = subprocess.run([need_tool("soxi"), "-s", *paths], capture_output=True, check=True, text=True)
    assert said.stdout.split()[: len(RATES)] == [str(FEW_FRAMES)] * len(RATES) and said.stderr == ""
    said = subprocess.run([need_tool("soxi"), "-r", *paths], capture_output=True, check=True, text=True)
    assert said.stdout.split()[: len(RATES)] == [str(rate) for rate in RATES]


def test_sox_opens_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones, as sox reads all of an RF64 file to tell its length (test_f23 has a large one)."""
    monkeypatch.setattr(riff, "_LIMIT", 0)
    for rate in RATES:
        for channels, sample in ((1, "int24"), (6, "int24"), (6, "float32")):
            path, frames = make(tmp_path / str(rate), rate=rate, channels=channels, sample=sample)
            assert path.read_bytes()[:4] == b"RF64"
            with soundfile.SoundFile(path) as sound:
                assert (sound.frames, sound.samplerate) == (frames, rate)
            said = subprocess.run([need_tool("soxi"), path], capture_output=True, check=True, text=True)
            assert f"= {frames} samples" in said.stdout and f": {rate}\n" in said.stdout, said
            path.unlink()


def test_the_words_of_a_file_are_the_field_s(tmp_path: Path) -> None:
    path, _ = make(tmp_path / "one", rate=192_000, channels=1, sample="int24")
    info = wavinfo.WavInfoReader(str(path), info_encoding="utf-8")
    assert info.bext.coding_history.rstrip("\0") == "A=PCM,F=192000,W=24,M=mono,T=rigd\r\n"
    assert (info.info.title, info.info.product) == ("Söng take 3 loud", "Übung & Co")
    assert (info.info.created_date, info.info.software) == ("2026-03-01", "rigd")
    content = path.read_bytes()
    assert b"CSET\x08\0\0\0" + struct.pack("<HHHH", 65001, 0, 0, 0) in content[:HEADER_BYTES]
    assert "Strophe, gedämpft\0".encode() in content[HEADER_BYTES:]
    region = content.index(b"ltxt") + 8
    assert struct.unpack_from("<H", content, region + 18) == (65001,)
    text = content[content.index(b"<?xml") :].decode()
    point = text[text.index("PRE_RECORD_SAMPLECOUNT") :]
    assert "<SYNC_POINT_COUNT>3</SYNC_POINT_COUNT>" in text
    assert point.index("<SYNC_POINT_LOW>480<") < point.index("</SYNC_POINT>")


@pytest.mark.parametrize(
    ("channels", "sample", "history"),
    [
        (2, "int24", "A=PCM,F=48000,W=24,M=dual-mono,T=rigd\r\n"),
        (6, "int24", "A=PCM,F=48000,W=24,T=rigd; 6 channels\r\n"),
        (1, "float32", "A=PCM,F=48000,W=32,M=mono,T=rigd; float\r\n"),
    ],
)
def test_coding_history_has_only_the_words_of_r98(
    tmp_path: Path, channels: int, sample: str, history: str
) -> None:
    path, _ = make(tmp_path, rate=48_000, channels=channels, sample=sample)
    assert wavinfo.WavInfoReader(str(path)).bext.coding_history.rstrip("\0") == history


@pytest.mark.parametrize("channels", [1, 8, 9, 32, 64, 256])
def test_the_description_has_whole_entries_and_says_where_the_rest_is(tmp_path: Path, channels: int) -> None:
    path, _ = make(tmp_path, rate=48_000, channels=channels, sample="int24")
    raw = path.read_bytes()
    at = raw.index(b"bext") + 8
    description = raw[at : at + 256].rstrip(b"\0").decode("ascii")
    lines = description.split("\r\n")
    assert lines.pop() == "", "the last entry is whole"
    tracks = [line for line in lines if line.startswith("sTRK")]
    assert tracks == [f"sTRK{n}=Track <{n}>" for n in range(1, len(tracks) + 1)]
    if len(tracks) < channels:
        assert lines[-1] == f"sNOTE=TRK{len(tracks) + 1}-{channels}: see iXML"
        assert len(description) > 256 - len("sTRK10=Track <10>\r\n"), "no entry less than have room"
    else:
        assert channels <= 9


def test_a_take_that_was_renamed_while_it_rolled_has_its_last_name_in_every_word(tmp_path: Path) -> None:
    later = replace(SLATE, song="Lied", number=9, name="best")
    path, _ = make(tmp_path / "one", rate=48_000, channels=2, sample="int24", later=later)
    info = wavinfo.WavInfoReader(str(path), info_encoding="utf-8")
    assert info.info.title == "Lied take 9 best"
    assert info.bext.description.startswith("Lied take 9\r\n")
    assert b"<TAKE>9</TAKE>" in path.read_bytes()


def test_long_words_of_any_script_have_room_in_every_header(tmp_path: Path) -> None:
    long = Slate(session="é" * 900, song="\U0001f941" * 300 + "\ud800\n", number=10**9, name="x" * 2000)
    for sample in ("int24", "float32"):
        path, frames = make(tmp_path / sample, rate=192_000, channels=256, sample=sample, slate=long)
        with soundfile.SoundFile(path) as sound:
            assert sound.frames == frames
            assert sound.title == "\U0001f941" * 120 and sound.album == "é" * 240
