"""What every fault test has: `rig_of` for a whole rig under load; `figures` is in tests/conftest.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.proof.load import full_load
from tests.support.rig import RigRun


@pytest.fixture
def rig_of() -> Iterator[Callable[..., RigRun]]:
    """`rig_of(channels=8, ...)`: a rig that is ready, of the config that `full_load` makes of the arguments; what
    it does not know is RigRun's. Ended with the test."""
    with ExitStack() as running:

        def make(**arguments: Any) -> RigRun:
            theirs = {name: arguments.pop(name) for name in ("overrides", "environment") if name in arguments}
            return running.enter_context(RigRun(full_load(**arguments), **theirs))

        yield make
