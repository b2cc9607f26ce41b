"""Another build of rigd still has the tape: what that makes of the state. Pure.

Its capture and writer go on with the take that rolls; this rigd shows it and can stop it, and begins anything new
only when they have ended.
"""

from __future__ import annotations

from rigd.model.inputs import OtherBuildFound, OtherBuildGone
from rigd.model.state import Transport, is_rolling
from rigd.rules.step_work import Work, rest_of


def other_build_found(work: Work, fact: OtherBuildFound) -> None:
    """A standing fault that says what finishes, and how to end it sooner."""
    work.change(other_build=fact.reason)
    work.clear_fault("interface")
    cure = "to let this rigd take over, stop the take: rigd take stop"
    text = f"capture and writer of another build of rigd finish what they record; nothing is lost; {cure}"
    work.raise_fault("version", f"{text} ({fact.reason})")
    _stand(work)


def other_build_gone(work: Work, fact: OtherBuildGone) -> None:
    """This rigd's own capture has made its own tape."""
    work.change(other_build="")
    work.clear_fault("version")
    _stand(work)


def _stand(work: Work) -> None:
    if not is_rolling(work.state) and work.state.transport is not Transport.HALTED:
        work.change(transport=rest_of(work.state))
