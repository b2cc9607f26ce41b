"""A session's folder and session.json. Names in use are kept in memory, so that planning a take asks no disk.

`SessionFolder` is shared by the controller's and the library's thread and has a lock of its own, which is
never held while the disk is asked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from rigd.library.durable import DamagedFile, read_json, sync_folder, write_json
from rigd.library.walking import NotBelieved, Unreadable, folders_in, is_gone, is_link, pass_by
from rigd.model.errors import LibraryError
from rigd.model.library import TakePlan
from rigd.model.limits import HIGHEST_NUMBER, LONGEST_NAME
from rigd.model.names import Naming, clash_key, unique_name
from rigd.model.read_back import LENIENCE, as_typed, is_take_number, shown, why_no_folder_name
from rigd.model.structs import structured
from rigd.model.take import Slate, TakeFile, Track
from rigd.takefile import beneath
from rigd.takefile.beneath import names_in, remove, remove_folder
from rigd.wire.codec import schema_of, where_and_why

SESSION_NAME = "session.json"
SESSION_VERSION = 1
TRASH_NAME = ".trash"


log = logging.getLogger(__name__)

Refused = Callable[[Path, LibraryError], None]
"""Told of what was not believed, and why."""


def log_refused(path: Path, error: LibraryError) -> None:
    """The log has it."""
    log.warning("%s", error)


class SongEntry(Struct, frozen=True, kw_only=True):
    """A song as typed, its folder, and the number that its next take gets."""

    name: str
    folder: str
    next_take_number: int


class SessionSheet(Struct, frozen=True, kw_only=True):
    """session.json, version 1."""

    format: Literal["rigd session"] = "rigd session"
    version: int = SESSION_VERSION
    session: str
    """As typed."""
    date: str
    """YYYY-MM-DD, as in the folder's name."""
    created_at: str
    """ISO 8601 local time with offset."""
    rig: str
    ordinal: int = 0
    """Its place among the sessions and takes of the library; 0: an older rigd gave none, and `created_at` tells."""
    song: str
    """The song used last; empty: none yet."""
    songs: tuple[SongEntry, ...] = ()


