"""docs/architecture.md says where things are found: each is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"\| ([^|]+) \| `(rigd/[^`|]+)` \| `([^`|]+)` \|")
WORDS = {
    "pre-roll",
    "double tap",
    "phantom power",
    "disk full",
    "xrun",
    "BWF header",
    "serial heartbeat",
    "black box",
    "take number",
    "mirror catch-up",
    "pedal lamp",
    "sample-rate mismatch",
}
"""What a newcomer who knows audio looks for."""


def test_what_a_newcomer_looks_for_is_where_the_page_says() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = ROW.findall(text[text.index("### Where is what") :])
    assert {word for word, _, _ in rows} >= WORDS
    for word, file, begins_at in rows:
        assert begins_at in (ROOT / file).read_text(encoding="utf-8"), f"{word}: {file} has no {begins_at}"


def test_every_room_stands_on_the_page() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    listed = text[text.index("## The house") : text.index("### Where is what")]
    rooms = [each.name for each in (ROOT / "rigd").iterdir() if (each / "__init__.py").exists()]
    assert [room for room in rooms if f"\n  {room}/ " not in listed] == []


def test_what_the_page_names_is_there_and_stands_once() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = "|".join(each.name for each in (ROOT / "rigd").iterdir() if (each / "__init__.py").exists())
    named = set(re.findall(rf"`((?:{rooms})/[\w/]+\.(?:py|c|h))[`:]", text))
    assert sorted(each for each in named if not (ROOT / "rigd" / each).exists()) == []
    threads = text[text.index("## Threads of the daemon") : text.index("## One way in")]
    owners = re.findall(r"^\| ([^|]+) \|", threads, re.MULTILINE)
    assert sorted({each for each in owners if owners.count(each) > 1}) == []
    words = re.findall(r"\*([a-z][\w -]*)\*", text[text.index("## Words") :])
    assert sorted({each for each in words if words.count(each) > 1}) == []
