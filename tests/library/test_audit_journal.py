"""The audit on disk: what was noted is there in order, bounded, and costs nobody anything where it cannot be."""

from __future__ import annotations

import json
import logging
import os
import queue
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardware_sim.disks import SmallDisk
from rigd.library.audit import LONGEST_LINE_BYTES, MOST_WAITING, NEWER, OLDER, AuditJournal
from rigd.model.audit import AuditEntry, audit_entry
from rigd.model.commands import NoteTake, Rejected
from rigd.model.errors import LibraryError
from rigd.model.limits import LONGEST_ANSWER_BYTES, LONGEST_ORIGIN, MOST_AUDIT_ENTRIES
from rigd.model.roles import Role
from rigd.model.units import Ns, Origin
from rigd.rules.permissions import Principal
from rigd.takefile.volume import OWN_FOLDER
from tests.support.patience import PATIENCE_S, wait_for


def entry(text: str, **more: Any) -> AuditEntry:
    return AuditEntry(
        unix_ns=1,
        at_ns=Ns(2),
        answered_ns=Ns(3),
        who="ann",
        role=Role.OWNER,
        command=text,
        accepted=True,
        **more,
    )


def read(journal: AuditJournal, last: int = 1000, before: int | None = None) -> Sequence[AuditEntry]:
    told: queue.Queue[Sequence[AuditEntry] | LibraryError] = queue.Queue()
    journal.read(last, before, told.put)
    found = told.get(timeout=PATIENCE_S)
    if isinstance(found, LibraryError):
        raise found
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / OWN_FOLDER).mkdir()
    return tmp_path


@pytest.fixture
def journal(root: Path) -> Iterator[AuditJournal]:
    made = AuditJournal(root, most_bytes=20_000)
    made.start()
    yield made
    made.stop()


def test_what_was_noted_is_read_in_order_and_in_pages(journal: AuditJournal, root: Path) -> None:
    for number in range(30):
        journal.note(entry(f"mark {number}"))
    found = read(journal)
    assert [each.command for each in found] == [f"mark {number}" for number in range(30)]
    assert [each.number for each in found] == list(range(1, 31))
    assert [each.command for each in read(journal, 2, before=found[10].number)] == ["mark 8", "mark 9"]
    lines = (root / OWN_FOLDER / NEWER).read_text().splitlines()
    assert [json.loads(line)["command"] for line in lines] == [f"mark {number}" for number in range(30)]


def test_what_came_of_a_command_has_both_clocks(root: Path) -> None:
    journal = AuditJournal(root, clock_ns=lambda: Ns(7), wall_ns=lambda: 8)
    journal.start()
    command = NoteTake(origin=Origin("phone"), at_ns=Ns(5), text="loud")
    journal.answered(command, Principal(name="ann", role=Role.PLAYER), Rejected(reason="not allowed"))
    (found,) = read(journal)
    journal.stop()
    assert (found.at_ns, found.answered_ns, found.unix_ns) == (5, 7, 8)
    assert (found.who, found.role, found.label, found.command) == ("ann", "player", "phone", "note loud")
    assert (found.accepted, found.answer) == (False, "not allowed")


def test_it_is_bounded_and_keeps_the_newest(journal: AuditJournal, root: Path) -> None:
    for number in range(1000):
        journal.note(entry(f"mark {number}"))
        if number % 50 == 0:
            read(journal, 1)
    found = read(journal)
    sizes = [(root / OWN_FOLDER / name).stat().st_size for name in (NEWER, OLDER)]
    assert all(0 < size <= 20_000 for size in sizes)
    numbers = [each.number for each in found]
    assert numbers == list(range(numbers[0], 1001)) and len(numbers) > 100
    assert sorted(os.listdir(root / OWN_FOLDER)) == sorted((NEWER, OLDER))