def read_session(folder: Path, refused: Refused = log_refused) -> SessionSheet | None:
    """session.json of a folder; None where there is none. A song that could not have been typed, or whose folder
    rigd would never have made, is left out, and `refused` is told. Raises LibraryError where it cannot be used."""
    path = folder / SESSION_NAME
    plain = read_json(path)
    if plain is None:
        return None
    version = plain.get("version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > SESSION_VERSION:
        raise LibraryError(f"{path}: was written by a newer rigd (version {version}); left as it is")
    try:
        sheet = structured(plain, SessionSheet)
    except msgspec.ValidationError as error:
        raise DamagedFile(f"{path}: {where_and_why(error, 'file')}") from error
    songs: list[SongEntry] = []
    for song in sheet.songs:
        named = replace(song, name=as_typed(song.name))
        if why := _why_not(named):
            told = f"{path}: {why}. It is passed by; its next take goes to a folder of its own"
            refused(path, NotBelieved(told))
        else:
            songs.append(named)
    return replace(
        sheet,
        session=sheet.session[: LENIENCE * LONGEST_NAME],  # as it is: a session is found again by it
        date=as_typed(sheet.date),
        created_at=as_typed(sheet.created_at),
        rig=as_typed(sheet.rig),
        song=as_typed(sheet.song),
        songs=tuple(songs),
    )


def _why_not(song: SongEntry) -> str:
    if why := why_no_folder_name(song.folder):
        return f"the folder {shown(song.folder)} of the song {shown(song.name)} {why}"
    if not is_take_number(song.next_take_number):
        return f"the song {shown(song.name)} says {song.next_take_number} for its next take"
    return ""


def write_session(folder: Path, sheet: SessionSheet) -> None:
    """session.json is `sheet`, durably. Raises LibraryError."""
    write_json(folder / SESSION_NAME, msgspec.to_builtins(sheet), root=folder.parent)


def session_schema() -> dict[str, Any]:
    """The JSON schema in docs/session.schema.json."""
    return schema_of(SessionSheet, title="rigd session.json, version 1")


def take_folders(session: Path, unreadable: Unreadable = pass_by) -> Iterator[Path]:
    """Folders of a session that may be takes, those in the trash last."""
    for parent in parents_of_takes(session, unreadable):
        yield from folders_in(parent, unreadable)


def parents_of_takes(session: Path, unreadable: Unreadable = pass_by) -> Iterator[Path]:
    """The folders of songs, and the trash."""
    yield from folders_in(session, unreadable)
    trash = session / TRASH_NAME
    if not is_link(trash):
        yield trash


def remove_if_empty(session: Path) -> bool:
    """The folder of a session of which nothing is left but session.json and empty folders is gone. Anything else in
    it stays, and so does it; never raises."""
    root = session.parent
    try:
        inside = [session / name for name in names_in(root, session) if name != SESSION_NAME]
        if any(names_in(root, each) for each in inside):  # OSError of what is no folder
            return False
        for each in inside:
            remove_folder(root, each)
        with contextlib.suppress(FileNotFoundError):
            remove(root, session / SESSION_NAME)
        remove_folder(root, session)
        sync_folder(root, root=root)
    except OSError:
        return False
    return True


class SessionFolder:
    """One session that is in use."""

    def __init__(
        self,
        folder: Path,
        sheet: SessionSheet,
        naming: Naming,
        *,
        told: bool = False,
        used_at: float = 0.0,
    ) -> None:
        """`told`: somebody has said that takes go here, whatever day it is. `used_at` is Unix time."""
        self.folder, self.told = folder, told
        self._used_at = used_at
        self._naming = naming
        self._lock = threading.Lock()
        self._sheet = sheet
        self._taken: dict[str, set[str]] = {}
        """Clash keys of the names in each folder of the session, by its name; "" is the session's own."""
        self._numbers: dict[str, set[int]] = {}
        """Take numbers used, by song as typed."""
        self._left: set[str] = set()
        """Clash keys of folders of the session that no take goes to: links, and what is no folder."""
        self._planned: set[str] = set()
        """Folders of takes that were planned here, and of which no end was heard."""

    @property
    def sheet(self) -> SessionSheet:
        """What session.json shall say. Any thread."""
        with self._lock:
            return self._sheet

    @property
    def used_at(self) -> float:
        """When it was opened, or a take of it began or ended, whichever was last, in Unix time. Any thread."""
        with self._lock:
            return self._used_at

    def use_naming(self, naming: Naming) -> None:
        """Folders and files that are planned from now on are called so; what has a name keeps it. Any thread."""
        with self._lock:
            self._naming = naming

    def note_use(self, at: float) -> None:
        """It was used at this Unix time. Any thread."""
        with self._lock:
            self._used_at = max(self._used_at, at)

    def note_end(self, folder: str, at: float) -> None:
        """The take that was planned in that folder was heard to be closed, at this Unix time. Any thread."""
        with self._lock:
            if folder in self._planned:
                self._planned.discard(folder)
                self._used_at = max(self._used_at, at)

    def look(self, twin: Path | None = None) -> None:
        """Every name on disk counts as taken, or in the session's `twin` on the mirror; asks the disk."""
        folder = self.folder if twin is None else twin
        found: dict[str, set[str]] = {"": {clash_key(SESSION_NAME)}}
        if twin is None:  # a song that has a folder there is to have that one here
            for name in _names_in(folder):
                found[""].add(clash_key(name))
        for song in folders_in(folder):
            with contextlib.suppress(LibraryError):  # one that may not be read gets no takes
                found[song.name] = {clash_key(name) for name in _names_in(song)}
        with self._lock:
            for place, keys in found.items():
                self._taken.setdefault(place, set()).update(keys)

    def look_at_songs(self, only: str | None = None) -> list[NotBelieved]:
        """A song (`only` this one) whose folder is there and is no folder, or a link to one, gets one of its own.
        Returns what was found. Asks the disk."""
        found = []
        for entry in self.sheet.songs:
            if only not in (None, entry.name):
                continue
            place = self.folder / entry.folder
            try:
                if not is_gone(place):
                    os.close(beneath.open_folder(self.folder.parent, place))
            except beneath.LeadsOut as error:
                with self._lock:
                    self._leave(entry.folder)
                told = f"{error}. Takes of {shown(entry.name)} go to another folder from now on"
                found.append(NotBelieved(told))
            except OSError:
                continue  # a disk that is away, or may not be read: the take tells
        return found

    def _leave(self, folder: str) -> None:
        """No take goes to that folder of the session any more."""
        self._left.add(clash_key(folder))
        self._taken.setdefault("", {clash_key(SESSION_NAME)}).add(clash_key(folder))
        moved = [song for song in self._sheet.songs if song.folder == folder]
        songs = tuple(song for song in self._sheet.songs if song.folder != folder)
        self._sheet = replace(self._sheet, songs=songs)
        for song in moved:
            self._put(replace(self._new_song(song.name), next_take_number=song.next_take_number))

    def note_take(self, slate: Slate, folder: Path) -> None:
        """A take was found here: its song has this folder, its number is used. Any thread."""
        self.note_takes([(slate, folder.parent.name)])

    def note_takes(self, found: Iterable[tuple[Slate, str]]) -> None:
        """The same of many, each with the name of its song's folder. Any thread."""
        with self._lock:
            songs = {entry.name for entry in self._sheet.songs}
            for slate, place in found:
                if is_take_number(slate.number):
                    self._numbers.setdefault(slate.song, set()).add(slate.number)
                if slate.song not in songs and place != TRASH_NAME and not why_no_folder_name(place):
                    number = min(max(slate.number, 0) + 1, HIGHEST_NUMBER)
                    self._put(SongEntry(name=slate.song, folder=place, next_take_number=number))
                    songs.add(slate.song)

    def next_take_number(self, song: str) -> int:
        """What session.json says, unless that number is used: then one more than the highest. Any thread."""
        with self._lock:
            return self._next_number(song)

    def choose_song(self, song: str, *, next_take_number: int | None = None) -> None:
        """`song` is the current one, and its next take gets this number. Any thread; no disk."""
        with self._lock:
            self._sheet = replace(self._sheet, song=song)
            if next_take_number is not None:
                entry = self._entry(song) or self._new_song(song)
                # a number that a person sets is theirs, also when there is such a take already
                self._numbers.get(song, set()).discard(next_take_number)
                self._put(replace(entry, next_take_number=next_take_number))

    def plan(self, *, slate: Slate, tracks: tuple[Track, ...], layout: Literal["mono", "poly"]) -> TakePlan:
        """A new folder and its files. Any thread; no disk, for the take's volume may be standing still."""
        with self._lock:
            entry = self._entry(slate.song) or self._new_song(slate.song)
            values: dict[str, str | int] = {
                "session_date": self._sheet.date,
                "session": self._sheet.session,
                "song": slate.song,
                "take": slate.number,
            }
            taken = self._taken.setdefault(entry.folder, set())
            name = unique_name(
                self._naming.take.render(values, fallback=f"Take {slate.number:03}"), taken=taken.__contains__
            )
            taken.add(clash_key(name))
            self._numbers.setdefault(slate.song, set()).add(slate.number)
            self._sheet = replace(self._sheet, song=slate.song)
            self._put(replace(entry, next_take_number=slate.number + 1))
        files = self._files(values, tracks) if layout == "mono" else self._poly_file(values, tracks)
        folder = str(self.folder / entry.folder / name)
        with self._lock:
            self._planned.add(folder)
        return TakePlan(folder=folder, files=files)

    def free_take_name(self, song_folder: str, name: str) -> str:
        """`name`, or with a suffix, now taken in that song's folder. Any thread."""
        with self._lock:
            taken = self._taken.setdefault(song_folder, set())
            free = unique_name(name, taken=taken.__contains__)
            taken.add(clash_key(free))
            return free

    def folder_of(self, song: str) -> str:
        """The folder that takes of this song have, or are to have. Any thread."""
        with self._lock:
            return (self._entry(song) or self._new_song(song)).folder

    def let_go(self, song_folder: str, name: str) -> None:
        """The name is free again. Any thread."""
        with self._lock:
            self._taken.setdefault(song_folder, set()).discard(clash_key(name))

    def _files(self, values: dict[str, str | int], tracks: tuple[Track, ...]) -> tuple[TakeFile, ...]:
        files: list[TakeFile] = []
        used: set[str] = set()
        for track in tracks:
            fields = {
                **values,
                "channel": track.channel,
                "input": track.input,
                "name": track.name,
                "source": track.source,
            }
            stem = self._naming.mono_file.render(fields, fallback=f"{track.channel:02}")
            stem = unique_name(stem, taken=used.__contains__)
            used.add(clash_key(stem))
            files.append(TakeFile(name=f"{stem}.wav", channels=(track.channel,)))
        return tuple(files)

    def _poly_file(self, values: dict[str, str | int], tracks: tuple[Track, ...]) -> tuple[TakeFile, ...]:
        stem = self._naming.poly_file.render(values, fallback="Take")
        return (TakeFile(name=f"{stem}.wav", channels=tuple(track.channel for track in tracks)),)

    def _next_number(self, song: str) -> int:
        entry, used = self._entry(song), self._numbers.get(song, set())
        wanted = entry.next_take_number if entry is not None else 1
        return wanted if wanted not in used else max(used) + 1

    def _entry(self, song: str) -> SongEntry | None:
        return next((entry for entry in self._sheet.songs if entry.name == song), None)

    def _put(self, entry: SongEntry) -> None:
        songs = [entry if known.name == entry.name else known for known in self._sheet.songs]
        if entry not in songs:
            songs.append(entry)
        self._sheet = replace(self._sheet, songs=tuple(songs))

    def _new_song(self, song: str) -> SongEntry:
        values = {"session_date": self._sheet.date, "session": self._sheet.session, "song": song}
        folder = self._naming.song.render(values, fallback="Song")
        taken = self._taken.setdefault("", {clash_key(SESSION_NAME)})
        not_to_be = taken if "song" in self._naming.song.fields else self._left
        folder = unique_name(folder, taken=not_to_be.__contains__)
        taken.add(clash_key(folder))
        entry = SongEntry(name=song, folder=folder, next_take_number=1)
        self._put(entry)
        return entry


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LibraryError(f"{folder}: cannot be read ({error.strerror})") from error
