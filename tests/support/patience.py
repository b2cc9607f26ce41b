"""How every test waits: it asks again and again until something is so, and says what never came.

The deadline is generous, because a machine under load is slow and not wrong; it costs nothing where a thing comes.
How long a thing may take is never asserted with it. On the caller's thread.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 60.0
ASK_EVERY_S = 0.005

Found = TypeVar("Found")


def wait_for(
    condition: Callable[[], Found | None],
    what: str = "",
    *,
    within_s: float = PATIENCE_S,
    every_s: float = ASK_EVERY_S,
    instead: Callable[[], object] | None = None,
) -> Found:
    """What the condition brought as soon as that is true; AssertionError where it never is.

    The message holds `what`, or the condition's own source where nothing is given, and what is there `instead`.
    """
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            told = f"\n{instead()}" if instead is not None else ""
            raise AssertionError(f"waited {within_s:g} s for: {what or _source_of(condition)}{told}")
        time.sleep(every_s)
    return found


def _source_of(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
