"""F24: names made to break out of the library, or to break what reads them, are given to songs, takes and sessions.
What was typed is kept as it was typed; on disk nothing lies outside the library, and every take is whole.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from rigd.model.errors import CommandError
from tests.proof.figures import Figures, count
from tests.proof.load import full_load
from tests.proof.oracle import check_a, check_b
from tests.support.patience import wait_for
from tests.support.rig import RigRun, sheet_of

OUT = f"rigd-out-{os.urandom(6).hex()}"
"""What nobody else on this machine makes."""
NAMES = (
    f"../../../../tmp/{OUT}",
    "/etc/passwd",
    "..",
    ".",
    "a\0b",
    "line\nbreak",
    "\x1b[2J",
    "x" * 300,
    "é" * 150,
    "🎸🎤🥁",
    "CON",
    "nul.wav",
    "-rf *",
    "$(reboot)",
    "'; DROP TABLE takes; --",
    "<script>alert(1)</script>",
    "take.journal",
    ".rigd",
    ".trash",
    "Blue",
    "BLUE",
    "blue",
    "e\u0301",
    "\u00e9",
    "\u202e fdp.exe",
    "",
    "   ",
    "{take}{song.__class__}",
)
LETTERS = "abcXYZ012 ./\\-_:*?\"<>|$%{}'\n\r\t\0\u00e9\u0301\u200d\u202e\U0001f3b8\ud800"


def more_names(how_many: int) -> list[str]:
    chance = random.Random(24)
    return ["".join(chance.choices(LETTERS, k=chance.randint(1, 40))) for _ in range(how_many)]


@pytest.mark.timeout(count(ci=150, full=900))
def test_no_name_gets_out_of_the_library_or_breaks_a_take(figures: Figures) -> None:
    names = [*NAMES, *more_names(count(ci=0, full=200))]
    config = full_load(channels=2, period_frames=256, stall_s=1, keep_s=0, preroll_s=0)
    with RigRun(config) as rig:
        outside = everything_outside(rig)
        songs: list[str] = []
        refused = 0
        for name in names:
            if not said(rig, "song", name):
                refused += 1
                continue
            songs.append(rig.state().song)
            assert rig.client().command("start").accepted
            said(rig, "rename", name)
            said(rig, "note", name)
            said(rig, "mark", name)
            rig.say("stop")
        takes = rig.await_closed(len(songs))
        for take, song in zip(takes, songs, strict=True):
            assert Path(take.folder).resolve().is_relative_to(rig.library.resolve())
            assert take.slate.song == song, "as typed"
            wait_for(lambda take=take: not sheet_of(take).get("rolling", True), "its take.json")  # type: ignore[misc]
            assert sheet_of(take)["song"] == song
            check_a(take.folder)
            check_b(take.folder)
        assert len({Path(take.folder) for take in takes}) == len(takes)
        said(rig, "session", f"../../{OUT}")
        rig.await_ready()
        assert everything_outside(rig) == outside
        assert "Traceback" not in rig.logs()
    figures.record(
        "F24",
        "files outside the library",
        bound="0",
        measured=0,
        unit="files",
        count=f"{len(names)} names, {refused} of them refused with a reason",
        load="2 ch",
    )


def said(rig: RigRun, verb: str, text: str) -> bool:
    """The command was taken; refused, it says why, and nothing has changed."""
    fields = {"song": "name", "session": "name", "rename": "name", "mark": "name", "note": "text"}
    try:
        answer = rig.client().command(verb, **{fields[verb]: text})
    except CommandError as error:
        assert str(error)
        return False
    assert answer.accepted or answer.text
    return answer.accepted


def everything_outside(rig: RigRun) -> set[Path]:
    """All that lies beside the library, where a name that gets out would be seen first."""
    beside = {path for path in rig.folder.iterdir() if path != rig.library}
    return beside | set(Path("/tmp").glob(f"{OUT}*")) | set(rig.folder.parent.glob(f"{OUT}*"))
