"""Questions to a person at a terminal, or to a script that answers on standard input. Main thread."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from rigd.cli.terminal import out
from rigd.model.errors import ConfigError, RigError

T = TypeVar("T")
MOST_TRIES = 5
"""Of one question: what answers wrongly for ever is no person."""


class NoAnswer(RigError):
    """Nobody is there to answer, or what is said cannot be understood."""


class Asking:
    """`answers_itself`: nobody is asked, and what rigd would propose is taken (`--yes`)."""

    def __init__(self, *, answers_itself: bool = False) -> None:
        self.answers_itself = answers_itself

    def line(self, question: str, proposed: str = "") -> str:
        """The answer, without blanks around it; an empty one is `proposed`. Raises NoAnswer."""
        shown = f"{question} [{proposed}]: " if proposed else f"{question}: "
        if self.answers_itself:
            out.print(f"{shown}{proposed}")
            return proposed
        out.ask(shown)
        answer = sys.stdin.readline()
        if not answer:
            raise NoAnswer("there was no answer any more")
        if not sys.stdin.isatty():
            out.print(answer.strip())  # a script's answer stands where a person's would
        return answer.strip() or proposed

    def read(self, question: str, proposed: str, read: Callable[[str], T]) -> T:
        """As `line`, until `read` takes it. It raises ValueError with a sentence, or the config's own ConfigError."""
        for _ in range(MOST_TRIES):
            try:
                return read(self.line(question, proposed))
            except (ValueError, ConfigError) as error:
                out.print(f"  {error}", style="yellow")
                if self.answers_itself:
                    break
        raise NoAnswer(f'"{question}" was not answered in a way that rigd understands')

    def yes(self, question: str, *, proposed: bool) -> bool:
        """Yes or no."""

        def of(word: str) -> bool:
            if word.lower() in ("y", "yes", "n", "no"):
                return word.lower().startswith("y")
            raise ValueError("y or n")

        return self.read(f"{question} (y/n)", "y" if proposed else "n", of)

    def choice(self, question: str, names: Sequence[str], *, proposed: int = 0) -> int:
        """The place of the one that is chosen, by its number from 1 on."""
        for number, name in enumerate(names, 1):
            out.print(f"  {number}  {name}")

        def of(word: str) -> int:
            if word.isascii() and word.isdigit() and 1 <= int(word) <= len(names):
                return int(word) - 1
            raise ValueError(f"a number from 1 to {len(names)}")

        return self.read(question, str(proposed + 1), of)

    def is_answered(self, within_s: float) -> bool:
        """Whether a line waits to be read, as soon as it does."""
        if self.answers_itself:
            return True
        return bool(select.select([sys.stdin], [], [], within_s)[0])
