"""What of a text may stand in XML."""

from __future__ import annotations

import sys

from rigd.takefile.ixml import escape


def test_what_xml_has_no_place_for_is_dropped_and_nothing_else() -> None:
    """Char of XML 1.0, section 2.2, over every character that there is."""
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    spans = ((0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    allowed = "\t\n\r" + "".join(chr(code) for first, last in spans for code in range(first, last + 1))
    kept = allowed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert escape(every) == kept
