"""`rigd takes verify` and what the command line shows of a mirror: a real rig, real files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from rigd.cli.terminal import ExitCode
from rigd.model.state import CopyState, MirrorPhase
from tests.cli.test_command_line import CONFIG, done, rigd
from tests.support.disks import await_phase, copy_of_last, mirrored
from tests.support.rig import RigRun, sheet_of


def test_verify_names_what_differs_by_channel_with_and_without_a_running_rig(tmp_path: Path) -> None:
    config = tmp_path / "rig.toml"
    library, mirror = tmp_path / "takes", tmp_path / "mirror"
    config.write_text(
        f'[rig]\nlibrary = "{library}"\n[mirror]\nlibrary = "{mirror}"\n{CONFIG}', encoding="utf-8"
    )
    with RigRun("", config_file=config, overrides=mirrored(library, mirror)) as rig:
        await_phase(rig, MirrorPhase.IN_STEP)
        assert "in step" in done(rig, "status") and str(mirror) in done(rig, "status")
        rig.say("start")
        rig.roll(1)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        rig.await_state(lambda _: (c := copy_of_last(rig)) is not None and c.state is CopyState.SAME, "same")
        rig.await_state(lambda _: all(file["sha256"] for file in sheet_of(take)["files"]), "hashed")
        assert "as they were, on both volumes" in done(rig, "takes", "verify")
        assert "same" in done(rig, "takes", "show", "1")
        assert take.copy is not None
        _spoil(Path(take.copy.folder) / take.files[1].name)
        told = rigd("takes", "verify", "1", runtime=rig.runtime)
        assert told.returncode == ExitCode.FAILED
        assert 'channel 2 "Input 2" (02 Input 2.wav): the mirror\'s copy is not what it was' in told.stdout
    told = rigd("takes", "verify", "--config", str(config), "--json")
    assert told.returncode == ExitCode.FAILED
    plain = json.loads(told.stdout)
    assert not plain["ok"] and len(plain["takes"]) == 1 and len(plain["takes"][0]["differs"]) == 1
    checked = rigd("check", str(config))
    assert checked.returncode == 0 and "and to the mirror" in checked.stdout
    assert "same file system" in checked.stdout


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
