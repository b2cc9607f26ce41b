"""What is wrong with a config, each with its place: file, line, section, key, value, what may stand there.

Pure. Faults are gathered and told all at once, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from rigd.config.lines import KeyPath
from rigd.config.options import range_of, type_of, unit_of
from rigd.model.near_words import did_you_mean

_LONGEST_VALUE = 60
_TYPE_FAULTS = ("_type", "_parsing", "int_from_float")


class ConfigFault(Struct, frozen=True, kw_only=True):
    """`path` leads to the key at fault; `text` names it, what was given and what may stand there."""

    path: KeyPath
    text: str


def shown(value: object) -> str:
    """The value as TOML would write it, cut to fit a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        cut = value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 3] + "..."
        return '"' + cut.encode("unicode_escape").decode().replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**_LONGEST_VALUE:
        return "a very long number"
    return str(value)


def meant(word: str, known: Iterable[str]) -> str:
    """'; did you mean "armed"?', or the words there are."""
    known = list(known)
    return did_you_mean(word, known) or (f"; there is: {', '.join(known)}" if known else "")


def section_of(path: KeyPath) -> str:
    """How a person finds the place: "[surface.pedal]", "[[channel]] 3"."""
    match path:
        case ("channel", int(place), *_):
            return f"[[channel]] {place + 1}"
        case ("surface" | "preamp" as section, str(name), *_):
            return f"[{section}.{name}]"
        case ("audio", str(driver), _, *_):
            return f"[audio.{driver}]"
        case (section, *_):
            return f"[{section}]"
        case _:
            return ""


def faults_of(error: ValidationError, *, model: type[BaseModel], base: KeyPath) -> list[ConfigFault]:
    """The faults pydantic found in the table at `base`, in the words of the trade."""
    return [_fault(dict(found), model=model, base=base) for found in error.errors(include_url=False)]


def _fault(found: dict[str, Any], *, model: type[BaseModel], base: KeyPath) -> ConfigFault:
    loc: tuple[str | int, ...] = found["loc"]
    path = (*base, *loc)
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in loc)
    given = found["input"]
    kind: str = found["type"]
    if kind == "extra_forbidden":
        return ConfigFault(
            path=path, text=f'has no option "{str(loc[-1])[:_LONGEST_VALUE]}"{_meant_there(loc, model)}'
        )
    if kind == "missing":
        field = model.model_fields.get(str(loc[0]))
        wanted = f" ({field.description})" if len(loc) == 1 and field and field.description else ""
        return ConfigFault(path=path, text=f"needs {key}{wanted}")
    if kind == "value_error":
        place = f"{key} = {shown(given)} " if loc else ""
        return ConfigFault(path=path, text=place + str(found["ctx"]["error"]))
    field = model.model_fields.get(str(loc[0])) if loc else None
    if field is None or len(loc) > 1:
        return ConfigFault(path=path, text=f"{key} = {shown(given)}: {_lower(found['msg'])}")
    unit = f" {unit_of(field)}" if unit_of(field) else ""
    if kind.endswith(_TYPE_FAULTS):
        allowed = (
            type_of(field)
            if type_of(field) == range_of(field)
            else f"{type_of(field)}, {range_of(field)}{unit}"
        )
    else:
        allowed = f"{range_of(field)}{unit}"
    return ConfigFault(path=path, text=f"{key} = {shown(given)} must be {allowed}")


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _meant_there(loc: tuple[str | int, ...], model: type[BaseModel]) -> str:
    return meant(str(loc[-1]), model.model_fields) if len(loc) == 1 else ""
