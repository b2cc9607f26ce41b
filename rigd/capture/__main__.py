"""Entry of the process rigd-capture; see process.py."""

from __future__ import annotations

import sys

from rigd.capture.process import main
from rigd.wire.plain_output import tell_broken


def run() -> int:
    """Also what nobody caught goes to its log plain."""
    tell_broken("rigd-capture")
    return main()


if __name__ == "__main__":
    sys.exit(run())
