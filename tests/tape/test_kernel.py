"""The system calls that Python lacks, or makes one by one, against the real kernel."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from rigd.tape.kernel import HeadNotWrittenError, all_are_named, sync_file_system, write_heads


def test_a_file_system_is_synced_and_a_bad_descriptor_is_an_error(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(fd, b"x" * 8192)
        sync_file_system(fd)
    finally:
        os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(fd)


def test_each_file_begins_with_its_own_head(folder: Path) -> None:
    with ExitStack() as opened:
        files = [opened.enter_context((folder / str(number)).open("w+b")) for number in range(3)]
        heads = bytearray(b"".join(bytes([65 + number]) * 8 for number in range(3)))
        for file in files:
            file.write(b"what was there before")
            file.flush()
        write_heads([file.fileno() for file in files], heads, length_bytes=8)
        assert [(folder / str(number)).read_bytes() for number in range(3)] == [
            letter * 8 + b" there before" for letter in (b"A", b"B", b"C")
        ]


def test_a_head_that_cannot_be_written_is_told_by_its_place(folder: Path) -> None:
    with (folder / "one").open("w+b") as one, (folder / "one").open("rb") as for_reading:
        with pytest.raises(HeadNotWrittenError) as caught:
            write_heads([one.fileno(), for_reading.fileno()], bytearray(16), length_bytes=8)
        assert (caught.value.place, caught.value.errno) == (1, errno.EBADF)
        assert (folder / "one").read_bytes() == bytes(8)


def test_a_file_that_was_deleted_has_no_name(folder: Path) -> None:
    with (folder / "one").open("w+b") as one, (folder / "two").open("w+b") as two:
        fds = [one.fileno(), two.fileno()]
        assert all_are_named(fds)
        (folder / "two").rename(folder / "three")
        assert all_are_named(fds)
        (folder / "three").unlink()
        assert not all_are_named(fds)
