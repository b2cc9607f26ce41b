"""The take that a person means at a terminal (`rigd/model/which_take.py`), of any session of the rig's library."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from msgspec import Struct

from rigd.api.client import ControlClient
from rigd.cli.terminal import refuse
from rigd.model.errors import CommandError, LibraryError
from rigd.model.state import RigState, Take
from rigd.model.units import TakeId
from rigd.model.which_take import KnownTake, which_take

WHICH = (
    "Nothing: the rolling or last one. Else its number in the current song, SONG NUMBER, -1 for the last, "
    "yesterday 4, SESSION SONG NUMBER, its folder, or the beginning of its id."
)
_WHOLE_ID = re.compile("[0-9a-f]{32}")


class Meant(Struct, frozen=True, kw_only=True):
    """The take, whole."""

    take: Take
    sample_rate_hz: int
    """Its own, by which its places and lengths are told; the rig's where it says none."""


def meant(client: ControlClient, state: RigState, words: str, *, as_json: bool = False) -> Meant:
    """The take, whole. What is none, or several, ends the command."""
    found = known_take(client, state, words, as_json=as_json)
    try:
        if found.is_open_session:
            take = client.take(found.take_id)
            return Meant(take=take, sample_rate_hz=take.sample_rate_hz or state.sample_rate_hz)
        return _read(found)
    except (CommandError, LibraryError) as error:
        refuse(str(error), as_json=as_json)


def known_take(client: ControlClient, state: RigState, words: str, *, as_json: bool = False) -> KnownTake:
    """The open session's takes are the nearest; those of others are only looked at where none of its is meant. What
    is none, or several, ends the command."""
    today = date.today()
    open_ones = {take.take_id: _known(take) for take in client.takes()}
    try:
        try:
            return which_take(words, [*open_ones.values()], song=state.song, today=today)
        except CommandError:
            others = [take for take in known_of_library(client) if take.take_id not in open_ones]
            if not others or not words.strip():
                raise
            return which_take(words, [*others, *open_ones.values()], song=state.song, today=today)
    except CommandError as error:
        refuse(str(error), as_json=as_json)


def id_of_take(client: ControlClient, words: str, *, as_json: bool) -> TakeId:
    """What a command about a take is given. A whole id is one: the rig knows whether there is such a take."""
    if _WHOLE_ID.fullmatch(words):
        return TakeId(words)
    return known_take(client, client.status().state, words, as_json=as_json).take_id


def _known(take: Take) -> KnownTake:
    return KnownTake(
        take_id=take.take_id,
        session=take.slate.session,
        day=(take.slate.dated or take.started_at)[:10],
        song=take.slate.song,
        number=take.slate.number,
        folder=take.folder,
        is_open_session=True,
    )


def known_of_library(client: ControlClient, *, in_trash: bool = False) -> list[KnownTake]:
    """In the order in which they were recorded; those of the trash in that in which they were discarded."""
    listed = [(take, page.library) for page in client.library(in_trash=in_trash) for take in page.takes]
    if in_trash:
        listed.sort(key=lambda each: each[0].discarded_at)
    return [
        KnownTake(
            take_id=TakeId(take.take_id),
            session=take.session,
            day=take.started_at[:10],
            song=take.song,
            number=take.number,
            folder=str(Path(library) / take.folder),
            is_open_session=False,
            is_near=in_trash,
        )
        for take, library in listed
    ]


def _read(known: KnownTake) -> Meant:
    """From its folder: the rig does not have takes of other sessions in mind."""
    from rigd.library.sheet import take_of
    from rigd.library.sheet_file import read_sheet

    folder = Path(known.folder)
    sheet = read_sheet(folder)
    if sheet is None:
        raise LibraryError(f"{folder}: has no take.json; see: rigd takes --all")
    return Meant(take=take_of(sheet, folder), sample_rate_hz=sheet.sample_rate_hz)
