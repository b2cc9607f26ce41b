"""Structs to JSON and back, checked by msgspec. Pure; any thread may use it.

On the wire a message is its fields plus `"type": "<class name>"`. What does not fit its class exactly
is an UnreadableMessage that names the field: a message is used whole or not at all.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from rigd.model.errors import UnreadableMessage
from rigd.model.structs import loaded, structured

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WHERE = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
_BEGINS = re.compile(rb'\{"type":"(?P<name>\w{1,60})"')
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")


def to_plain(message: Struct) -> dict[str, Any]:
    """The message as JSON-ready dicts, lists and numbers, with its class name under "type"."""
    return {"type": type(message).__name__, **msgspec.to_builtins(message)}


def encode(message: Struct) -> bytes:
    """One line, ended by a newline. A lone surrogate, which UTF-8 lacks, is written as JSON's escape."""
    try:
        fields = msgspec.json.encode(message)
    except UnicodeEncodeError:
        text = json.dumps(to_plain(message), ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace") + b"\n"
    name = type(message).__name__.encode()
    return b'{"type":"' + name + (b'"}' if fields == b"{}" else b'",' + fields[1:]) + b"\n"


def where_and_why(error: msgspec.ValidationError, whole: str = "message") -> str:
    """'order.files[0].name: Expected `str`, got `int`': the field first, `whole` where it is none of the fields."""
    text = str(error)
    place = _WHERE.search(text)
    path, why = (place["path"], text[: place.start()]) if place else ("", text)
    if missing := _MISSING.fullmatch(why):
        path, why = ".".join(filter(None, (path, missing["field"]))), "it is missing"
    return f"{path or whole}: {why}"


def schema_of(kind: type[Struct], *, title: str = "") -> dict[str, Any]:
    """The JSON schema of a struct that stands alone, with its own fields at the top."""
    (_, *_), parts = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    whole = parts.pop(kind.__name__)
    whole.pop("title", None)
    named = {"title": title} if title else {}
    schema = {"$schema": SCHEMA_DIALECT, **named, **whole, **({"$defs": parts} if parts else {})}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    return plain


class Unknown(Struct, frozen=True):
    """A message of a class that this build of rigd has not: the other end is of another build. Nothing to act on."""

    name: str


@functools.cache
def _decoder_of(kind: type[Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@functools.cache
def _fields_of(kind: type[Struct]) -> frozenset[str]:
    return frozenset(kind.__struct_fields__)


class Codec:
    """Knows which classes may come in on one link.

    `across_builds` is for links whose ends may be of two builds of rigd, because one was upgraded while the other
    has a take open: a field that is not known is passed by, and a message that is not known is an Unknown.
    """

    def __init__(self, kinds: Iterable[type], *, across_builds: bool = False) -> None:
        self._across_builds = across_builds
        self._kinds = {kind.__name__: kind for kind in kinds}
        if not all(issubclass(kind, Struct) for kind in self._kinds.values()):
            raise TypeError("a codec takes structs only")

    def from_plain(self, plain: object) -> Any:
        """The message that `to_plain` made. Raises UnreadableMessage and says which field is wrong."""
        if not isinstance(plain, dict) or not isinstance(plain.get("type"), str):
            raise UnreadableMessage('not a message: a JSON object with a "type" was expected')
        kind = self._kinds.get(plain["type"])
        if kind is None and self._across_builds:
            return Unknown(plain["type"][:60])
        if kind is None:
            raise UnreadableMessage(f'unknown message "{plain["type"][:60]}"')
        fields = {key: value for key, value in plain.items() if key != "type"}
        unknown = fields.keys() - _fields_of(kind)
        if unknown and not self._across_builds:
            raise UnreadableMessage(f'{kind.__name__}: it has no field "{min(unknown)[:60]}"')
        try:
            return structured(fields, kind)
        except msgspec.ValidationError as error:
            raise UnreadableMessage(f"{kind.__name__}: {where_and_why(error)}") from error

    def decode(self, line: bytes) -> Any:
        """The message of one line. Raises UnreadableMessage on anything that is not one."""
        if self._across_builds and (message := self._decoded_at_once(line)) is not None:
            return message
        try:
            plain = loaded(line)
        except (ValueError, RecursionError) as error:
            raise UnreadableMessage(f"not a message: {line[:60]!r} is not JSON") from error
        return self.from_plain(plain)

    def _decoded_at_once(self, line: bytes) -> Any:
        """The message without dicts in between, three times as quick: a writer reports whole orders twice a second.
        None where the line is not as `encode` writes it, or not right: then it is looked at closely."""
        begins = _BEGINS.match(line)
        kind = self._kinds.get(begins["name"].decode()) if begins else None
        try:
            return None if kind is None else _decoder_of(kind).decode(line)
        except (msgspec.MsgspecError, ValueError):
            return None
