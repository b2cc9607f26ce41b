"""What every option of the config says of itself: default, unit, range, meaning. Pure.

The same words make the error messages, the table in docs/config.md and `rigd check`, so that they cannot
disagree. Kinds of surfaces, preamps and audio drivers may use `option` for their own settings too.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

NEEDED: Any = ...
"""The default of an option that has none."""


class Options(BaseModel):
    """A section: typed as TOML is (no text for a number), frozen, and no option that nobody reads."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def option(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    longest: int | None = None,
    choices: Iterable[int] = (),
) -> Any:
    """A field with its default, meaning, unit and bounds. A validator has to check `choices`."""
    extra: dict[str, Any] = {"unit": unit, "choices": list(choices)}
    return Field(
        default,
        description=meaning,
        ge=least,
        le=most,
        gt=above,
        max_length=longest,
        json_schema_extra=extra,
    )


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def unit_of(field: FieldInfo) -> str:
    """ "s", "Hz", ..., or empty."""
    return str(_extra(field).get("unit", ""))


def _bound(field: FieldInfo, name: str) -> float | None:
    return next((getattr(mark, name) for mark in field.metadata if hasattr(mark, name)), None)


def _plain(number: float) -> str:
    return f"{number:g}" if abs(number) < 1_000_000 else f"{number:,.0f}"


def range_of(field: FieldInfo) -> str:
    """What may stand there: "1 to 512", 'one of "mono", "poly"', "true or false"."""
    choices = _extra(field).get("choices")
    if choices:
        return "one of " + ", ".join(str(choice) for choice in choices)
    least, most, above = (_bound(field, name) for name in ("ge", "le", "gt"))
    kinds = _alternatives(field.annotation)
    if least is not None and most is not None:
        return f"{_plain(least)} to {_plain(most)}"
    if above is not None and most is not None:
        return f"more than {_plain(above)}, at most {_plain(most)}"
    if least is not None:
        return f"at least {_plain(least)}"
    longest = _bound(field, "max_length")
    return f"at most {longest} characters" if longest is not None and str in kinds else type_of(field)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _type_words(annotation: Any) -> str:
    annotation = getattr(annotation, "__supertype__", annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return "one of " + ", ".join(f'"{word}"' for word in typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "one of " + ", ".join(f'"{word}"' for word in annotation)
    if origin is typing.Annotated:
        return _type_words(typing.get_args(annotation)[0])
    if origin in (list, tuple):
        return "a list"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "a table"
    known = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return known.get(annotation, "text")


def type_of(field: FieldInfo) -> str:
    """ "a whole number", "text": what to write there, without its bounds."""
    kinds = [kind for kind in _alternatives(field.annotation) if kind is not type(None)]
    return " or ".join(dict.fromkeys(_type_words(kind) for kind in kinds))
