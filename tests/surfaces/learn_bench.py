"""A config to which what `rigd learn` prints is added, so that it can be read and run."""

from __future__ import annotations

RIG = """
[rig]
name = "learnt"
library = "{library}"
[audio]
driver = "simulated"
channels = 2
[[channel]]
preamp = "desk:1"
[preamp.desk]
kind = "x32"
host = "127.0.0.1"
"""
