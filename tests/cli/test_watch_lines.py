"""`rigd watch` into a pipe: each thing that happens is a line, at once; with --json, each change of the state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rigd.model.changes import Followed, followed_state
from rigd.model.requests import ANSWERS
from rigd.wire.codec import Codec
from tests.api.test_control_socket import Bench, bench_at
from tests.support.desk import ns


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_at(tmp_path) as made:
        yield made


@contextmanager
def watching(bench: Bench, *words: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "RIGD_RUNTIME_DIR": str(bench.path.parent), "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        [sys.executable, "-m", "rigd", "watch", *words], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def do(bench: Bench, text: str) -> None:
    with bench.client() as client:
        bench.tape.now_s += 1
        assert client.say(text, at_ns=ns(bench.tape.now_s)).accepted


def test_each_thing_that_happens_is_a_line_at_once(bench: Bench) -> None:
    with watching(bench) as process:
        assert line_of(process).startswith("READY  next: ")
        for text, told in (("start", 'take 1 of "waltz" rolls'), ("mark chorus", "chorus"), ("lock", "lock")):
            do(bench, text)
            assert told in line_of(process).lower()


def test_with_json_the_changes_are_the_state(bench: Bench) -> None:
    codec, known = Codec(ANSWERS, across_builds=True), Followed()
    kinds: list[str] = []

    def take_in() -> None:
        line: dict[str, Any] = json.loads(line_of(process))
        kinds.append(line["type"])
        if line["type"] in ("Snapshot", "Change"):
            known.take_in(codec.from_plain(line))

    with watching(bench, "--json") as process:
        take_in()
        for text in ("start", "mark chorus", "lock"):
            do(bench, text)
            while known.state != followed_state(bench.controller.state):
                take_in()
    assert kinds[0] == "Snapshot" and kinds.count("Snapshot") == 1 and kinds.count("Change") >= 3
