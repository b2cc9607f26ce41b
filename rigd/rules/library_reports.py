"""What the library and the rig's other parts say: takes that were read again, and what could not be done. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from rigd.model.effects import WriteTakeSheet
from rigd.model.events import Happening
from rigd.model.inputs import FolderVanished, PortFailed, TakeAdopted
from rigd.model.library import LibraryFailed, LibraryMended, SheetWritten, TakeOtherwise, TakeRead
from rigd.model.settings_history import SettingsHistory
from rigd.model.state import FalseTake, Take
from rigd.model.take import name_of, title_of
from rigd.model.takes import other_takes
from rigd.model.units import TakeId
from rigd.rules.mirroring import is_of_mirror
from rigd.rules.step_work import CLEAR_FAULT, Work, find_take, is_elsewhere, put_elsewhere
from rigd.rules.trash import discard_failed, restore_failed, throw_away
from rigd.rules.writer_reports import close_take


def take_adopted(work: Work, fact: TakeAdopted | SheetWritten) -> None:
    """What the take's own journal says, for a take that the state knew too little of."""
    take, known = fact.take, find_take(work.state, fact.take.take_id)
    on_mirror = is_of_mirror(work.rules.volumes, take.folder)
    if isinstance(fact, SheetWritten):
        work.clear_fault("library: write take sheet")
    if known is None:
        if isinstance(fact, TakeAdopted) and take.closed:
            _take_in_closed(work, replace(take, on_mirror=on_mirror))
    elif known.on_mirror is not on_mirror:
        return  # asked before the take went on on the other volume
    elif take.closed and not known.closed:
        slate = known.slate if known.slate_ahead else take.slate
        close_take(work, known, replace(take, slate=slate, copy=known.copy, on_mirror=known.on_mirror))
    elif known.failure and not known.files and take.closed:
        work.put_take(replace(known, files=take.files))
    elif isinstance(fact, TakeAdopted) and not known.closed:
        markers = max(take.markers, known.markers, key=len)
        changes = max(take.gain_changes, known.gain_changes, key=len)
        slate = known.slate if known.slate_ahead else take.slate
        adopted = replace(known, slate=slate, markers=markers, gain_changes=changes)
        work.put_take(adopted)
        history = work.state.preamp_history or SettingsHistory()
        work.change(preamp_history=history.with_earlier(take.gain_changes))
        if slate.false_take and other_takes(work.state).find(adopted.take_id) is not None:
            # Discarded, and the daemon was killed before the writer had closed it.
            throw_away(work, adopted)


def take_read(work: Work, fact: TakeRead) -> None:
    """A command is about it. What was changed of it since it was read stays; an open take tells of itself."""
    take, state = fact.take, work.state
    known = find_take(state, take.take_id)
    if not take.closed or (known is not None and not is_elsewhere(state, take.take_id)):
        return
    slate = take.slate if known is None else known.slate
    take = replace(take, slate=slate, on_mirror=is_of_mirror(work.rules.volumes, take.folder))
    put_elsewhere(work, take)


def take_otherwise(work: Work, fact: TakeOtherwise) -> None:
    """The folder is right; what was changed of the take since its session was opened stays."""
    known, believed = find_take(work.state, fact.take.take_id), fact.believed
    if known is None or not known.closed or known.folder != fact.take.folder:
        return
    slate = fact.take.slate if known.slate == believed.slate else known.slate
    copy = fact.take.copy if known.copy == believed.copy else known.copy
    work.put_take(replace(fact.take, slate=slate, copy=copy))


def _take_in_closed(work: Work, take: Take) -> None:
    """A take that an earlier daemon left, closed by now; it counts where it lies in this session."""
    what = Happening.TAKE_RECOVERED if take.recovered else Happening.TAKE_CLOSED
    work.do(WriteTakeSheet(take=take))
    if take.folder.startswith(f"{work.state.session_folder}/") and take.take_id not in work.state.trashed:
        if take.slate.false_take:
            work.change(
                discarding=(*work.state.discarding, FalseTake(take=take)),
                trashed=(*work.state.trashed, take.take_id),
            )
        else:
            work.change(takes=other_takes(work.state).placed(take))
    work.say(what, take.take_id, f"{name_of(take.slate)} is kept")


def library_failed(work: Work, fact: LibraryFailed) -> None:
    """Takes are not touched by this; what was moved is where it was."""
    take = find_take(work.state, TakeId(fact.subject))
    name = title_of(take.slate) if take else f'"{fact.subject}"'
    if fact.doing == "open session":
        work.change(opening=None)
    elif fact.doing == "discard":
        discard_failed(work, TakeId(fact.subject))
    elif fact.doing == "restore":
        restore_failed(work, TakeId(fact.subject))
    work.raise_fault(f"library: {fact.doing}", f"{fact.doing} {name}: {fact.reason}. Seen: {CLEAR_FAULT}")


def library_mended(work: Work, fact: LibraryMended) -> None:
    """Tried again, and done: nobody has to see to it any more."""
    work.clear_fault(f"library: {fact.doing}")


def folder_vanished(work: Work, fact: FolderVanished) -> None:
    """It stands until a person has seen it: whoever took the folder may do so again."""
    work.raise_fault("runtime folder", f"{fact.reason}. Seen: {CLEAR_FAULT}")


def port_failed(work: Work, fact: PortFailed) -> None:
    text = f"{fact.port} could not {fact.doing}: {fact.reason}. Seen: {CLEAR_FAULT}"
    work.raise_fault(f"part: {fact.port}", text)
