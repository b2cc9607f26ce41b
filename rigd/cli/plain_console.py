"""Rich's console, plain: whatever is printed or drawn on it, by whatever way, goes through `model/plain_text.py`.

A Text is one line. Its markup, emoji codes and highlighting are off: a song may be called "[red]". What Rich itself
says to the terminal (colours, the live view's cursor) are control segments and styles, and are not text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from rigd.model.plain_text import plain_line, plain_pieces


class PlainConsole(Console):
    """As Rich's own, for text of anybody's."""

    def __init__(self, *, soft_wrap: bool = False, stderr: bool = False) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, stderr=stderr)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Also what is nested in a table or a panel comes by here."""
        if isinstance(renderable, Text):
            renderable = plain_words(renderable)
        for segment in super().render(renderable, options):
            yield segment if segment.control else _plain_segment(segment)

    def render_str(self, text: str, **how: Any) -> Text:
        """What becomes of a str, also where only its width is asked."""
        return plain_words(super().render_str(text, **how))

    def print_pieces(self, pieces: Iterable[tuple[str, str]]) -> None:
        """One line of words, each with its style."""
        self.print(Text.assemble(*pieces))


def plain_words(text: Text) -> Text:
    """The text as one plain line, with its styles where they were."""
    words = text.plain
    if plain_line(words) == words:
        return text
    plain = text.blank_copy()
    begins = [0, *accumulate(_widths(words))]
    plain.append("".join(shown for _, shown in plain_pieces(words)))
    plain.spans.extend(
        Span(begins[span.start], begins[min(span.end, len(words))], span.style) for span in text.spans
    )
    return plain


def _widths(words: str) -> Iterator[int]:
    """Of each character, how many are shown for it."""
    for piece, shown in plain_pieces(words):
        yield from (len(shown),) if len(piece) == 1 else (1,) * len(piece)


def _plain_segment(segment: Segment) -> Segment:
    lines = segment.text.split("\n")
    plain = "\n".join(plain_line(line) for line in lines)
    return segment if plain == segment.text else Segment(plain, segment.style)
