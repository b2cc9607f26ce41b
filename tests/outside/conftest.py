"""The kit can be imported in the tests' own process, too; without its metadata, so that nobody finds its kinds."""

from __future__ import annotations

import sys

from tests.outside.installed import KIT

sys.path.append(str(KIT))
