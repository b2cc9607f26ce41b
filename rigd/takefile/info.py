"""What a file is called, in the words that every player shows: `LIST INFO`, and `CSET` (RIFF MCI 1991). Pure.

They stand in the header, so that they are there from a take's first second on and are renewed with its slate.
"""

from __future__ import annotations

import struct
import unicodedata

from rigd.model.take import Slate, TakeOrder
from rigd.takefile.riff import subchunk

UTF_8 = 65001
"""Its number among Windows' code pages. Without a CSET texts are ISO 8859-1."""
MOST_TEXT_BYTES = 480
"""Of each text: the header has room for four of them. As typed they stand in the iXML."""
_PRODUCT = "rigd"


def _text(typed: str) -> bytes:
    """One line of UTF-8, cut between two characters, with its zero."""
    line = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in typed)
    whole = " ".join(line.split()).encode("utf-8", "replace")
    return whole[:MOST_TEXT_BYTES].decode("utf-8", "ignore").encode() + b"\0"


def _player_title(slate: Slate) -> str:
    """As a player shows it."""
    return " ".join(word for word in (slate.song, f"take {slate.number}", slate.name) if word)


def info_of(order: TakeOrder, slate: Slate) -> bytes:
    """Both elements: title (INAM), session (IPRD), date (ICRD), software (ISFT). What is empty is left out."""
    texts = {
        b"INAM": _player_title(slate),
        b"IPRD": slate.session,
        b"ICRD": order.started_at[:10],
        b"ISFT": _PRODUCT,
    }
    entries = (subchunk(name, _text(text)) for name, text in texts.items() if text.strip())
    return subchunk(b"CSET", struct.pack("<HHHH", UTF_8, 0, 0, 0)) + subchunk(
        b"LIST", b"INFO" + b"".join(entries)
    )
