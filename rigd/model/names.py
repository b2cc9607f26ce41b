"""Names that people type, made into names that every file system takes. Pure.

What was typed is never lost: take.json, session.json and iXML keep it. Only the name on disk is made safe,
for Linux, Windows and macOS alike, because a disk from the rig ends up in any of them.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Mapping

from msgspec import Struct

from rigd.model.errors import CommandError, RigError

LONGEST_NAME_BYTES = 120
"""UTF-8 bytes of one path component: with " (2)" and ".wav" below the 143 of eCryptfs (others: 255)."""

_SEPARATING = {ord(character): "-" for character in "/\\:|"}
_FORBIDDEN = {ord(character): None for character in '<>"?*'}
_JOINERS = "\u200c\u200d"
"""Invisible, but emoji families and several scripts are spelt with them."""
_DROPPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn"}
_RESERVED = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789\u00b9\u00b2\u00b3"
}


def safe_name(typed: str, *, fallback: str) -> str:
    """One path component that reads like `typed` and is safe everywhere; `fallback` where nothing is left.

    Unicode is kept (NFC). Slash, backslash, colon and bar become "-"; other characters that some file
    system refuses, control and invisible ones go; so do leading dots and dashes (hidden files, options) and
    trailing dots and spaces (Windows). Device names (CON, NUL, COM1) get a "_". At most
    LONGEST_NAME_BYTES, cut between characters. Idempotent.
    """
    spaced = "".join(" " if character.isspace() else character for character in typed)
    composed = unicodedata.normalize("NFC", spaced)
    kept = "".join(
        character
        for character in composed.translate(_SEPARATING).translate(_FORBIDDEN)
        if character in _JOINERS or unicodedata.category(character) not in _DROPPED_CATEGORIES
    )
    name = _trimmed(unicodedata.normalize("NFC", " ".join(kept.split())))
    stem, dot, rest = name.partition(".")
    if stem.rstrip(" ").upper() in _RESERVED:
        name = f"{stem.rstrip(' ')}_{dot}{rest}"
    name = _trimmed(name.encode()[:LONGEST_NAME_BYTES].decode(errors="ignore"))
    return name or fallback


def _trimmed(name: str) -> str:
    return name.lstrip(" .-" + _JOINERS).rstrip(" ." + _JOINERS)


def clash_key(name: str) -> str:
    """Equal for two names that some file system takes for one: case and Unicode spelling put aside."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def unique_name(name: str, *, taken: Callable[[str], bool]) -> str:
    """`name`, or `name (2)`, `name (3)` ... : the first whose `clash_key` is not `taken`."""
    candidate, count = name, 1
    while taken(clash_key(candidate)):
        count += 1
        suffix = f" ({count})"
        room = LONGEST_NAME_BYTES - len(suffix)
        candidate = _trimmed(name.encode()[:room].decode(errors="ignore")) + suffix
    return candidate


Field = str | int
"""A value of a template: text, or a number that may be padded."""


class _Piece(Struct, frozen=True):
    text: str
    field: str = ""
    width: int = 0


class NameTemplate(Struct, frozen=True):
    """A pattern for one path component: "Take {take:03}". Made by `parse_template`."""

    pattern: str
    pieces: tuple[_Piece, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The fields it uses."""
        return frozenset(piece.field for piece in self.pieces if piece.field)

    def render(self, values: Mapping[str, Field], *, fallback: str) -> str:
        """A safe name. Each field is made safe by itself, so that none can add a path or cut another off."""
        words = []
        for piece in self.pieces:
            words.append(piece.text)
            if piece.field:
                value = values[piece.field]
                word = f"{value:0{piece.width}d}" if isinstance(value, int) else safe_name(value, fallback="")
                words.append(word)
        return safe_name("".join(words), fallback=fallback)


def parse_template(
    pattern: str,
    *,
    fields: FieldsOf,
    error: type[RigError] = CommandError,
) -> NameTemplate:
    """The template of `pattern`, in which these fields may stand. Raises `error`, which lists them."""
    texts, numbers = fields.texts, fields.numbers

    def wrong(why: str) -> RigError:
        return error(f'template "{pattern}": {why}. Fields that may stand here: {fields}')

    if "/" in pattern or "\\" in pattern:
        raise wrong("this is one name, without a slash")
    pieces = []
    try:
        parsed = list(string.Formatter().parse(pattern))
    except ValueError as fault:
        raise wrong(str(fault)) from fault
    for text, field, spec, conversion in parsed:
        if field is None:
            pieces.append(_Piece(text))
            continue
        if field not in texts and field not in numbers:
            raise wrong(f'"{{{field}}}" is not a field')
        if conversion or (spec and field in texts):
            raise wrong(f'"{{{field}}}" takes no format')
        if spec and not (spec.isascii() and spec.isdigit() and int(spec) <= 9):
            raise wrong(f'"{{{field}:{spec}}}" is not of the form {{{field}:03}}')
        pieces.append(_Piece(text, field, int(spec or "0")))
    if not any(piece.field or piece.text.strip() for piece in pieces):
        raise wrong("it is empty")
    return NameTemplate(pattern, tuple(pieces))


class FieldsOf(Struct, frozen=True):
    """What may stand in the template of one name: texts, and numbers that may be padded ("{take:03}")."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{{{name}}}" for name in (*self.texts, *self.numbers))


SESSION_FIELDS = FieldsOf(("session_date", "session"))
SONG_FIELDS = FieldsOf((*SESSION_FIELDS.texts, "song"))
TAKE_FIELDS = FieldsOf(SONG_FIELDS.texts, ("take",))
MONO_FIELDS = FieldsOf((*SONG_FIELDS.texts, "name", "source"), ("channel", "input", "take"))


class Naming(Struct, frozen=True, kw_only=True):
    """How folders and files are called. Made by `parse_naming`."""

    session: NameTemplate
    song: NameTemplate
    take: NameTemplate
    mono_file: NameTemplate
    poly_file: NameTemplate


def parse_naming(
    *,
    take_folder: str = "{session_date} {session}/{song}/Take {take:03}",
    mono_file: str = "{channel:02} {name}",
    poly_file: str = "{song} Take {take:03}",
    error: type[RigError] = CommandError,
) -> Naming:
    """The templates of [take] in the config. `take_folder`: session, song and take folder, with slashes.

    Raises `error`, which names the fields that may stand in the part that is wrong.
    """
    parts = take_folder.split("/")
    if len(parts) != 3:
        raise error(
            f'template "{take_folder}": it needs three names divided by "/": session folder, song folder, '
            'take folder; as in "{session_date} {session}/{song}/Take {take:03}"'
        )
    naming = Naming(
        session=parse_template(parts[0], fields=SESSION_FIELDS, error=error),
        song=parse_template(parts[1], fields=SONG_FIELDS, error=error),
        take=parse_template(parts[2], fields=TAKE_FIELDS, error=error),
        mono_file=parse_template(mono_file, fields=MONO_FIELDS, error=error),
        poly_file=parse_template(poly_file, fields=TAKE_FIELDS, error=error),
    )
    for template, field in ((naming.session, "session"), (naming.take, "take")):
        if field not in template.fields:
            raise error(
                f'template "{template.pattern}": {{{field}}} is missing from the {field} folder\'s name'
            )
    if not naming.mono_file.fields & {"channel", "input", "name"}:
        raise error(
            f'template "{mono_file}": it needs {{channel}}, {{input}} or {{name}}, one file a channel'
        )
    return naming
