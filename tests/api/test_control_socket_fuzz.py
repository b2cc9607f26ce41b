"""Hypothesis says what it likes to the control socket: each line is answered once, in a form that is known."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigd.model.commands import COMMANDS
from rigd.model.requests import ANSWERS
from rigd.wire.codec import Codec
from tests.api.test_control_socket import answers, bench_at
from tests.support.parts import until

pytestmark = pytest.mark.slow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["id", "verb", "arguments", "text", "at_ns", "held", "origin", "take_id", "timeout_s", "levels_hz"]
HARMLESS = [verb for verb in COMMANDS if verb != "shut-down"]
KINDS = ["CommandRequest", "TextRequest", "StatusRequest", "TakesRequest", "TakeRequest", "OverhearRequest"]
REQUESTS_LIKE = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)}, optional={name: JSON for name in FIELDS}
) | st.fixed_dictionaries(
    {
        "type": st.just("CommandRequest"),
        "id": st.integers(),
        "verb": st.sampled_from(HARMLESS),
        "arguments": st.dictionaries(
            st.sampled_from(["channel", "seconds", "name", "gain_db", "on", "number", "take_id", "text"]),
            JSON,
        ),
    }
)
LINES = st.binary(max_size=200).filter(lambda line: b"\n" not in line and line.strip() != b"") | st.builds(
    lambda request: json.dumps(request).encode(), REQUESTS_LIKE | JSON
)


def test_no_line_whatever_breaks_the_socket(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    codec = Codec(ANSWERS)
    with bench_at(tmp_path) as bench, bench.raw() as stream:

        @settings(
            max_examples=400,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(LINES)
        def every_line_is_answered_once(line: bytes) -> None:
            stream.sendall(line + b"\n")
            (answer,) = answers(stream, 1)
            codec.from_plain(answer)

        with caplog.at_level(logging.ERROR):
            every_line_is_answered_once()
        assert not [record for record in caplog.records if record.exc_info]
        with bench.client() as client:
            assert client.status()
        until(bench.controller, lambda state: state.number >= 0)
