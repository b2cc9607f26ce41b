"""Takes that are to be spoiled: what a whole take of rigd's becomes after a crash, after years, in other hands.

A closed take's sound files are read by nobody at a start, so that spoiling them would show nothing: most of these
have something left to be done about them, and a start opens each of their files.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import soundfile
from msgspec.structs import replace

from rigd.model.take import Gap, GapCause, Slate
from rigd.model.units import Frame
from rigd.takefile.journal import JOURNAL_NAME, line_of, read_journal
from rigd.takefile.riff import HEADER_BYTES, WaveShape, set_sizes

LARGE_FRAMES = ((1 << 32) + (1 << 20)) // 3
"""Of a long file: past what RIFF can say. It is a hole, and a declared gap, but for its beginning."""
COPIED_BYTES = 1 << 18
"""Of a file that large."""


def take_roots(good: Path, into: Path) -> dict[str, Path]:
    """By kind, folders below `into` made of the closed mono take in `good`."""
    roots = {
        kind: into / kind for kind in ("closed", "left open", "to be retagged", "long gap", "RF64", "FLAC")
    }
    for folder in roots.values():
        shutil.copytree(good, folder)
    for kind in ("left open", "long gap", "RF64", "FLAC"):
        _leave_open(roots[kind])
    record = read_journal(good / JOURNAL_NAME)
    _add(roots["to be retagged"], replace(record.order.slate, name="Another name", circled=True))
    lost = Gap(
        at_frame=Frame(record.order.first_frame + record.frames),
        length_frames=LARGE_FRAMES - record.frames,
        cause=GapCause.INTERFACE_LOST,
        exact=True,
    )
    for kind in ("long gap", "RF64"):
        _add(roots[kind], lost)
        for path in sorted(roots[kind].glob("*.wav")):
            _grow(path, record.frames, told=kind == "RF64")
    for path in sorted(roots["FLAC"].glob("*.wav")):
        _into_flac(path)
    return roots


def copy_take(root: Path, to: Path) -> None:
    """Holes stay holes."""
    to.mkdir(parents=True)
    for path in root.iterdir():
        with path.open("rb") as source, (to / path.name).open("wb") as copy:
            copy.write(source.read(COPIED_BYTES))
            copy.truncate(path.stat().st_size)


def _leave_open(folder: Path) -> None:
    """What a crash leaves while a take rolls: the journal does not close it, and there is no take.json of the end."""
    journal = folder / JOURNAL_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line[9:])["type"] not in ("Closing", "Closed", "Ended")]
    assert len(kept) < len(lines)
    journal.write_bytes(b"".join(kept))
    (folder / "take.json").unlink()


def _add(folder: Path, entry: Slate | Gap) -> None:
    """The journal knows it; the files do not yet."""
    with (folder / JOURNAL_NAME).open("ab") as journal:
        journal.write(line_of(entry))


def _grow(path: Path, frames: int, *, told: bool) -> None:
    """A mono file of 24 bits, of which `frames` are sound and the rest silence. Where that is told it is RF64, with a
    ds64 that is right; else its header is that of before, as when the power went in between."""
    with path.open("r+b") as file:
        header = bytearray(file.read(HEADER_BYTES))
        (rate_hz,) = struct.unpack_from("<I", header, 60)
        shape = WaveShape(channels=1, sample_rate_hz=rate_hz, sample="int24")
        set_sizes(header, shape, frames=LARGE_FRAMES if told else frames)
        assert header[:4] == (b"RF64" if told else b"RIFF")
        file.seek(0)
        file.write(header)
        file.truncate(HEADER_BYTES + 3 * frames)
        file.truncate(HEADER_BYTES + 3 * LARGE_FRAMES)


def _into_flac(path: Path) -> None:
    """The same sound in another format, under the name that the take has for it."""
    sound, rate_hz = soundfile.read(path, dtype="int32")
    soundfile.write(path, sound, rate_hz, format="FLAC", subtype="PCM_24")
    assert path.read_bytes()[:4] == b"fLaC"
