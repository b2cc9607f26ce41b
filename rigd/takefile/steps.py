"""Work in steps, so that the thread that does it sees to others in between: a generator whose value is the result."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]


def to_end(steps: Steps[T]) -> T:
    """All of them at once, for who has nobody else to see to."""
    while True:
        try:
            next(steps)
        except StopIteration as over:
            result: T = over.value
            return result
