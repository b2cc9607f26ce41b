"""Whether a take could be started now: READY is never shown alone where a start would be refused. Pure."""

from __future__ import annotations

from rigd.model.state import Transport
from rigd.rules.step_work import Refusal, Work
from rigd.rules.take_orders import check_ready, check_writer


def note_readiness(work: Work) -> None:
    """After every step: the state says why a start would be refused. It is asked as a start asks, of work that is
    thrown away, as a start may bring about something by asking (the mirror takes charge)."""
    refused = ""
    if work.state.transport is Transport.READY:
        asked = Work(work.state, work.at, work.rules, "")
        try:
            check_writer(asked)
            check_ready(asked, room_s=work.rules.least_disk_s)
        except Refusal as refusal:
            refused = str(refusal)
    if refused != work.state.start_refused:
        work.change(start_refused=refused)
