"""rigd is built once for all tests that install it."""

from __future__ import annotations

import pytest

from tests.support.built_wheels import Built
from tests.support.tools import need_tool


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    need_tool("git")
    need_tool("gcc")
    return Built(tmp_path_factory.mktemp("built"))
