"""When the person pressed Enter, as near as Python can tell. Imports next to nothing, and is imported first.

The rest of the command takes a few tenths of a second to load, and a take that is started or stopped by hand
should not begin or end that much later.
"""

from __future__ import annotations

import time

from rigd.model.units import Ns

STARTED_NS = Ns(time.monotonic_ns())
"""CLOCK_MONOTONIC."""
