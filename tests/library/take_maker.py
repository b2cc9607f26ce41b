"""Takes as the writer leaves them: real journals by its own code, and small WAV files."""

from __future__ import annotations

import uuid
import wave
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from rigd.library.library import Library
from rigd.model.names import parse_naming
from rigd.model.take import GainChange, Gap, GapCause, Marker, Slate, TakeFormat, TakeOrder, Track, Xrun
from rigd.model.units import ChannelNumber, Frame, InputNumber, TakeId
from rigd.takefile.journal import JOURNAL_NAME, line_of
from rigd.takefile.ledger import Begun, Closed, Closing, Durable, Entry, Retagged
from rigd.takefile.riff import HEADER_BYTES

RATE = 48_000
FIRST = Frame(1_000_000)
BERLIN = timezone(timedelta(hours=2))
NOON = datetime(2025, 6, 1, 12, 0, 0, tzinfo=BERLIN)


def open_library(root: Path, *, layout: str = "mono", now: Callable[[], datetime] = lambda: NOON) -> Library:
    assert layout in ("mono", "poly")
    return Library(
        root, naming=parse_naming(), layout="poly" if layout == "poly" else "mono", rig="Studio B", now=now
    )


def track(number: int, name: str = "") -> Track:
    return Track(
        channel=ChannelNumber(number),
        input=InputNumber(number + 8),
        name=name or f"Mic {number}",
        source="mic",
        gain_db=30.0,
        phantom=True,
    )


def order_take(
    library: Library,
    session_folder: str,
    *,
    song: str = "Blue",
    session: str = "Band",
    number: int | None = None,
    tracks: int = 2,
) -> TakeOrder:
    """An order as the controller makes it."""
    if number is None:
        number = library.next_take_number(session_folder=session_folder, song=song)
    slate = Slate(session=session, song=song, number=number)
    channels = tuple(track(each) for each in range(1, tracks + 1))
    plan = library.plan_take(session_folder=session_folder, slate=slate, tracks=channels)
    return TakeOrder(
        take_id=TakeId(uuid.uuid4().hex),
        folder=plan.folder,
        first_frame=FIRST,
        started_at="2025-06-01T12:00:00.250+02:00",
        time_reference=12 * 3600 * RATE + 12_000,
        format=TakeFormat(sample_rate_hz=RATE),
        tracks=channels,
        files=plan.files,
        slate=slate,
        ordinal=plan.ordinal,
    )


def begin(order: TakeOrder, *entries: Entry) -> None:
    """The writer has begun the take: folder, journal, files."""
    folder = Path(order.folder)
    folder.mkdir(parents=True)
    begun = Begun(tape_id="0" * 16, tape_layout=1, asked_frame=order.first_frame, order=order)
    append(folder, begun, *entries)
    write_files(order, 0)


def write_files(order: TakeOrder, frames: int) -> None:
    """As long as the writer's, whose headers are longer."""
    for file in order.files:
        with wave.open(str(Path(order.folder) / file.name), "wb") as wav:
            wav.setnchannels(len(file.channels))
            wav.setsampwidth(3)
            wav.setframerate(RATE)
            wav.writeframes(bytes(range(3)) * frames * len(file.channels))
        with (Path(order.folder) / file.name).open("ab") as wav_file:
            wav_file.write(bytes(HEADER_BYTES - 44))


def append(folder: Path | str, *entries: Entry) -> None:
    """The writer adds to the journal."""
    with (Path(folder) / JOURNAL_NAME).open("ab") as journal:
        journal.writelines(line_of(entry) for entry in entries)


def close(order: TakeOrder, *, frames: int = 480, recovered: bool = False, failure: str = "") -> None:
    write_files(order, frames)
    append(
        order.folder,
        Durable(frames=frames),
        Closing(frames=frames),
        Closed(frames=frames, recovered=recovered, failure=failure),
    )


def closed_take(
    library: Library, session_folder: str, *, song: str = "Blue", session: str = "Band"
) -> TakeOrder:
    """A take that was recorded and closed, and is in the library."""
    order = order_take(library, session_folder, song=song, session=session)
    begin(order)
    close(order)
    library.file_take(Path(order.folder))
    return order


def retag(order: TakeOrder, slate: Slate) -> None:
    """What the writer does with a new slate: journal, files, journal."""
    append(order.folder, slate)
    write_files(order, 480)
    for file in order.files:
        with (Path(order.folder) / file.name).open("ab") as wav:
            wav.write(b"iXML" + repr(slate).encode())
    append(order.folder, Retagged())


def eventful() -> tuple[Entry, ...]:
    """A marker, gains confirmed and not, a gap, xruns; one of each kind outside the take."""
    return (
        Marker(at_frame=Frame(FIRST + 100), name="chorus"),
        Marker(at_frame=Frame(FIRST + 5_000), name="after the end"),
        GainChange(
            at_frame=Frame(FIRST + 200),
            channel=ChannelNumber(1),
            parameter="gain_db",
            value=33.5,
            confirmed=True,
        ),
        GainChange(
            at_frame=Frame(FIRST + 300), channel=ChannelNumber(2), parameter="pad", value=1.0, confirmed=False
        ),
        Gap(at_frame=Frame(FIRST + 50), length_frames=25, cause=GapCause.INTERFACE_LOST, exact=False),
        Xrun(at_frame=Frame(FIRST + 60)),
        Xrun(at_frame=Frame(FIRST + 70), suspect=True, about_frames=256),
    )
