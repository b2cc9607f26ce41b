"""take.json as a file: read, written, and its JSON schema. Any thread. What a newer rigd wrote is never touched."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from rigd.library.durable import DamagedFile, read_json, write_json
from rigd.library.sheet import SHEET_VERSION, TakeSheet
from rigd.library.sheet_check import as_typed_sheet, why_not
from rigd.library.walking import library_of
from rigd.model.errors import LibraryError
from rigd.model.structs import structured
from rigd.wire.codec import schema_of, where_and_why

SHEET_NAME = "take.json"


class NewerSheet(LibraryError):
    """A take.json that a newer rigd wrote: it is not touched."""


def read_sheet(folder: Path) -> TakeSheet | None:
    """take.json of a take's folder; None where there is none. Raises LibraryError where it cannot be used."""
    path = folder / SHEET_NAME
    plain = read_json(path)
    if plain is None:
        return None
    _refuse_newer(path, plain)
    try:
        sheet = structured(plain, TakeSheet)
    except msgspec.ValidationError as error:
        raise LibraryError(f"{path}: {where_and_why(error, 'file')}") from error
    if why := why_not(sheet):
        raise DamagedFile(f"{path}: {why}")
    return as_typed_sheet(sheet)


def write_sheet(folder: Path, sheet: TakeSheet, *, durable: bool = True) -> None:
    """take.json of the folder is `sheet`. Raises LibraryError, also where it is a newer rigd's."""
    path = folder / SHEET_NAME
    with contextlib.suppress(DamagedFile):
        _refuse_newer(path, read_json(path))
    write_json(path, plain_sheet(sheet), root=library_of(folder), durable=durable)


def _refuse_newer(path: Path, plain: Any) -> None:
    version = plain.get("version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > SHEET_VERSION:
        raise NewerSheet(f"{path}: was written by a newer rigd (version {version}); left as it is")


def plain_sheet(sheet: TakeSheet) -> dict[str, Any]:
    """As it stands in the file."""
    plain: dict[str, Any] = msgspec.to_builtins(sheet)
    return plain


def sheet_schema() -> dict[str, Any]:
    """The JSON schema in docs/take.schema.json."""
    return schema_of(TakeSheet, title="rigd take.json, version 1")
