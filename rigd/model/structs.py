"""JSON that came from somewhere, and the struct that it stands for: whatever is wrong, one error says so. Pure.

Python's reader lets more through than JSON has: a half of a surrogate pair, NaN, a number that becomes infinite. No
struct of rigd's holds any of these where a text, a gain or a length belongs.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import Struct

S = TypeVar("S", bound=Struct)


def loaded(text: bytes) -> Any:
    """What the JSON says, without NaN and Infinity. Raises ValueError or RecursionError where it is none."""
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def structured(plain: object, kind: type[S]) -> S:
    """The struct of these dicts, lists and numbers. Raises msgspec.ValidationError, and nothing else."""
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        raise
    except UnicodeEncodeError as error:
        raise msgspec.ValidationError("a character that no text can have, where none belongs") from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise msgspec.ValidationError(str(error)) from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"{word[:40]} is a number beyond all bounds")
    return number
