"""A config as people make it: on Windows, in a word processor, pasted from a page or a phone. Pure, but for
asking the system whose home a path begins with.

What can only be meant one way is read: a byte order mark, any kind of line end, UTF-16. What cannot be read is named
by the character's own name, as it looks like the right one, with what to type in its place.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DOUBLE_QUOTES = "“”„‟«»″＂"  # noqa: RUF001 - these are the ones that are mistaken
SINGLE_QUOTES = "‘’‚‛‹›′＇`´"  # noqa: RUF001
DASHES = "‐‑‒–—−"  # noqa: RUF001
OTHERS = {"＝": "=", "［": "[", "］": "]", "，": ",", "＃": "#", "．": "."}  # noqa: RUF001

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_WINDOWS = re.compile(r"[A-Za-z]:[\\/\x00-\x1f\x7f]|\\\\\w")
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?|%[A-Za-z_]\w*%")


def text_of(raw: bytes) -> str:
    """The text of a file, its lines ended by a line feed each. Raises UnicodeDecodeError."""
    text = raw.decode("utf-16" if raw.startswith(UTF_16) else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def mistaken_in(line: str) -> str:
    """What in this line of a file that is not TOML was mistaken for something else; empty where nothing was."""
    for character, column in _outside_strings(line):
        wanted = _meant_by(character)
        if wanted:
            name = unicodedata.name(character, "a character without a name")
            shown = character if character.isprintable() else ""
            named = f"{shown} ({name}, U+{ord(character):04X})".strip()
            return f"{named} where {wanted} is meant (column {column})"
    if _WINDOWS.search(line):
        return "a path of Windows. rigd runs on Linux: write /home/NAME/takes, or ~/takes"
    return ""


def _outside_strings(line: str) -> Iterator[tuple[str, int]]:
    """Each character that is in no plain string and no comment, with its column."""
    place = 0
    while place < len(line):
        string = _STRING.match(line, place)
        if string is not None:
            place = string.end()
        elif line[place] == "#":
            return
        else:
            yield line[place], place + 1
            place += 1


def _meant_by(character: str) -> str:
    if character in DOUBLE_QUOTES:
        return 'a plain "'
    if character in SINGLE_QUOTES:
        return "a plain ' or \""
    if character in DASHES:
        return "a plain -"
    if character in OTHERS:
        return f"a plain {OTHERS[character]}"
    if character != " " and unicodedata.category(character) == "Zs":
        return "a plain space"
    if unicodedata.category(character) == "Cf":
        return "nothing (it cannot be seen)"
    return ""


def a_path(text: str) -> str:
    """The text, refused where it is no path of this machine as it stands: nobody expands a variable here."""
    if _WINDOWS.match(text):
        raise ValueError("is a path of Windows; rigd runs on Linux: write /home/NAME/takes, or ~/takes")
    variable = _VARIABLE.search(text)
    if variable is not None:
        raise ValueError(
            f'holds "{variable[0]}", and no variable is put in: write the whole path, or ~/ for the home of the user '
            "that rigd runs as"
        )
    try:
        Path(text).expanduser()
    except RuntimeError as error:
        whose = text.partition("/")[0]
        raise ValueError(
            f'begins with "{whose}", and no home of that user is known here: write the whole path, or begin with ~/'
        ) from error
    return text
