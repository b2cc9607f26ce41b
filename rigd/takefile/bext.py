"""The `bext` element of Broadcast Wave, version 1 (EBU Tech 3285 s.2): who recorded what, and when. Pure.

Version 1, because nobody has measured the loudness of a take that still rolls.
"""

from __future__ import annotations

import re
import struct
import unicodedata

from rigd.model.take import Slate, TakeFile, TakeOrder
from rigd.takefile.riff import WaveShape

ORIGINATOR = "rigd"
DESCRIPTION_BYTES = 256
_FIXED = struct.Struct("<256s32s32s10s8sQH64s190x")
_NOT_ASCII = re.compile(r"[^\x20-\x7e\r\n]")


def to_ascii(text: str) -> str:
    """Accents dropped, what has no ASCII form a question mark, control characters gone."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    plain = "".join(c for c in plain if c in "\r\n" or unicodedata.category(c) not in ("Cc", "Cs", "Cf"))
    return _NOT_ASCII.sub("?", plain)


def _one_line(text: str) -> str:
    return " ".join(to_ascii(text).split())


def originator_reference(order: TakeOrder, file_index: int, *, part: int = 1) -> str:
    """32 characters, unique for each file (EBU R99): QQ is a country code left to its users."""
    clock = re.sub(r"[^0-9]", "", order.started_at[11:19]).ljust(6, "0")[:6]
    index = file_index + (part - 1) * len(order.files)
    digits = (int(order.take_id[12:], 16) + index) % 10**9
    return f"QQRGD{order.take_id[:12].upper()}{clock}{digits:09d}"


def _description(order: TakeOrder, slate: Slate, file: TakeFile) -> str:
    """A line for a person in the first 64 characters, then the keys that field recorders use. Whole entries only:
    where not all tracks have room the last entry says so, as half a name would be a wrong one."""
    names = {track.channel: track.name for track in order.tracks}
    title = f"{_one_line(slate.song)} take {slate.number}"
    lines = [
        f"{title[:60]}",
        f"sPROJECT={_one_line(slate.session)[:48]}",
        f"sSCENE={_one_line(slate.song)[:48]}",
        f"sTAKE={slate.number}",
    ]
    tracks = [f"sTRK{n}={_one_line(names[channel])[:32]}" for n, channel in enumerate(file.channels, 1)]
    there = [f"{line}\r\n" for line in lines + tracks]
    last = len(there)
    while sum(map(len, there)) > DESCRIPTION_BYTES:
        last -= 1
        there[last:] = [f"sNOTE=TRK{last - len(lines) + 1}-{len(tracks)}: see iXML\r\n"]
    return "".join(there)


def _coding_history(shape: WaveShape) -> str:
    """One line of EBU R98. Its words for M are mono, stereo, dual-mono and joint-stereo: two channels of a rig are
    two sounds and no stereo. For more than two there is no word, and what does not apply is left out."""
    mode = {1: ",M=mono", 2: ",M=dual-mono"}.get(shape.channels, "")
    told = f"; {shape.channels} channels" if shape.channels > 2 else ""
    told += "; float" if shape.sample == "float32" else ""
    return f"A=PCM,F={shape.sample_rate_hz},W={8 * shape.sample_bytes}{mode},T=rigd{told}\r\n"


def bext_of(order: TakeOrder, slate: Slate, file_index: int, shape: WaveShape, *, part: int = 1) -> bytes:
    """The payload for file number `file_index` (from 0) of a take: 602 bytes and the coding history."""
    # struct fills with NUL, which is what the standard asks for.
    fixed = _FIXED.pack(
        _description(order, slate, order.files[file_index]).encode("ascii"),
        ORIGINATOR.encode("ascii"),
        originator_reference(order, file_index, part=part).encode("ascii"),
        to_ascii(order.started_at[:10]).encode("ascii"),
        to_ascii(order.started_at[11:19]).encode("ascii"),
        order.time_reference,
        1,
        bytes(64),
    )
    return fixed + _coding_history(shape).encode("ascii")
