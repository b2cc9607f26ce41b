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
SELDOM_S = 0.05
"""To ask a rig costs the rig something, too: what has not come for a second is asked for every 50 ms only."""

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

    `every_s` of 0: the condition waits by itself. The message holds `what`, or the condition's own source where
    nothing is given, and what is there `instead`.
    """
    began_s = time.monotonic()
    while not (found := condition()):
        waited_s = time.monotonic() - began_s
        if waited_s > within_s:
            told = f"\n{instead()}" if instead is not None else ""
            raise AssertionError(f"waited {within_s:g} s for: {what or _source_of(condition)}{told}")
        if every_s > 0.0:
            time.sleep(max(every_s, min(SELDOM_S, waited_s / 20)))
    return found


def _source_of(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
