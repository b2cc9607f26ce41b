"""The command line as a person uses it: real processes, what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigd.cli.terminal import ExitCode
from rigd.model.state import Transport
from rigd.wire.own_folder import user_named
from tests.support.rig import RigRun, check_take

CONFIG = """
[audio]
driver = "simulated"
channels = 2
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 5
keep_seconds = 5
[take]
preroll_seconds = 0
"""


def rigd(*words: str, runtime: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One command of a terminal."""
    environment = dict(os.environ)
    environment["RIGD_RUNTIME_DIR"] = str(runtime or "/nonexistent")
    return subprocess.run(
        [sys.executable, "-m", "rigd", *words], env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def rig() -> Iterator[RigRun]:
    with RigRun(CONFIG) as rig:
        yield rig


ME = user_named(os.getuid())


def done(rig: RigRun, *words: str) -> str:
    ended = rigd(*words, runtime=rig.runtime)
    assert ended.returncode == ExitCode.DONE, ended.stderr
    return ended.stdout


def as_json(rig: RigRun, *words: str) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(done(rig, *words, "--json"))
    return plain


def check_a_take_of_another_session(rig: RigRun, take: dict[str, Any]) -> None:
    """It is shown and verified by the names it has, while takes go elsewhere; and a list says what else was meant."""
    assert 'session "Elsewhere" in ' in done(rig, "session", "new", "Elsewhere")
    assert as_json(rig, "session", "show")["session"] == "Elsewhere", "it is open once the command has ended"
    for words in (("Test rig 1",), ("Test", "rig", "Blue", "Train", "-1"), ("today", "1"), (take["folder"],)):
        assert as_json(rig, "takes", "show", *words)["take_id"] == take["take_id"], words
    assert "01 Input 1.wav" in done(rig, "takes", "show", "Blue", "Train", "1")
    assert "1 files as they were" in done(rig, "takes", "verify", "Blue Train 1")
    refused = rigd("takes", "show", runtime=rig.runtime)
    assert refused.returncode == ExitCode.REFUSED and "no take yet" in refused.stderr
    nope = rigd("session", "continue", "Nope", runtime=rig.runtime)
    assert (nope.returncode, nope.stdout) == (ExitCode.REFUSED, "") and '"Nope"' in nope.stderr
    done(rig, "session", "continue", "Test rig")
    shown = as_json(rig, "status")["state"]
    assert shown["session"] == "Test rig" and not shown.get("faults"), "and nothing is left of what failed"


def test_a_session_by_hand(rig: RigRun) -> None:
    done(rig, "session", "song", "Blue", "Train")
    done(rig, "disarm", "1-2")
    done(rig, "arm", "1")
    done(rig, "take", "start")
    rig.roll(1)
    done(rig, "take", "mark", "second", "verse")
    assert "ROLLING" in done(rig, "status")
    done(rig, "take", "stop")
    done(rig, "take", "note", "best", "bridge")
    done(rig, "take", "circle")
    done(rig, "take", "rate", "4")
    audit = as_json(rig, "audit", "-n", "4")["entries"]
    assert [entry["command"] for entry in audit] == ["stop", "note best bridge", "circle", "rate 4"]
    assert {(entry["who"], entry["role"], entry["accepted"]) for entry in audit} == {(ME, "owner", True)}
    assert "song Blue Train" in done(rig, "audit")
    listed = as_json(rig, "takes")
    (take,) = listed["takes"]
    (found,) = as_json(rig, "takes", "--all")["takes"]
    assert (found["take_id"], found["song"], found["rating"]) == (take["take_id"], "Blue Train", 4)
    assert as_json(rig, "takes", "--session", "Nobody")["takes"] == []
    (line,) = [line for line in done(rig, "takes", "--all").splitlines() if "Blue Train" in line]
    assert line.startswith("  Blue Train  001  ") and "◎★★★★  simulated" in line
    assert take["closed"]
    assert take["channels"] == [1]
    assert take["slate"]["song"] == "Blue Train"
    shown = as_json(rig, "takes", "show", "1")
    assert shown["slate"]["notes"] == ["best bridge"]
    assert shown["slate"]["circled"] is True
    assert [marker["name"] for marker in shown["markers"]] == ["second verse"]
    assert "01 Input 1.wav" in done(rig, "takes", "show", "1")
    assert "Blue Train" in done(rig, "takes")
    for words in ((), ("-1",), ("Blue", "Train", "1"), ("today", "1"), (take["take_id"][:6],)):
        assert as_json(rig, "takes", "show", *words)["take_id"] == take["take_id"], words
    check_a_take_of_another_session(rig, take)
    status = as_json(rig, "status")
    assert status["state"]["session"] == "Test rig"
    assert status["timing"]["lost_frames"] == 0
    assert "no take of this session" in done(rig, "recover")
    (closed,) = rig.await_closed(1)
    check_take(closed)


def test_a_refusal_says_why_and_ends_with_1(rig: RigRun) -> None:
    refused = rigd("take", "mark", runtime=rig.runtime)
    assert refused.returncode == ExitCode.REFUSED
    assert "no take rolls" in refused.stderr
    assert "Traceback" not in refused.stderr
    again = rigd("gain", "1", "10", "--json", runtime=rig.runtime)
    assert again.returncode == ExitCode.REFUSED
    assert json.loads(again.stdout)["accepted"] is False


def test_a_channel_without_a_preamp_is_said_to_have_none(rig: RigRun) -> None:
    assert "no controllable preamp" in done(rig, "gain", "2")
    assert [channel["number"] for channel in as_json(rig, "gain", "1-2")["channels"]] == [1, 2]
    assert "nothing was changed of channels 1-2" in rigd("gain", "1-2", "10", runtime=rig.runtime).stderr
    assert rigd("gain", "99", runtime=rig.runtime).returncode == ExitCode.REFUSED


def test_gain_alone_shows_every_channel_and_set_reaches_any_setting(rig: RigRun) -> None:
    assert done(rig, "gain").count("no controllable preamp") == 2
    told = json.loads(done(rig, "gain", "--json"))
    assert [(each["number"], each["abilities"], each["settings"]) for each in told["channels"]] == [
        (1, {}, {}),
        (2, {}, {}),
    ]
    refused = rigd("set", "1", "low_cut", "80", "Hz", runtime=rig.runtime)
    assert refused.returncode == ExitCode.REFUSED
    assert "no controllable preamp" in refused.stderr
    assert rigd("set", "1", "low_cut", runtime=rig.runtime).returncode == ExitCode.USAGE


def test_a_command_line_of_another_form_ends_with_2(rig: RigRun) -> None:
    assert rigd("take", "keep", "soon", runtime=rig.runtime).returncode == ExitCode.USAGE
    assert rigd("take", "keep", "40x", runtime=rig.runtime).returncode == ExitCode.USAGE
    assert rigd("arm", "drums", runtime=rig.runtime).returncode == ExitCode.USAGE


def test_who_reads_no_further_is_not_told_that_this_broke(rig: RigRun) -> None:
    for words in (("status",), ("status", "--json"), ("watch", "--json"), ("takes", "--help")):
        reading, writing = os.pipe()
        os.close(reading)
        ended = subprocess.run(
            [sys.executable, "-m", "rigd", *words],
            env={**os.environ, "RIGD_RUNTIME_DIR": str(rig.runtime)},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        os.close(writing)
        assert (ended.returncode, ended.stderr) == (ExitCode.REFUSED, ""), words


def test_without_a_rig_every_command_says_how_to_start_one() -> None:
    for words in (("status",), ("take", "start"), ("takes",), ("watch",), ("gain", "1")):
        ended = rigd(*words)
        assert ended.returncode == ExitCode.NOT_RUNNING, words
        assert "rigd run" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_second_rig_in_the_same_runtime_folder_ends_at_once_and_harms_nothing(
    rig: RigRun, tmp_path: Path
) -> None:
    config = tmp_path / "second.toml"
    config.write_text(f'[rig]\nruntime_dir = "{rig.runtime}"\nlibrary = "{tmp_path / "other"}"\n{CONFIG}')
    second = rigd("run", "--config", str(config))
    assert second.returncode == ExitCode.ALREADY_RUNNING
    assert "runs already" in second.stderr
    assert rig.state().transport is Transport.READY


def test_a_second_rig_on_the_same_library_ends_at_once_and_harms_nothing(rig: RigRun, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    config = tmp_path / "second.toml"
    config.write_text(f'[rig]\nruntime_dir = "{runtime}"\nlibrary = "{rig.library}"\n{CONFIG}')
    second = rigd("run", "--config", str(config))
    assert second.returncode == ExitCode.ALREADY_RUNNING
    assert str(rig.library) in second.stderr
    assert rig.state().transport is Transport.READY


def test_a_broken_config_is_told_with_every_fault_and_ends_with_3(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[audio]\nchanels = 4\nsample_rate_hz = 47\n")
    for words in (("check", str(broken)), ("run", "--config", str(broken))):
        ended = rigd(*words)
        assert ended.returncode == ExitCode.CONFIG
        assert "broken.toml:2" in ended.stderr
        assert 'did you mean "channels"' in ended.stderr
        assert "broken.toml:3" in ended.stderr


def test_devices_lists_what_there_is_and_never_fails() -> None:
    listed = rigd("devices", "--json")
    assert listed.returncode == ExitCode.DONE
    assert set(json.loads(listed.stdout)) == {"interfaces", "midi", "midi_ports", "serial_ports", "troubles"}


def test_watch_tells_a_snapshot_then_levels_as_json_lines(rig: RigRun) -> None:
    environment = {**os.environ, "RIGD_RUNTIME_DIR": str(rig.runtime)}
    with subprocess.Popen(
        [sys.executable, "-m", "rigd", "watch", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        lines = [json.loads(watch.stdout.readline()) for _ in range(3)]
        watch.terminate()
    assert lines[0]["type"] == "Snapshot"
    assert "Levels" in {line["type"] for line in lines}


def test_a_take_left_open_by_a_crash_is_closed_without_a_running_rig(tmp_path: Path) -> None:
    with RigRun(CONFIG) as rig:
        rig.say("start")
        rig.roll(1)
        take = rig.state().take
        assert take is not None
        rig.kill_everything()
        config = tmp_path / "rig.toml"
        config.write_text(f'[rig]\nruntime_dir = "{tmp_path / "run"}"\nlibrary = "{rig.library}"\n{CONFIG}')
        ended = rigd("recover", "--config", str(config), "--json")
        assert ended.returncode == ExitCode.DONE, ended.stderr
        assert json.loads(ended.stdout)["recovered"] == [take.folder]
        sheet = json.loads((Path(take.folder) / "take.json").read_text("utf-8"))
        assert sheet["recovered"] is True
        assert sheet["frames"] >= 48_000
        again = rigd("recover", "--config", str(config))
        assert "no take had to be recovered" in again.stdout
