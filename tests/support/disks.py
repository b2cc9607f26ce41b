"""Rigs with two volumes, and disks for them: what tests of a failing volume share."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

from rigd.model.state import Copy, MirrorPhase, RigState
from tests.support.rig import RigRun


def mirrored(library: Path, mirror: Path) -> list[str]:
    """The overrides of a rig with these two volumes."""
    return [f"rig.library={json.dumps(str(library))}", f"mirror.library={json.dumps(str(mirror))}"]


def phase_of(state: RigState) -> MirrorPhase | None:
    """How the mirror stands; None where there is none."""
    return None if state.mirror is None else state.mirror.phase


def await_phase(rig: RigRun, phase: MirrorPhase, *, within_s: float = 60.0) -> RigState:
    """The first state seen in which the mirror stands so."""
    return rig.await_state(lambda state: phase_of(state) is phase, f"mirror {phase}", within_s=within_s)


def copy_of_last(rig: RigRun) -> Copy | None:
    """The second copy of the session's last take."""
    takes = rig.state().takes
    return takes[-1].copy if takes else None


def what_differs(one: Path | str, other: Path | str) -> list[str]:
    """Files of sound of two copies of a take that are not the same, byte by byte."""
    one, other = Path(one), Path(other)
    names = sorted(path.name for path in one.glob("*.wav"))
    assert names, f"{one}: no sound"
    assert names == sorted(path.name for path in other.glob("*.wav")), f"{one} and {other} have other files"
    return [name for name in names if not filecmp.cmp(one / name, other / name, shallow=False)]