def test_the_next_run_goes_on_and_a_line_that_broke_off_costs_itself_only(root: Path) -> None:
    for run in (1, 2):
        journal = AuditJournal(root)
        journal.start()
        journal.note(entry(f"mark {run}"))
        journal.stop()
        with open(root / OWN_FOLDER / NEWER, "ab") as file:
            file.write(b'{"unix_ns":1,"at_')
    journal = AuditJournal(root)
    journal.start()
    journal.note(entry("mark 3"))
    try:
        assert [(each.number, each.command) for each in read(journal)] == [
            (1, "mark 1"),
            (2, "mark 2"),
            (3, "mark 3"),
        ]
    finally:
        journal.stop()


def test_what_cannot_be_written_is_counted_told_once_and_costs_nothing_else(
    journal: AuditJournal, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk takes a part of a line, and then nothing."""
    caplog.set_level(logging.INFO)
    journal.note(entry("mark first"))
    read(journal)
    own = root / OWN_FOLDER
    aside = root / "aside"
    own.rename(aside)  # the volume is gone: nothing is made in its place
    for number in range(10):
        journal.note(entry(f"mark {number}"))
    wait_for(lambda: "cannot be written" in caplog.text)
    wait_for(lambda: journal._lost == 10)
    assert not own.exists()
    aside.rename(own)
    journal.note(entry("mark last"))
    found = read(journal)
    assert [(each.command, each.lost) for each in found] == [("mark first", 0), ("mark last", 10)]
    assert caplog.text.count("cannot be written") == 1 and "written again; 10 commands" in caplog.text


def test_a_full_disk_loses_lines_of_the_audit_and_no_half_one_stays() -> None:
    with SmallDisk(1 << 20) as disk:
        (disk.path / OWN_FOLDER).mkdir()
        journal = AuditJournal(disk.path)
        journal.start()
        try:
            journal.note(entry("mark first"))
            read(journal)
            disk.fill(leave_bytes=0)
            given = 0
            while not journal._lost:  # the page that the file has already takes some
                journal.note(entry(f"mark {given}"))
                given += 1
                read(journal, 1)
            (disk.path / "ballast").unlink()
            journal.note(entry("mark last"))
            found = read(journal)
        finally:
            journal.stop()
        lines = (disk.path / OWN_FOLDER / NEWER).read_bytes().split(b"\n")
    assert [each.command for each in found[:-1]] == ["mark first", *(f"mark {n}" for n in range(given - 1))]
    assert (found[-1].command, found[-1].lost, found[-1].number) == ("mark last", 1, given + 1)
    assert len(lines) == len(found) + 1 and lines[-1] == b"", "each line is whole"


def test_the_longest_answer_has_room() -> None:
    hostile = "\u202e" * 5000  # each is six characters where it is shown
    command = NoteTake(origin=Origin("\u202e" * LONGEST_ORIGIN), at_ns=Ns(0), text=hostile, control="x" * 80)
    given = audit_entry(
        command,
        Rejected(reason=hostile),
        who="w" * 32,
        role=Role.OWNER,
        unix_ns=1 << 62,
        answered_ns=Ns(1 << 62),
    )
    line = msgspec.json.encode(given)
    assert len(line) < LONGEST_LINE_BYTES and len(line) * MOST_AUDIT_ENTRIES < LONGEST_ANSWER_BYTES


def test_a_link_in_its_place_is_not_followed(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "precious"
    elsewhere.write_text("precious")
    (root / OWN_FOLDER / NEWER).symlink_to(elsewhere)
    journal = AuditJournal(root)
    journal.start()
    journal.note(entry("mark"))
    with pytest.raises(LibraryError, match="cannot be read"):
        read(journal)
    journal.stop()
    assert elsewhere.read_text() == "precious"


def test_a_disk_that_stands_still_holds_up_nobody_and_the_memory_is_bounded(root: Path) -> None:
    journal = AuditJournal(root)  # its thread has not begun: as though it stood in a write
    for number in range(MOST_WAITING + 10):
        journal.note(entry(f"mark {number}"))
    journal.start()
    found = read(journal, 2 * MOST_WAITING)
    journal.note(entry("mark last"))
    assert len(found) == MOST_WAITING and found[0].lost == 10
    journal.stop()
