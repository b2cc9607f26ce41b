"""`rigd demo`: the told story comes out as told, without a terminal, and leaves nothing running."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from hardware_sim import demo
from rigd.api.client import ControlClient
from rigd.config.load import resolve_runtime_dir
from rigd.model.errors import RigError
from tests.support.capture_run import runtime_folder
from tests.support.patience import wait_for
from tests.support.person import Person
from tests.support.rig import RigRun
from tests.support.tools import need_tool


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
        assert all(sheet["simulated"] for sheet in sheets), "nobody takes them for a band's"
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


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (40, 20)])
def test_a_person_takes_over_with_space_as_the_pedal_and_is_told_where_the_takes_are(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    library = tmp_path / "takes of the demo"
    command = [sys.executable, "-m", "hardware_sim.demo"]
    with runtime_folder() as runtime:
        own = {"RIGD_DEMO_LIBRARY": str(library), "RIGD_RUNTIME_DIR": str(runtime)}
        with Person(command, home=tmp_path, size=size, **own) as person:
            person.sees("Starting a rig")
            person.sees("space is the")
            person.types(" ")
            person.sees("It is yours")
            person.sees("● REC ")
            with ControlClient(runtime / "rigd.sock") as client:
                wait_for(lambda: client.status().state.take is not None, "the pedal was heard")
            person.types("m")
            person.sees("marker 1")
            person.types("?")
            person.sees("end the demo; takes stay")
            person.types("q")
            assert person.ended() == 0, "what a person did in place of the story is no failure of it"
            last = person.shown[person.shown.rindex("Your takes:") :].replace("\r\n", "\n")
        (session,) = (folder for folder in library.iterdir() if not folder.name.startswith("."))
        assert str(session) in last and "Listen: " in last and "init" in last
        (sheet,) = (json.loads(path.read_text("utf-8")) for path in session.glob("*/Take*/take.json"))
        assert sheet["frames"] > 0 and not sheet["failed"] and len(sheet["markers"]) == 1
        left = subprocess.run(
            ["pgrep", "-f", str(runtime)], capture_output=True, text=True, check=False
        ).stdout
        assert not left, f"the demo left processes behind: {left}"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("is_ignored", [False, True])
def test_what_ends_a_demo_ends_its_rig_and_what_nohup_ignored_does_not(
    number: signal.Signals, is_ignored: bool
) -> None:
    before = signal.signal(number, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
    try:
        ended: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if not is_ignored:
            ended = pytest.raises(KeyboardInterrupt)
        with ended, demo._ended_with_its_terminal():
            signal.raise_signal(number)
        assert signal.getsignal(number) is (signal.SIG_IGN if is_ignored else signal.SIG_DFL)
    finally:
        signal.signal(number, before)


CONFIG = """
[audio]
driver = "simulated"
channels = 2
"""


def test_the_demo_has_a_folder_of_its_own_whatever_the_person_s_rig_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setenv("RIGD_RUNTIME_DIR", "/run/mine")
    assert demo.demo_runtime_dir().name == f"rigd-demo-{os.getuid()}"
    assert resolve_runtime_dir("", os.environ) != demo.demo_runtime_dir()


def test_a_demo_that_meets_another_rig_is_refused_with_words_and_tells_that_rig_nothing(
    tmp_path: Path,
) -> None:
    with RigRun(CONFIG) as rig, ControlClient(rig.runtime / "rigd.sock") as client:
        before = client.status().state
        overrides = [
            f"rig.library={json.dumps(str(tmp_path / 'takes'))}",
            f"rig.runtime_dir={json.dumps(str(rig.runtime))}",
        ]
        with (
            demo._rigd(overrides, tmp_path / "log") as daemon,
            pytest.raises(RigError, match=f"runs already here .pid {rig.daemon.pid}"),
        ):
            demo._connect(rig.runtime / "rigd.sock", daemon, tmp_path / "log")
        assert client.status().state.takes == before.takes
        assert not (tmp_path / "takes").exists()


def test_make_says_what_it_does_before_each_step_that_is_silent_for_long(tmp_path: Path) -> None:
    need_tool("make")
    made = subprocess.run(
        ["make", "-n", "demo", f"VENV={tmp_path / 'venv'}"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    steps = made.stdout.splitlines()
    for silent in (" -m venv ", "pip install "):
        (place,) = (number for number, step in enumerate(steps) if silent in step and "echo" not in step)
        assert steps[place - 1].startswith("echo "), steps
