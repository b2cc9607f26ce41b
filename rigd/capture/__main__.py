"""Entry of the process rigd-capture; see process.py."""

from __future__ import annotations

import sys

from rigd.capture.process import main

if __name__ == "__main__":
    sys.exit(main())
