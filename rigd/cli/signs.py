"""What a terminal can show: rigd's own signs and everybody's text, where it does not take UTF-8. Any thread.

A terminal whose locale names another character set gets ASCII: a sign becomes its twin of the same width, any other
character its escape, so nothing is lost and no command ends because of a name. Bytes above 127 are not sent to it:
in an 8-bit set some of them are control characters.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path

from rigd.model.plain_text import escaped, plain_line

TWINS = {
    "●": "*",
    "○": "o",
    "◎": "@",
    "★": "*",
    "·": ".",
    "…": "~",
    "█": "#",
    "▏": "|",
    "▪": "+",
    "▫": "-",
    "─": "-",
    "→": ">",
}
"""Each as wide as the other."""
HANDLER = "rigd_signs"
Styled = tuple[str, str]
"""Words, and Rich's name for how they look in a terminal."""


def prepare_output() -> None:
    """Standard output and error take every text from now on. Called once, before anything is printed."""
    named = names_utf8(_environment_of_start())
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, TextIOWrapper):
            continue
        if not is_utf8(stream.encoding):
            stream.reconfigure(errors=HANDLER)
        elif not named and stream.isatty():
            stream.reconfigure(encoding="ascii", errors=HANDLER)


def is_utf8(encoding: str | None) -> bool:
    return (encoding or "utf-8").lower().replace("_", "-").startswith("utf")


def names_utf8(environment: Mapping[str, str]) -> bool:
    """What the locale says of the terminal; True where it says nothing."""
    named = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(key))), "")
    return not named or "utf" in named.lower()


def shown(text: str, encoding: str) -> str:
    """One plain line as it will stand on a terminal of that encoding, so that its width can be known."""
    line = plain_line(text)
    return line if is_utf8(encoding) else line.encode(encoding, HANDLER).decode(encoding)


def columns_of(words: str) -> int:
    """How many columns of a terminal they take."""
    if words.isascii():
        return len(words)
    return sum(_columns_of(character) for character in words)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _environment_of_start() -> Mapping[str, str]:
    """As it was given: in the C locale Python has put a UTF-8 one into `os.environ` (PEP 538)."""
    try:
        pairs = Path("/proc/self/environ").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return os.environ
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _in_its_place(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(TWINS.get(character) or escaped(character) for character in wrong), error.end


codecs.register_error(HANDLER, _in_its_place)
