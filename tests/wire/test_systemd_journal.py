"""The journal's native protocol, read at a socket as systemd-journald reads it."""

from __future__ import annotations

import array
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.cli.run_log import RunLog
from rigd.wire.journal import SystemJournal
from rigd.wire.plain_log import FIELDS, PlainFormatter


class Reader:
    """The far end: one datagram, or one memory file, is one entry."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(30)

    def entry(self) -> dict[str, str]:
        data, handed, _, _ = self.socket.recvmsg(1 << 18, socket.CMSG_LEN(4))
        for _, _, raw in handed:
            (file,) = array.array("i", raw)
            with os.fdopen(file, "rb") as stream:
                stream.seek(0)
                data = stream.read()
        return dict(_fields(data))


def _fields(data: bytes) -> Iterator[tuple[str, str]]:
    while data:
        line, _, data = data.partition(b"\n")
        name, is_plain, value = line.partition(b"=")
        if not is_plain:
            length = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + length], data[9 + length :]
        yield name.decode(), value.decode()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "journal")
    yield reader
    reader.socket.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SystemJournal]:
    journal = SystemJournal(str(tmp_path / "journal"))
    yield journal
    journal.close()


def test_a_record_is_an_entry_with_its_fields_and_no_text_breaks_out_of_them(
    reader: Reader, journal: SystemJournal, tmp_path: Path
) -> None:
    log = RunLog(2, tmp_path / "rigd.log", journal=journal)
    log.setFormatter(PlainFormatter("%(levelname)s %(name)s: %(message)s"))
    record = logging.LogRecord("rigd", logging.WARNING, "", 0, "song %s", ("a\nPRIORITY=0",), None)
    setattr(record, FIELDS, {"RIGD_EVENT": "take started", "RIGD_SUBJECT": "x\nMESSAGE=no"})
    log.emit(record)
    assert reader.entry() == {
        "MESSAGE": "song a\\nPRIORITY=0",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "rigd",
        "RIGD_PART": "rigd",
        "RIGD_EVENT": "take started",
        "RIGD_SUBJECT": "x\\nMESSAGE=no",
    }


def test_a_traceback_is_one_entry_of_several_lines(
    reader: Reader, journal: SystemJournal, tmp_path: Path
) -> None:
    log = RunLog(2, tmp_path / "rigd.log", journal=journal)
    try:
        raise ValueError("broken")
    except ValueError as error:
        log.emit(logging.LogRecord("rigd", logging.ERROR, "", 0, "it broke", (), (ValueError, error, None)))
    entry = reader.entry()
    first, *further = entry["MESSAGE"].split("\n")
    assert first == "it broke" and further[-1].strip() == "ValueError: broken" and entry["PRIORITY"] == "3"


def test_what_no_datagram_takes_is_handed_over_as_a_file(reader: Reader, journal: SystemJournal) -> None:
    long = "x" * 1_000_000
    journal.send(long, level=logging.INFO, fields={})
    assert reader.entry()["MESSAGE"] == long


def test_only_where_stderr_is_the_journals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as file:
        monkeypatch.setattr("rigd.wire.journal.STDERR", file.fileno())
        found = os.fstat(file.fileno())
        journal = SystemJournal.of_stderr({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert journal is not None
        journal.close()
        assert SystemJournal.of_stderr({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"}) is None
        assert SystemJournal.of_stderr({}) is None


def test_a_journal_that_is_gone_loses_no_line(journal: SystemJournal, tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as file:
        log = RunLog(file.fileno(), tmp_path / "rigd.log", journal=journal)
        log.setFormatter(PlainFormatter("%(levelname)s %(name)s: %(message)s"))
        log.emit(logging.LogRecord("rigd", logging.INFO, "", 0, "still there", (), None))
        log.flush()
    assert (tmp_path / "stderr").read_text().endswith(" INFO rigd: still there\n")
