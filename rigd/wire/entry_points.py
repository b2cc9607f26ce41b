"""Which installed packages bring a kind of something: their entry points, read so that one package's mistake costs
that package alone. Any thread; reads the packages' own lists. Light: capture asks before its first block.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator


def points_of(group: str) -> tuple[list[importlib.metadata.EntryPoint], list[str]]:
    """The entry points of a group, and a line for each package whose list cannot be read."""
    try:
        return list(importlib.metadata.entry_points(group=group)), []
    except Exception:  # whatever a stranger's list has in it
        unreadable: list[str] = []
        return list(_one_by_one(group, unreadable)), unreadable


def _one_by_one(group: str, unreadable: list[str]) -> Iterator[importlib.metadata.EntryPoint]:
    for package in importlib.metadata.distributions():
        try:
            yield from package.entry_points.select(group=group)
        except Exception as error:
            unreadable.append(
                f"the package {package.metadata['Name']} was passed by: its entry points cannot be read ({error}). "
                "Install it again, or remove it"
            )
