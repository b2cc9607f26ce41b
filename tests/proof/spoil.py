"""Files that nobody should have put into a library: copies of a take with its files changed at random, and things
that are no files of rigd's at all. Pure but for the folders it makes; the same seed makes the same bytes.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from rigd.takefile.journal import JOURNAL_NAME

ODD_NUMBERS = (
    "-1",
    "0",
    "1e999",
    "NaN",
    "Infinity",
    "1e308",
    str(1 << 63),
    str(-(1 << 70)),
    '"7"',
    "null",
    "true",
)
ODD_TEXTS = (
    '""', '"../../../etc/passwd"', '"/"', '"\\u0000"', '"\\ud800"', '"' + "x" * 70_000 + '"', "[]", "{}", '"CON"',
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


HEAD_BYTES = 1 << 13
"""Of a file of gigabytes no more than its header, and where it ends, is changed."""
LARGE_BYTES = 1 << 30


def spoil_folder(folder: Path, chance: random.Random, *, kind: str) -> Counter[str]:
    """One to three of the files of a take's copy are changed, a sound file among them where it is no WAV; how many
    of each sort."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    sounds = [path for path in files if path.suffix == ".wav"]
    chosen = chance.sample(files, chance.randint(1, min(3, len(files))))
    if kind in ("RF64", "FLAC") and not set(sounds) & set(chosen):
        chosen[0] = chance.choice(sounds)
    sorts = Counter[str]()
    for path in chosen:
        is_sound = path in sounds
        way = chance.choice(_WAYS if is_sound else (*_WAYS, *_WORDY))
        if path.stat().st_size > LARGE_BYTES:
            _spoil_head(path, way, chance)
        else:
            changed = way(path.read_bytes(), chance)
            if path.name == JOURNAL_NAME and chance.random() < 0.7:
                changed = with_true_checksums(changed)
            path.write_bytes(changed)
        sorts[(kind if kind in ("RF64", "FLAC") else "WAV") if is_sound else path.name] += 1
    return sorts


def _spoil_head(path: Path, way: _Way, chance: random.Random) -> None:
    with path.open("r+b") as file:
        changed = way(file.read(HEAD_BYTES), chance)
        file.seek(0)
        file.write(changed)
        if chance.random() < 0.5:
            file.truncate(chance.randrange(path.stat().st_size))


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    # Headers and metadata are where a reader can be led astray, so they are hit more often than samples.
    for _ in range(chance.randint(1, 20)):
        at = (
            chance.randrange(min(len(changed), 5000))
            if chance.random() < 0.7
            else chance.randrange(len(changed))
        )
        changed[at] = chance.choice((changed[at] ^ 1 << chance.randrange(8), 0, 255, chance.randrange(256)))
    return bytes(changed)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def _remove(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + content[at + chance.randint(1, 200) :]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + content[at : at + chance.randint(1, 500)] * chance.randint(2, 50) + content[at:]


def _replace(content: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 12, 100, 5000)))


def _odd(pattern: re.Pattern[bytes], words: tuple[str, ...]) -> Callable[[bytes, random.Random], bytes]:
    def change(content: bytes, chance: random.Random) -> bytes:
        places = list(pattern.finditer(content))
        if not places:
            return content
        place = chance.choice(places)
        return content[: place.start()] + chance.choice(words).encode() + content[place.end() :]

    return change


def _swap_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines[: chance.randint(1, len(lines))])


def _deep(content: bytes, chance: random.Random) -> bytes:
    depth = chance.choice((500, 100_000))
    return b"[" * depth + b"]" * depth + b"\n"


_Way = Callable[[bytes, random.Random], bytes]
_WAYS: tuple[_Way, ...] = (_flip, _flip, _cut, _remove, _repeat, _replace)
_WORDY: tuple[_Way, ...] = (
    _odd(_NUMBER, ODD_NUMBERS), _odd(_NUMBER, ODD_NUMBERS), _odd(_TEXT, ODD_TEXTS), _odd(_TEXT, ODD_TEXTS),
    _swap_lines, _deep,
)  # fmt: skip


def with_true_checksums(journal: bytes) -> bytes:
    """A journal whose every line is whole, whatever it says: what is wrong in it is not found by its checksum."""
    lines = [line[9:] for line in journal.splitlines() if len(line) > 9]
    return b"".join(b"%08x %s\n" % (zlib.crc32(text), text) for text in lines)


def put_foreign_things(session: Path, good: Path) -> None:
    """Into a session's folder: what programs and people leave there. `good` is a whole take to make copies of."""
    song = session / "Foreign"
    song.mkdir()
    tone = np.sin(np.arange(4800) / 10)
    for name, subtype in (("a.flac", "PCM_24"), ("b.wav", "DOUBLE"), ("c.w64", "PCM_16"), ("d.aiff", "ALAW"),
                          ("e.wav", "IMA_ADPCM"), ("f.rf64", "FLOAT"), ("g.ogg", "VORBIS")):  # fmt: skip
        soundfile.write(song / name, tone, 48_000, subtype=subtype)
    for place, name in enumerate((JOURNAL_NAME, "take.json", "01 Input 1.wav")):
        for kind in ("pipe", "folder", "link", "device", "itself"):
            copy = song / f"Take {place}-{kind}"
            shutil.copytree(good, copy)
            path = copy / name
            path.unlink(missing_ok=True)
            match kind:
                case "pipe":
                    os.mkfifo(path)
                case "folder":
                    path.mkdir()
                case "link":
                    path.symlink_to("/etc/passwd")
                case "device":
                    path.symlink_to("/dev/zero")
                case "itself":
                    path.symlink_to(name)
    sparse = song / "Take sparse"
    shutil.copytree(good, sparse)
    for name in (JOURNAL_NAME, "take.json"):
        with (sparse / name).open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
            file.truncate(1 << 32)
    (song / "loop").symlink_to(session)
    (session / "session.json").with_name("session.json.new").write_bytes(b"\0" * 100)
    (song / "\udcff\udcfe not unicode").mkdir()
    deep = song
    for _ in range(60):
        deep = deep / "deep"
    deep.mkdir(parents=True)
    (deep / "take.json").write_text(json.dumps({"format": "rigd take"}))
