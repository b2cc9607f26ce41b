"""The contract's assertions are told in full, as those of a test file are."""

import sys

import pytest

if "tests.preamps.contract" not in sys.modules:  # tests/outside may have come first
    pytest.register_assert_rewrite("tests.preamps.contract")
