"""What ends a file before a take ends is named by `rigd check`, and at the start by `rigd run`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rigd.cli.run import file_limits
from rigd.config.load import load_config
from rigd.takefile import file_limit
from tests.cli.test_command_line import CONFIG

MOST_BYTES = 12_000_000


def config_in(folder: Path) -> Path:
    path = folder / "rig.toml"
    path.write_text(f'[rig]\nlibrary = "/media/stick/takes"\n{CONFIG}files = "poly"\n', "utf-8")
    return path


def test_a_fat_volume_is_named_with_what_it_means_for_this_rig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("40 1 8:17 / /media/stick rw - vfat /dev/sdb1 rw\n")
    monkeypatch.setattr(file_limit, "MOUNTS", str(mounts))
    (told,) = file_limits(load_config(config_in(tmp_path)))
    assert told == (
        "/media/stick is a FAT volume: no file grows beyond 4 GiB, so a take goes on in next files every 4.1 h, "
        "without a gap"
    )
    mounts.write_text("40 1 8:17 / /media/stick rw - ext4 /dev/sdb1 rw\n")
    assert file_limits(load_config(config_in(tmp_path))) == []


def test_check_names_a_limit_of_the_process(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))

    command = [sys.executable, "-m", "rigd", "check", str(config_in(tmp_path)), "--json"]
    said = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, preexec_fn=limit)
    assert said.returncode == 0, said.stderr
    (told,) = json.loads(said.stdout)["warnings"]
    assert "may write 12,000,000 bytes to a file (ulimit -f)" in told and "every 42 s," in told
