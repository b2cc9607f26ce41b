"""`rigd demo`: the told story comes out as told, without a terminal, and leaves nothing running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import soundfile

from hardware_sim.demo import CONFIGS
from tests.support.capture_run import runtime_folder


def test_the_demo_tells_its_story_and_its_takes_are_on_disk(tmp_path: Path) -> None:
    with runtime_folder() as runtime:
        library = (
            tmp_path / "a library with a path that is longer than a terminal is wide and is told in one piece"
        )
        environment = {**os.environ, "RIGD_DEMO_LIBRARY": str(library), "RIGD_RUNTIME_DIR": str(runtime)}
        ended = subprocess.run(
            [sys.executable, "-m", "hardware_sim.demo"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        (session,) = (folder for folder in library.iterdir() if not folder.name.startswith("."))
        assert str(session) in ended.stdout
        sheets = [json.loads(path.read_text("utf-8")) for path in sorted(session.glob("*/Take*/take.json"))]
        assert len(sheets) == 3
        assert not any(sheet["gaps"] for sheet in sheets)
        first, _, kept = sheets
        confirmed = [change for change in first["gain_changes"] if change["confirmed"]]
        assert len(confirmed) > 1, "the box moved no gain that the desk confirmed"
        assert len(first["markers"]) == 1
        assert kept["circled"]
        assert kept["duration_s"] == 10.0
        assert len(list((session / ".trash").iterdir())) == 1
        for path in session.glob("*/Take*/*.wav"):
            assert soundfile.info(path).samplerate == 48_000
        left = subprocess.run(
            ["pgrep", "-f", str(runtime)], capture_output=True, text=True, check=False
        ).stdout
        assert not left, f"the demo left processes behind: {left}"


def test_what_pip_installs_has_the_configs_where_the_demo_looks_for_them() -> None:
    checkout, installed = CONFIGS
    build = tomllib.loads((checkout.parent / "pyproject.toml").read_text("utf-8"))
    ((folder, patterns),) = build["tool"]["setuptools"]["data-files"].items()
    assert Path(sys.prefix) / folder == installed
    assert {path for pattern in patterns for path in checkout.parent.glob(pattern)} >= {
        checkout / "demo.toml"
    }
