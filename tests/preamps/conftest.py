"""The contract's assertions are told in full, as those of a test file are."""

import pytest

pytest.register_assert_rewrite("tests.preamps.contract")
