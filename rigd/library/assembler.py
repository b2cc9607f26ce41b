"""What the library asks of whoever puts takes together from the black box."""

from __future__ import annotations

from typing import Protocol

from rigd.model.blackbox import Keep


class Assembler(Protocol):
    """Puts takes together from the black box, on a thread of its own (`blackbox/assembly.py`)."""

    def start(self) -> None:
        """What was left undone is done first."""

    def stop(self) -> None:
        """What is under way is left as it is, and done at the next start."""

    def add(self, keep: Keep) -> None:
        """Noted on disk when this returns. LibraryError."""
