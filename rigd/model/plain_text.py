"""Text that somebody else made, as one line that a person may be shown. Pure.

A name can hold what moves a terminal's cursor, begins a new line, turns the direction of writing or cannot be seen.
All of that is shown as what it is (`\\u001b`, `\\n`, `\\u202e`), as TOML writes it, and nothing is lost; the letters,
marks and signs of every script stay as they are. Whatever goes to a terminal or a log goes through here
(`rigd/wire/plain_output.py`), so it does not matter where a text came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DRAWN_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Category Cf, but signs that are drawn: the Arabic year and verse signs, and their like."""
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks by their category, and nothing to be seen."""
_JOINERS = frozenset("\u200c\u200d")
"""Persian, the scripts of India and emoji families are spelt with them."""
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MOST_MARKS = 8
"""Marks on one letter; Tibetan and Hebrew need fewer. More would be drawn over the lines above and below."""

_PIECE = re.compile("[ -~\u00a1-\u00ac\u00ae-\u02ff]+|.", re.DOTALL)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain_line(text: str) -> str:
    """One line that shows all of `text` and does nothing to a terminal. Idempotent."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(shown for _, shown in plain_pieces(text))


def toml_inside(text: str) -> str:
    """As the inside of a TOML basic string, in a line to paste."""
    return plain_line(text.replace("\\", "\\\\").replace('"', '\\"'))


def plain_pieces(text: str) -> Iterator[tuple[str, str]]:
    """Each piece of the text with what is shown for it: itself, or, of a single character, its escape."""
    before, marks = " ", 0
    for found in _PIECE.finditer(text):
        piece = found[0]
        kept = len(piece) > 1 or _is_kept(piece, before, marks)
        marks = marks + 1 if kept and unicodedata.category(piece[-1]) in ("Mn", "Me") else 0
        shown = piece if kept else escaped(piece)
        before = shown[-1]
        yield piece, shown


def escaped(character: str) -> str:
    """As TOML writes it: `\\n`, `\\u001b`, `\\U000e0041`."""
    number = ord(character)
    return _SHORT.get(character) or (f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}")


def first_strange(text: str, *, lines: bool = False) -> str:
    """The first character that no name may hold: control characters, halves of a character, ends of lines (allowed
    with `lines`) and marks that turn the direction of writing. Empty where there is none."""
    if text.isascii() and text.isprintable():
        return ""
    return next((character for character in text if _is_strange(character, lines)), "")


def without_strange(text: str, *, lines: bool = False) -> str:
    """A space for each of these."""
    if not first_strange(text, lines=lines):
        return text
    return "".join(" " if _is_strange(character, lines) else character for character in text)


def _is_strange(character: str, lines: bool) -> bool:
    if lines and character == "\n":
        return False
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTIONS


def _is_kept(character: str, before: str, marks: int) -> bool:
    """`before` is what is shown before it; after an escape that is plain ASCII."""
    if character in _JOINERS:
        return not before.isascii() and not before.isspace() and before not in _JOINERS
    if _chooses_a_form(character):
        return not (before.isspace() or before in _JOINERS or _chooses_a_form(before))
    category = unicodedata.category(character)
    if category in ("Mn", "Me") and marks >= MOST_MARKS:
        return False
    if category in _HIDDEN_CATEGORIES:
        return character in _DRAWN_FORMATS
    return character not in _BLANK_LETTERS


def _chooses_a_form(character: str) -> bool:
    """A variation selector: invisible, and right after what it changes only."""
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or character in "\u180b\u180c\u180d\u180f"
    )
