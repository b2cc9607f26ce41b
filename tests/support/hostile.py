"""Dataclasses of the model with the same text in every field that takes one, for whoever may write what he likes."""

from __future__ import annotations

import types
import typing
from enum import Enum
from typing import Any

import msgspec

from rigd.model.messages import Annotate
from rigd.model.take import Marker
from rigd.model.units import TakeId

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\b"
LINES = "\n0 takes lost\r\x85\u2028\u2029\v\f"
DIRECTIONS = "\u202egnorw\u2066\u200f"
UNSEEN = "a\u200bb\u00adc\ufeff\u3164\U000e0041\udc80"
HOSTILE = f"x{ESCAPES}{LINES}{DIRECTIONS}{UNSEEN}[red]y[/red] :bomb:"
TAME = "Waltz"


def filled(kind: Any, text: str) -> Any:
    """A value of that type, with one entry in each list and nothing left out."""
    kind = getattr(kind, "__supertype__", kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        kinds = [each for each in arguments if each is not type(None)]
        return filled(str if str in kinds else kinds[0], text)
    if kind is Any:
        return text
    if origin is typing.Literal:
        return arguments[0]
    if origin is tuple:
        kinds = arguments[:1] if arguments[-1] is ... else arguments
        return tuple(filled(each, text) for each in kinds)
    if origin is list:
        return [filled(arguments[0], text)]
    if origin is dict:
        return {text: filled(arguments[1], text)}
    if kind is Annotate:  # its note is one of three that have no tag (model/messages.py)
        return Annotate(take_id=TakeId(text), note=filled(Marker, text))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{field.name: filled(field.type, text) for field in msgspec.structs.fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    simple: dict[Any, Any] = {str: text, bool: True, int: 1, float: 1.0}
    return simple[kind]
