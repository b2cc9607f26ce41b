"""What takes are called and what is said of them: markers, notes, circles, songs, sessions. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.commands import (
    AddMarker,
    CircleTake,
    ContinueSession,
    NewSession,
    NewSong,
    NoteTake,
    RateTake,
    RenameTake,
    SetNextTakeNumber,
)
from rigd.model.effects import OpenSession, SendToWriter, SetSong, WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.library import SessionOpened
from rigd.model.limits import (
    HIGHEST_NUMBER,
    HIGHEST_RATING,
    LONGEST_NAME,
    LONGEST_NOTE,
    LONGEST_NOTES,
    MOST_MARKERS,
    MOST_NOTES,
)
from rigd.model.messages import Annotate, Retag
from rigd.model.plain_text import escaped, first_strange
from rigd.model.state import RigState, SessionAsked, Take, is_rolling
from rigd.model.take import Marker, Slate, title_of
from rigd.model.takes import Takes, other_takes
from rigd.rules.step_work import (
    Refusal,
    Work,
    chosen_take,
    current_take,
    is_current,
    open_takes,
    where_of,
)
from rigd.rules.take_numbers import is_used, next_number_of, used_up

FIRST_SONG = "Song"
"""What takes are takes of until somebody says."""


def mark(work: Work, command: AddMarker) -> str:
    """ROLLING, POSTROLL: a marker at the press."""
    take, at_frame = current_take(work.state), work.at_frame()
    name = plain_text(command.name, "marker", LONGEST_NAME, may_be_empty=True)
    if at_frame < take.first_frame or (take.end_frame is not None and at_frame >= take.end_frame):
        raise Refusal(f"this was pressed outside {title_of(take.slate)}")
    if len(take.markers) >= MOST_MARKERS:
        most = f"{title_of(take.slate)} has {MOST_MARKERS:,} markers already, the most that a take may have"
        raise Refusal(f"{most}; this one was not set. Go on as a new take with: next")
    marker = Marker(at_frame=at_frame, name=name)
    marked = replace(take, markers=(*take.markers, marker))
    work.put_take(marked)
    work.take_id = take.take_id
    work.do(SendToWriter(message=Annotate(take_id=take.take_id, note=marker)))
    work.do(WriteTakeSheet(take=marked))
    position_s = (at_frame - take.first_frame) / work.state.sample_rate_hz
    text = f"marker {len(marked.markers)}{f' {name!r}' if name else ''} at {position_s:.1f} s"
    work.say(Happening.MARKER_ADDED, take.take_id, f"{title_of(take.slate)}: {text}")
    return text


def circle(work: Work, command: CircleTake) -> str:
    take = chosen_take(work.state, command.take_id)
    circled = not take.slate.circled
    return set_slate(
        work,
        take,
        replace(take.slate, circled=circled),
        Happening.SLATE_CHANGED,
        "is circled" if circled else "is no longer circled",
    )


def note(work: Work, command: NoteTake) -> str:
    take = chosen_take(work.state, command.take_id)
    text = plain_text(command.text, "note", LONGEST_NOTE, lines=True)
    if len(take.slate.notes) >= MOST_NOTES:
        raise Refusal(f"{title_of(take.slate)} has {MOST_NOTES} notes already")
    if sum(map(len, take.slate.notes)) + len(text) > LONGEST_NOTES:
        most = f"{LONGEST_NOTES:,} characters are the most that the notes of a take may have together"
        raise Refusal(
            f"{most}; {title_of(take.slate)} has no room for this one. Write it into a file beside the take"
        )
    slate = replace(take.slate, notes=(*take.slate.notes, text))
    return set_slate(work, take, slate, Happening.SLATE_CHANGED, "has a new note")


def rate(work: Work, command: RateTake) -> str:
    if not 0 <= command.rating <= HIGHEST_RATING:
        raise Refusal(f"rate: a rating is 0 (none) to {HIGHEST_RATING}")
    take = chosen_take(work.state, command.take_id)
    slate = replace(take.slate, rating=command.rating)
    return set_slate(work, take, slate, Happening.SLATE_CHANGED, f"is rated {command.rating}")


def rename(work: Work, command: RenameTake) -> str:
    take = chosen_take(work.state, command.take_id)
    name = plain_text(command.name, "take name", LONGEST_NAME)
    slate = replace(take.slate, name=name)
    return set_slate(work, take, slate, Happening.SLATE_CHANGED, f'is called "{name}"')


def set_slate(work: Work, take: Take, slate: Slate, what: Happening, text: str) -> str:
    """The take has this slate, in its journal at once and in its files by their close or after it."""
    changed = replace(take, slate=slate, slate_ahead=not take.closed and take.end_frame is not None)
    work.put_take(changed)
    work.take_id = take.take_id
    if take.closed:
        work.do(SendToWriter(message=Retag(take_id=take.take_id, folder=take.folder, slate=slate)))
    else:
        work.do(SendToWriter(message=Annotate(take_id=take.take_id, note=slate)))
    work.do(WriteTakeSheet(take=changed))
    line = f"take {slate.number}{where_of(work.state, changed)} {text}"
    work.say(what, take.take_id, line)
    return line


def set_number(work: Work, command: SetNextTakeNumber) -> str:
    number = command.number
    if not 1 <= number <= HIGHEST_NUMBER:
        raise Refusal(f"number: a take number is 1 to {HIGHEST_NUMBER}")
    if is_used(work.state, work.state.song, number):
        raise Refusal(f"number: {work.state.song or 'this song'} has a take {number} already")
    work.change(next_take_number=number)
    work.do(_song_effect(work.state))
    work.say(Happening.SLATE_CHANGED, "next", f"the next take is {number}")
    return f"the next take is {number}"


def new_song(work: Work, command: NewSong) -> str:
    """From the next take on; one that rolls keeps the song it began with."""
    name = plain_text(command.name, "song name", LONGEST_NAME)
    _change_song(work, name)
    if work.state.opening is not None:
        work.change(opening=replace(work.state.opening, song=name))
    work.do(_song_effect(work.state))
    text = f'the next take is take {work.state.next_take_number} of "{name}"'
    work.say(Happening.SONG_CHANGED, name, text)
    return text


def new_session(work: Work, command: NewSession) -> str:
    """The library is asked to open it; takes go there from SessionOpened on."""
    name = plain_text(command.name, "session name", LONGEST_NAME)
    work.change(opening=SessionAsked(name=name))
    work.do(OpenSession(name=name))
    from_when = "from the next take on" if is_rolling(work.state) else "as soon as its folder is made"
    return f'session "{name}" is used {from_when}'


def continue_session(work: Work, command: ContinueSession) -> str:
    """The library is asked for it; takes go there, whatever day it is, until another session is opened."""
    name = plain_text(command.name or work.state.session, "session name", LONGEST_NAME)
    work.change(opening=SessionAsked(name=name))
    work.do(OpenSession(name=name, newest=True))
    from_when = "from the next take on" if is_rolling(work.state) else "as soon as its folder is found"
    return f'session "{name}" goes on {from_when}'


def change_day(work: Work) -> None:
    """Before a take begins: where a day has begun since the last one, its session is today's. One that was ended, or
    is being closed, a moment ago keeps the session."""
    state = work.state
    if state.opening is not None or not state.session_folder or open_takes(state):
        return
    todays = work.rules.session_of_day(session_folder=state.session_folder)
    if todays is not None:
        work.change(opening=SessionAsked(name=todays.session, song=state.song))
        session_opened(work, todays)


def session_opened(work: Work, fact: SessionOpened) -> None:
    """Takes go to this session. Takes of the one before that are not closed yet stay known until they are."""
    state = work.state
    known = {take.take_id for take in fact.takes} | ({state.take.take_id} if state.take else set())
    unclosed = tuple(take for take in other_takes(state).open if take.take_id not in known)
    on_their_way = tuple(f.take.take_id for f in state.discarding if f.take.take_id in state.trashed)
    wanted = state.opening.song if state.opening is not None else ""
    song = wanted or fact.song or state.song or FIRST_SONG
    number = fact.next_take_number
    work.change(
        session=fact.session,
        session_folder=fact.folder,
        song=song,
        takes=Takes(
            (*(_as_changed(state, take) for take in fact.takes if not is_current(state, take)), *unclosed)
        ),
        discarded_names=fact.discarded_names,
        trashed=(*(i for i in fact.trashed if i not in on_their_way), *on_their_way),
        opening=None,
        song_numbers=(),
        elsewhere=tuple(take for take in state.elsewhere if take.take_id not in known),
    )
    if song != fact.song and fact.song:
        number = next_number_of(work, song)
        work.change(song_numbers=((fact.song, fact.next_take_number),))
    work.change(next_take_number=used_up(work.state, number - 1))
    if song != fact.song:
        work.do(_song_effect(work.state))
    work.clear_fault("library: open session")
    work.say(Happening.SESSION_OPENED, fact.session, f'session "{fact.session}" in {fact.folder}')


def _as_changed(state: RigState, take: Take) -> Take:
    """The take of a session that was read, with what was changed of it meanwhile, while it was elsewhere."""
    changed = next((each for each in state.elsewhere if each.take_id == take.take_id), None)
    return take if changed is None else replace(take, slate=changed.slate)


def plain_text(
    typed: str, what: str, longest: int, *, may_be_empty: bool = False, lines: bool = False
) -> str:
    """What was typed, spaces around it taken off. Raises Refusal where it cannot be kept in a file, or would not
    stand in one line as it is read. `lines`: it may have several."""
    text = typed.strip()
    if not text and not may_be_empty:
        raise Refusal(f"the {what} is empty")
    if len(text) > longest:
        raise Refusal(f"the {what} has {len(text)} characters; {longest} is the most")
    if strange := first_strange(text, lines=lines):
        raise Refusal(f"the {what} holds control characters ({escaped(strange)}); plain text only")
    return text


def _change_song(work: Work, name: str) -> None:
    state = work.state
    if name == state.song:
        return
    counted = {**dict(state.song_numbers), state.song: state.next_take_number}
    number = next_number_of(work, name)
    counted.pop(name, None)
    work.change(song=name, next_take_number=number, song_numbers=tuple(counted.items()))


def _song_effect(state: RigState) -> SetSong:
    return SetSong(
        session_folder=state.session_folder, song=state.song, next_take_number=state.next_take_number
    )
