"""Whether the rig records: the answer to `rigd health`. Pure words; the judgement is `hands/health.py`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """What a person, or a machine that watches this one, wants to know."""

    RECORDS = "records"  # a take rolls, and every armed channel of it is heard and written
    COULD = "could record"  # a start would not be refused
    DOES_NOT = "does not record"
    NOT_SURE = "not sure"  # nobody says so who knows


class Health(Struct, frozen=True, kw_only=True):
    """What `rigd health` says. Times are of the moment it was asked."""

    verdict: Verdict
    why: str
    """One line: what it records or could, or the reason and the cure."""
    state: str = ""
    """Where the transport stands; empty where nobody answered."""
    take: str = ""
    """What rolls; empty where nothing does."""
    sound_ago_s: float | None = None
    """How old the newest sound on the tape is; None: there is none."""
    writer_ago_s: float | None = None
    """When the writer reported last; None: it does not run."""
    unsafe_s: float = 0.0
    """Sound of takes that is on the tape only."""
    seconds_left: float | None = None
    """Of recording, where takes go; None: not known."""
    faults: tuple[str, ...] = ()
