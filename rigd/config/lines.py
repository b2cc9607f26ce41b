"""Which line of a TOML text each key stands on. Pure.

`tomllib` tells what a file says but not where. This walks a text that tomllib has already accepted, so it
needs no syntax errors of its own; what it does not understand it steps over.
"""

from __future__ import annotations

import bisect
import tomllib

KeyPath = tuple[str | int, ...]
"""("channel", 2, "name"): tables by name, arrays by position from 0."""

_BLANK = " \t\r\n"
_BARE_END = ",]}#\n"


def key_lines(text: str) -> dict[KeyPath, int]:
    """Each table, array element and key, by path, with the 1-based line it begins on."""
    return _Walk(text).document()


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [place for place, letter in enumerate(text) if letter == "\n"]
        self._lines: dict[KeyPath, int] = {}
        self._tables_seen: dict[KeyPath, int] = {}

    def document(self) -> dict[KeyPath, int]:
        base: KeyPath = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                self._at += 2
                base = self._array_header()
            elif self._text[self._at] == "[":
                self._at += 1
                base = self._table_header()
            else:
                self._pair(base)
            self._skip_blank()
        return self._lines

    def _line(self) -> int:
        return bisect.bisect_left(self._newlines, self._at) + 1

    def _note(self, path: KeyPath) -> None:
        self._lines.setdefault(path, self._line())

    def _skip_blank(self) -> None:
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in _BLANK:
                self._at += 1
            else:
                return

    def _resolved(self, keys: list[str]) -> KeyPath:
        """The path of a header: a key that is an array of tables means its newest table."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            self._note(path)
            if path in self._tables_seen:
                path = (*path, self._tables_seen[path])
        return path

    def _array_header(self) -> KeyPath:
        keys = self._keys("]")
        self._at += 2
        path = (*self._resolved(keys[:-1]), keys[-1])
        place = self._tables_seen.get(path, -1) + 1
        self._tables_seen[path] = place
        self._at -= 1  # the header's own line, also where it ends the line
        self._note(path)
        self._note((*path, place))
        self._at += 1
        return (*path, place)

    def _table_header(self) -> KeyPath:
        path = self._resolved(self._keys("]"))
        self._at += 1
        return path

    def _keys(self, end: str) -> list[str]:
        """The parts of a dotted key up to `end`, which is left to be read."""
        keys: list[str] = []
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == end:
                break
            if letter in " \t.":
                self._at += 1
            elif letter in "\"'":
                begin = self._at
                self._skip_string()
                keys.append(tomllib.loads("key = " + self._text[begin : self._at])["key"])
            else:
                begin = self._at
                while self._at < len(self._text) and self._text[self._at] not in " \t." + end:
                    self._at += 1
                keys.append(self._text[begin : self._at])
        return keys

    def _pair(self, base: KeyPath) -> None:
        begin = self._at
        keys = self._keys("=")
        end, self._at = self._at, begin
        path = base
        for key in keys:
            path = (*path, key)
            self._note(path)
        self._at = end + 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1
        letter = self._text[self._at : self._at + 1]
        if letter in ('"', "'") and letter:
            self._skip_string()
        elif letter == "[":
            self._array(path)
        elif letter == "{":
            self._inline_table(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in _BARE_END:
                self._at += 1

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        place = 0
        self._skip_blank()
        while self._at < len(self._text) and self._text[self._at] != "]":
            self._note((*path, place))
            self._value((*path, place))
            place += 1
            self._skip_separator()
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip_blank()
        while self._at < len(self._text) and self._text[self._at] != "}":
            self._pair(path)
            self._skip_separator()
        self._at += 1

    def _skip_separator(self) -> None:
        self._skip_blank()
        if self._text.startswith(",", self._at):
            self._at += 1
            self._skip_blank()

    def _skip_string(self) -> None:
        quote = self._text[self._at]
        if self._text.startswith(quote * 3, self._at):
            self._at += 3
            end = self._closing(quote * 3)
            while end < len(self._text) and self._text.startswith(quote * 4, end):
                end += 1  # up to two quotes may stand before the closing three
            self._at = end + 3
        else:
            self._at += 1
            self._at = self._closing(quote) + 1

    def _closing(self, mark: str) -> int:
        at = self._at
        while at < len(self._text) and not self._text.startswith(mark, at):
            at += 2 if self._text[at] == "\\" and mark[0] == '"' else 1
        return at
