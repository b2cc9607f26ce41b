"""A runtime folder that is on a disk is warned of."""

from __future__ import annotations

from pathlib import Path

from rigd.capture.interface_opening import warn_of_disk

MOUNTS = "/dev/sda1 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sdb1 /run/media ext4 rw 0 0\n"


def test_a_folder_on_tmpfs_is_as_it_should_be(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert warn_of_disk(Path("/run/rigd"), mounts) == ()


def test_a_folder_on_a_disk_is_told_with_the_cure(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    for folder in ("/var/lib/rigd", "/run/media/rigd"):
        (warning,) = warn_of_disk(Path(folder), mounts)
        assert folder in warning
        assert "ext4" in warning
        assert "/dev/shm" in warning
