"""What preamps said outlives the daemon as the tape does, and is believed of that tape and those channels only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.control.preamp_memory import NAME, PreampMemory
from rigd.model.errors import TapeError
from rigd.model.settings_history import SettingsHistory
from rigd.model.take import GainChange
from rigd.model.units import ChannelNumber, Frame
from tests.support.desk import channels


def row(at: int) -> GainChange:
    return GainChange(
        at_frame=Frame(at), channel=ChannelNumber(1), parameter="gain_db", value=float(at), confirmed=True
    )


def no_tape() -> str:
    raise TapeError("there is no tape yet")


def memory(folder: Path, tape_id: Callable[[], str] = lambda: "aa") -> PreampMemory:
    return PreampMemory(folder, channels(), tape_id=tape_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def grown(*frames: int) -> list[SettingsHistory]:
    history, all_of_them = SettingsHistory(), []
    for frame in frames:
        history = history.plus(row(frame), reach_frames=1_000)
        all_of_them.append(history)
    return all_of_them


def test_what_was_kept_row_by_row_is_read_again(folder: Path) -> None:
    first = memory(folder)
    for history in grown(10, 20, 30):
        first.keep(history)
        first.keep(history)
    found = memory(folder).read()
    assert found is not None and found.rows == (row(10), row(20), row(30))
    assert (folder / NAME).read_bytes().count(b"\n") == 4, "each row once, behind the head"


def test_a_history_that_was_thinned_takes_the_place_of_the_one_before(folder: Path) -> None:
    first = memory(folder)
    for history in grown(10, 20):
        first.keep(history)
    first.keep(SettingsHistory((row(20), row(40))))
    found = memory(folder).read()
    assert found is not None and found.rows == (row(20), row(40))


def test_of_another_tape_or_other_channels_nothing_is_believed(folder: Path) -> None:
    memory(folder).keep(grown(10)[0])
    assert memory(folder, lambda: "bb").read() is None
    assert memory(folder, no_tape).read() is None
    moved = [replace(each, socket=9) for each in channels()]
    assert PreampMemory(folder, moved, tape_id=lambda: "aa").read() is None
    (folder / NAME).write_bytes(b"no JSON\n")
    assert memory(folder).read() is None
    (folder / NAME).write_bytes(b"")
    assert memory(folder).read() is None


def test_before_there_is_a_tape_nothing_is_written_and_after_it_all(folder: Path) -> None:
    tapes = iter(["", "aa", "aa"])

    def tape_id() -> str:
        return next(tapes) or no_tape()

    first = memory(folder, tape_id)
    one, two = grown(10, 20)
    first.keep(one)
    assert not (folder / NAME).exists()
    first.keep(two)
    found = memory(folder).read()
    assert found is not None and found.rows == two.rows


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = memory(folder / "gone")
    for history in grown(10, 20):
        gone.keep(history)
    assert len(caplog.records) == 1


def test_other_preamps_of_the_channels_are_the_ones_that_the_next_daemon_has(folder: Path) -> None:
    first = memory(folder)
    moved = (replace(channels()[0], socket=9), *channels()[1:])
    history, later = grown(10, 20)
    first.keep(history)
    first.use(moved)
    first.keep(later)
    assert memory(folder).read() is None
    found = PreampMemory(folder, moved, tape_id=lambda: "aa").read()
    assert found is not None and found.rows == (row(10), row(20))
