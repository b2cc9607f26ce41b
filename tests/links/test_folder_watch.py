"""The watch over the runtime folder: what vanished is made again, and the folder is left to whom it was open."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from rigd.links.folder_watch import FolderWatch, OwnFile
from rigd.links.runtime_folder import make_runtime_dir, only_one
from rigd.model.inputs import FolderVanished
from tests.support.patience import wait_for


@pytest.mark.parametrize(("laid_down", "left"), [(True, 0o750), (False, 0o700)])
def test_a_file_that_is_made_again_costs_the_group_of_a_service_nothing(
    tmp_path: Path, laid_down: bool, left: int
) -> None:
    runtime = tmp_path / "rigd"
    runtime.mkdir()
    runtime.chmod(0o750)
    make_runtime_dir(runtime, laid_down=laid_down)
    file, told = runtime / "file", list[FolderVanished]()
    with only_one(runtime) as lock:
        watch = FolderWatch(
            runtime,
            lock=lock,
            files=(OwnFile(name="file", is_there=file.exists, make_again=file.touch),),
            post=told.append,
            laid_down=laid_down,
        )
        watch.start()
        try:
            wait_for(lambda: bool(told), "it is told")
        finally:
            watch.stop()
    assert file.exists()
    assert "file vanished" in told[0].reason
    assert stat.S_IMODE(runtime.stat().st_mode) == left


def test_a_service_s_folder_that_cannot_be_made_again_is_told_with_what_makes_it(tmp_path: Path) -> None:
    runtime, told = tmp_path / "rigd", list[FolderVanished]()
    make_runtime_dir(runtime)
    with only_one(runtime) as lock:
        watch = FolderWatch(runtime, lock=lock, files=(), post=told.append, laid_down=True)
        shutil.rmtree(runtime)
        runtime.touch()  # nobody can make a folder there
        watch.start()
        try:
            wait_for(lambda: bool(told), "it is told")
        finally:
            watch.stop()
    assert "cannot be made again" in told[0].reason
    assert "systemd-tmpfiles --create" in told[0].reason
