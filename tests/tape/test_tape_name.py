"""A tape whose file was deleted is found by its name again, as long as any process has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rigd.model.errors import TapeError
from rigd.model.messages import TapeGeometry
from rigd.tape.mapping import await_name
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape

GEOMETRY = TapeGeometry(channels=2, sample_rate_hz=48_000, capacity_frames=1 << 12)

HOLDER = """
import sys
from pathlib import Path
from rigd.tape.tape import Tape
tape = Tape.attach(Path(sys.argv[1]), writable=False)
print("attached", flush=True)
for line in sys.stdin:
    print(tape.name_again(), flush=True)
"""


def test_a_tape_that_was_deleted_is_found_through_who_has_it_also_after_its_maker(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    maker = Tape.create(path, GEOMETRY, full_scale=PORTAUDIO_FULL_SCALE)
    tape_id = maker.tape_id
    assert not maker.name_again(), "it lies there"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "attached\n"
        path.unlink()
        assert maker.name_again()
        hold = maker.take_hold(maker.next_frame, key=7)
        with Tape.attach(path, writable=True) as found:
            assert (found.tape_id, [hold.key for hold in found.holds()]) == (tape_id, [7])
        hold.release()
        maker.close()
        assert not path.exists(), "the link leads to a process that has it no more"
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "True\n"
        with Tape.attach(path, writable=True) as found:
            assert found.tape_id == tape_id
        holder.stdin.close()
    await_name(path, within_s=0.05)
    with pytest.raises(TapeError, match="there is none"):
        Tape.attach(path, writable=True)


def test_a_tape_takes_no_name_away_from_a_newer_one_and_makes_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "run" / "tape"
    path.parent.mkdir()
    with Tape.create(path, GEOMETRY, full_scale=PORTAUDIO_FULL_SCALE) as old:
        with Tape.create(path, GEOMETRY, full_scale=PORTAUDIO_FULL_SCALE) as new:
            assert not old.name_again()
            with Tape.attach(path, writable=False) as found:
                assert found.tape_id == new.tape_id
        path.unlink()
        path.parent.rmdir()
        assert not old.name_again()
        path.parent.touch()
        assert not old.name_again()
        assert os.listdir(tmp_path) == ["run"]


def test_a_link_that_leads_to_something_else_by_now_is_replaced(tmp_path: Path) -> None:
    """The number of a process that is gone is given to another one, which has another file open there."""
    path, other = tmp_path / "tape", tmp_path / "other"
    other.write_text("no tape")
    with Tape.create(path, GEOMETRY, full_scale=PORTAUDIO_FULL_SCALE) as tape:
        path.unlink()
        path.symlink_to(other)
        assert tape.name_again()
        with Tape.attach(path, writable=False) as found:
            assert found.tape_id == tape.tape_id
        assert other.read_text() == "no tape"
