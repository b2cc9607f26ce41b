"""take.json: what a closed take's journal says, for others to read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from take_maker import FIRST, append, begin, close, closed_take, eventful, order_take, retag

from rigd.library.durable import MOST_BRACKETS, DamagedFile, read_json
from rigd.library.library import Library
from rigd.library.session import session_schema
from rigd.library.sheet_file import sheet_schema
from rigd.library.takes import bring_up_to_date, note_digests
from rigd.model.errors import LibraryError
from rigd.model.take import Marker, Slate, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.journal import JOURNAL_NAME
from rigd.takefile.ledger import Begun, Closed, Mended

DAY = "2025-06-01"
DOCS = Path(__file__).parents[2] / "docs"


def sheet_of(order: TakeOrder) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads((Path(order.folder) / "take.json").read_bytes())
    return plain


def bytes_of(order: TakeOrder) -> bytes:
    return (Path(order.folder) / "take.json").read_bytes()


@pytest.fixture
def session_folder(library: Library) -> str:
    return library.open_session("Band", date=DAY).folder


def test_the_sheet_says_what_the_journal_says(library: Library, session_folder: str) -> None:
    order = order_take(library, session_folder, song="Blue / Red")
    begin(order, *eventful())
    slate = replace(order.slate, name="the good one", circled=True, rating=4, notes=("late cymbal", "ok"))
    append(order.folder, slate)
    close(order)
    library.file_take(Path(order.folder))
    sheet = sheet_of(order)
    folder = Path(order.folder)
    first, second = sheet["channels"]
    assert first == {
        "channel": 1,
        "input": 9,
        "name": "Mic 1",
        "source": "mic",
        "file": "01 Mic 1.wav",
        "place_in_file": 1,
        "gain_db": 30.0,
        "pad": None,
        "phantom": True,
        "polarity": None,
        "settings": {},
        "peak_dbfs": None,
        "clipped_samples": None,
        "clip_count": None,
        "clips": [],
        "last_clip_frame": None,
    }
    assert second["file"] == "02 Mic 2.wav"
    assert sheet["gain_changes"] == [
        {"frame": 200, "channel": 1, "parameter": "gain_db", "value": 33.5, "confirmed": True},
        {"frame": 300, "channel": 2, "parameter": "pad", "value": None, "confirmed": False, "asked": 1.0},
    ]
    assert sheet["gaps"] == [{"frame": 50, "length_frames": 25, "cause": "interface lost", "exact": False}]
    assert sheet["xruns"] == [
        {"frame": 60, "suspect": False, "about_frames": 0},
        {"frame": 70, "suspect": True, "about_frames": 256},
    ]
    assert sheet["markers"] == [{"frame": 100, "name": "chorus"}]
    assert sheet["files"][0] == {
        "name": "01 Mic 1.wav",
        "channels": [1],
        "frame": 0,
        "frames": 480,
        "size_bytes": (folder / "01 Mic 1.wav").stat().st_size,
        "sha256": None,
    }
    expected = {
        "format": "rigd take",
        "version": 1,
        "take_id": order.take_id,
        "session": "Band",
        "song": "Blue / Red",
        "number": 1,
        "name": "the good one",
        "circled": True,
        "rating": 4,
        "notes": ["late cymbal", "ok"],
        "false_take": False,
        "rolling": False,
        "recovered": False,
        "failed": "",
        "ordinal": order.ordinal,
        "dated": "",
        "on_its_way_to": "",
        "clock": None,
        "started_at": "2025-06-01T12:00:00.250+02:00",
        "duration_s": 0.01,
        "frames": 480,
        "time_reference": order.time_reference,
        "sample_rate_hz": 48000,
        "sample": "int24",
        "mended": [],
        "tape_frame": FIRST,
        "journal_bytes": (folder / JOURNAL_NAME).stat().st_size,
        "journal_faults": [],
        "ahead_of_journal": False,
        "trashed_from": "",
        "trashed_at": "",
        "trashed_ordinal": 0,
        "mirror": None,
        "simulated": False,
        "kept": False,
    }
    lists = {"channels", "gain_changes", "gaps", "xruns", "markers", "files"}
    assert {key: value for key, value in sheet.items() if key not in lists} == expected


def test_a_recovered_take_and_one_that_failed_say_so(library: Library, session_folder: str) -> None:
    recovered, failed = (order_take(library, session_folder) for _ in range(2))
    begin(recovered, Mended(name="02 Mic 2.wav", frames=470))
    close(recovered, recovered=True)
    begin(failed)
    close(failed, failure="no space left")
    for order in (recovered, failed):
        library.file_take(Path(order.folder))
    assert sheet_of(recovered)["recovered"] is True and sheet_of(failed)["failed"] == "no space left"
    assert sheet_of(recovered)["mended"] == [{"file": "02 Mic 2.wav", "frame": 470}]
    assert [take.recovered for take in library.open_session("Band", date=DAY).takes] == [True, False]


def test_making_the_sheet_again_changes_not_a_byte(library: Library, session_folder: str) -> None:
    order = closed_take(library, session_folder)
    sheet = Path(order.folder) / "take.json"
    before, when = bytes_of(order), sheet.stat().st_mtime_ns
    library.file_take(Path(order.folder))
    assert sheet.stat().st_mtime_ns == when
    sheet.unlink()
    library.file_take(Path(order.folder))
    assert bytes_of(order) == before


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\0" * 99, b'{"format": "rigd take", "version": 1}'])
def test_a_damaged_sheet_is_made_again_from_the_journal(
    library: Library, session_folder: str, damage: bytes
) -> None:
    order = closed_take(library, session_folder)
    good = bytes_of(order)
    (Path(order.folder) / "take.json").write_bytes(damage)
    library.file_take(Path(order.folder))
    assert bytes_of(order) == good


def test_a_sheet_without_a_journal_is_all_there_is_and_is_kept(library: Library, session_folder: str) -> None:
    order = closed_take(library, session_folder)
    good = bytes_of(order)
    (Path(order.folder) / JOURNAL_NAME).unlink()
    found = library.file_take(Path(order.folder))
    assert found.sheet.take_id == order.take_id and bytes_of(order) == good


def test_a_sheet_of_a_newer_rigd_is_never_written_over(library: Library, session_folder: str) -> None:
    order = closed_take(library, session_folder)
    newer = json.dumps({**sheet_of(order), "version": 2, "weather": "rain"}).encode()
    (Path(order.folder) / "take.json").write_bytes(newer)
    found = library.file_take(Path(order.folder))
    assert found.sheet.take_id == order.take_id and found.unhashed == ()
    with pytest.raises(LibraryError, match="newer rigd"):
        library.discard(order.take_id)
    assert bytes_of(order) == newer and Path(order.folder).is_dir()


def test_a_new_slate_is_in_the_sheet_at_once_and_stays_until_the_journal_has_it(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    folder = Path(order.folder)
    slate = replace(order.slate, circled=True)
    found = library.file_take(folder, slate=slate)
    assert not found.settled and sheet_of(order)["circled"] and sheet_of(order)["ahead_of_journal"]
    assert library.file_take(folder).sheet.circled  # the journal does not know it yet
    retag(order, slate)
    found = library.file_take(folder)
    assert found.settled and found.sheet.circled and not sheet_of(order)["ahead_of_journal"]


def test_an_earlier_slate_in_the_journal_does_not_undo_a_later_one(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    folder = Path(order.folder)
    first, second = replace(order.slate, rating=1), replace(order.slate, rating=2)
    library.file_take(folder, slate=first)
    library.file_take(folder, slate=second)
    retag(order, first)
    assert library.file_take(folder).sheet.rating == 2
    retag(order, second)
    assert library.file_take(folder).settled


def test_a_slate_that_the_writer_has_retagged_unheard_is_taken_over(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    retag(order, replace(order.slate, name="encore"))
    assert library.file_take(Path(order.folder)).sheet.name == "encore"


def test_digests_stay_with_the_sheet_until_the_files_change_by_rigds_own_hand(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    folder = Path(order.folder)
    size = (folder / JOURNAL_NAME).stat().st_size
    assert note_digests(folder, {"01 Mic 1.wav": "a" * 64, "02 Mic 2.wav": "b" * 64}, journal_bytes=size)
    (folder / "01 Mic 1.wav").write_bytes(b"rotten")  # not by rigd: the digest is what shows it
    assert [file.sha256 for file in library.file_take(folder).sheet.files] == ["a" * 64, "b" * 64]
    retag(order, replace(order.slate, circled=True))
    assert [file.sha256 for file in library.file_take(folder).sheet.files] == [None, None]


def test_digests_of_files_that_were_retagged_meanwhile_are_void(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    folder = Path(order.folder)
    size = (folder / JOURNAL_NAME).stat().st_size
    retag(order, replace(order.slate, circled=True))
    assert note_digests(folder, {"01 Mic 1.wav": "a" * 64}, journal_bytes=size) is None
    assert sheet_of(order)["files"][0]["sha256"] is None


def test_a_journal_or_sheet_that_names_files_elsewhere_does_not_lead_there(
    library: Library, session_folder: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    order = closed_take(library, session_folder)
    folder = Path(order.folder)
    outside = os.path.relpath(tmp_path / "secret", folder)
    bad = replace(order, files=(replace(order.files[0], name=outside), order.files[1]))
    (folder / JOURNAL_NAME).unlink()
    append(folder, Begun(tape_id="0" * 16, tape_layout=1, asked_frame=FIRST, order=bad), Closed(frames=480))
    plain = sheet_of(order)
    plain["files"][0]["name"] = outside
    (folder / "take.json").write_text(json.dumps(plain))
    found = library.file_take(folder)
    assert found.unhashed == ("02 Mic 2.wav",)


def test_a_power_cut_in_the_middle_of_writing_leaves_the_old_sheet(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    good = bytes_of(order)
    (Path(order.folder) / ".take.json.new").write_bytes(good[: len(good) // 2])
    library.file_take(Path(order.folder), slate=replace(order.slate, circled=True))
    assert sheet_of(order)["circled"] and os.listdir(order.folder).count("take.json") == 1


def test_the_state_gets_back_from_the_sheet_what_the_take_was(library: Library, session_folder: str) -> None:
    order = order_take(library, session_folder)
    begin(order, *eventful())
    close(order)
    library.file_take(Path(order.folder))
    (take,) = library.open_session("Band", date=DAY).takes
    assert (take.first_frame, take.end_frame, take.closed) == (FIRST, FIRST + 480, True)
    assert take.markers == (Marker(at_frame=Frame(FIRST + 100), name="chorus"),)
    assert [gap.at_frame for gap in take.gaps] == [FIRST + 50]
    assert [change.value for change in take.gain_changes] == [33.5, None]
    assert take.slate == Slate(session="Band", song="Blue", number=1) and take.xruns == 2


@pytest.mark.parametrize("odd", ["empty", "text", "folder", "link", "bad journal"])
def test_what_is_not_a_take_is_never_touched(
    library: Library, session_folder: str, odd: str, tmp_path: Path
) -> None:
    place = Path(session_folder) / "Blue" / "Take 009"
    place.mkdir(parents=True)
    if odd == "text":
        (place / "readme.txt").write_text("mine")
    elif odd == "folder":
        (place / "take.json").mkdir()
    elif odd == "link":
        place.rmdir()
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    elif odd == "bad journal":
        (place / JOURNAL_NAME).write_bytes(b"not a journal\n")
    before = sorted(path for path in Path(session_folder).rglob("*"))
    assert library.open_session("Band", date=DAY).takes == ()
    assert list(library.catch_up(may_move=lambda: True)) == []
    assert sorted(path for path in Path(session_folder).rglob("*")) == before
    if odd != "link":
        assert bring_up_to_date_or_none(place) is None


def bring_up_to_date_or_none(place: Path) -> object:
    try:
        return bring_up_to_date(place)
    except LibraryError:
        return None


@pytest.mark.parametrize(
    ("name", "schema"), [("take.schema.json", sheet_schema()), ("session.schema.json", session_schema())]
)
def test_the_published_schema_is_the_one_that_is_written(name: str, schema: dict[str, Any]) -> None:
    assert json.loads((DOCS / name).read_bytes()) == schema


@pytest.mark.parametrize(
    "field, value",
    [
        ("take_id", "../../x"),
        ("duration_s", float("inf")),
        ("duration_s", -1.0),
        ("frames", 1 << 62),
        ("frames", -1),
        ("sample_rate_hz", 0),
        ("time_reference", 1 << 70),
        ("journal_bytes", 1 << 70),
        ("markers", [{"frame": 1 << 70, "name": ""}]),
        ("gaps", [{"frame": 0, "length_frames": 1 << 70, "cause": "overflow", "exact": True}]),
    ],
)
def test_a_sheet_with_numbers_that_no_take_has_is_made_anew_from_the_journal(
    library: Library, session_folder: str, field: str, value: object
) -> None:
    order = closed_take(library, session_folder)
    path = Path(order.folder) / "take.json"
    right = sheet_of(order)
    path.write_text(json.dumps({**right, field: value}))
    (take,) = library.open_session("Band", date=DAY).takes
    assert take.take_id == order.take_id
    assert {**sheet_of(order), "files": right["files"]} == right


def test_escapes_in_a_sheet_and_a_journal_are_no_text_that_anybody_typed(
    library: Library, session_folder: str
) -> None:
    order = closed_take(library, session_folder)
    path = Path(order.folder) / "take.json"
    path.write_text(
        json.dumps({**sheet_of(order), "song": "\x1b[2Jgone", "name": "a\nb\x07", "ahead_of_journal": True})
    )
    (take,) = library.open_session("Band", date=DAY).takes
    assert take.slate.song == " [2Jgone" and take.slate.name == "a b "
    bad = replace(order.slate, name="\x1b]0;title\x07")
    append(order.folder, bad)
    path.unlink()
    assert library.file_take(Path(order.folder)).sheet.name == " ]0;title "


def test_a_sheet_of_brackets_is_no_sheet_and_is_made_anew(library: Library, session_folder: str) -> None:
    """As JSON it would take gigabytes in the daemon's memory."""
    order = closed_take(library, session_folder)
    before = bytes_of(order)
    odd = Path(order.folder) / "take.json"
    odd.write_bytes(b"[" + b"[]," * MOST_BRACKETS + b"[]]")
    with pytest.raises(DamagedFile, match="too many parts"):
        read_json(odd)
    assert bring_up_to_date(Path(order.folder)) is not None
    assert json.loads(bytes_of(order))["take_id"] == json.loads(before)["take_id"]
