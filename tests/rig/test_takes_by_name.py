"""The engineer and yesterday's take: every command about a take takes its name, of whichever session, at any time."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigd.cli.exit_codes import ExitCode
from tests.proof.wall_clock import WallClock
from tests.support.by_hand import Done, by_hand
from tests.support.patience import wait_for
from tests.support.rig import RigRun

CONFIG = """
[audio]
driver = "simulated"
channels = 2
[tape]
stall_seconds = 2
keep_seconds = 2
[take]
preroll_seconds = 0
[disk]
measure_at_start = false
"""
DAY_S = 86_400


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigRun]:
    """Two takes of yesterday, of two songs, and one of today."""
    clock = WallClock(tmp_path_factory.mktemp("clock"))
    clock.set_ahead(-DAY_S)
    clock.call_synchronised(True)
    with RigRun(CONFIG, environment=clock.environment) as rig:
        rig.say("song Naima")
        record(rig)
        rig.say("song Blue Train")
        record(rig)
        clock.set_ahead(0)
        rig.say("session Evening")
        rig.await_state(lambda state: state.session == "Evening", "today's session")
        record(rig)
        yield rig


def record(rig: RigRun) -> None:
    rig.say("start")
    rig.roll(0.2)
    rig.say("stop")
    rig.client().wait_closed()


def rigd(rig: RigRun, *words: str) -> Done:
    return by_hand(*words, "--runtime-dir", str(rig.runtime))


def done(rig: RigRun, *words: str) -> str:
    found = rigd(rig, *words)
    assert found.code == ExitCode.DONE, found
    return found.output


def sheet_of(folder: str) -> dict[str, Any]:
    sheet: dict[str, Any] = json.loads((Path(folder) / "take.json").read_text("utf-8"))
    return sheet


def await_known(rig: RigRun, take: str) -> None:
    wait_for(lambda: rigd(rig, "takes", "path", take).code == ExitCode.DONE, f"{take} in the index")


def await_sheet(folder: str, **what: Any) -> None:
    wait_for(lambda: {key: sheet_of(folder)[key] for key in what} == what, f"take.json says {what}")


def test_yesterday_s_take_is_circled_rated_and_noted_while_another_rolls(rig: RigRun) -> None:
    folder = done(rig, "takes", "path", "yesterday", "Naima", "1").strip()
    assert folder.endswith("/Naima/Take 001") and "Evening" not in folder
    rig.say("start")
    try:
        assert "is circled" in done(rig, "take", "circle", "yesterday Naima 1")
        done(rig, "take", "rate", "4", "yesterday", "naima", "-1")
        done(rig, "take", "note", "the", "best", "bridge", "--take", "Naima 1")
        done(rig, "take", "rename", "the slow one", "--take", folder)
        await_sheet(folder, circled=True, rating=4, notes=["the best bridge"], name="the slow one")
        assert "the slow one" in done(rig, "takes", "show", "yesterday Naima 1")
        state = rig.state()
        assert state.take is not None and not state.take.slate.circled and not state.elsewhere
    finally:
        rig.say("stop")
    rig.client().wait_closed()


def test_what_is_ambiguous_is_listed_and_nothing_is_done(rig: RigRun) -> None:
    refused = rigd(rig, "take", "circle", "yesterday 1")
    assert refused.code == ExitCode.REFUSED
    assert (
        "is 2 takes" in refused.output
        and "Naima 001" in refused.output
        and "Blue Train 001" in refused.output
    )
    unknown = rigd(rig, "take", "rate", "3", "yesterday", "9")
    assert unknown.code == ExitCode.REFUSED and "there is no take" in unknown.output


def test_what_is_known_of_a_take_is_found_by_its_text(rig: RigRun) -> None:
    done(rig, "take", "note", "Solo [take two]", "--take", "Blue Train 1")
    wait_for(lambda: "[take two]" in done(rig, "takes", "find", "solo [TAKE"), "the note in the index")
    assert "Naima" not in done(rig, "takes", "find", "solo [TAKE")
    assert "no takes with" in done(rig, "takes", "find", "no such words")


def test_sessions_are_listed_with_takes_length_and_size(rig: RigRun) -> None:
    listed = json.loads(done(rig, "sessions", "--json"))["sessions"]
    yesterday, today = listed[0], listed[-1]
    assert (yesterday["takes"], today["session"]) == (2, "Evening")
    assert yesterday["length_s"] > 0.2 and yesterday["size_bytes"] > 50_000
    assert "2 takes" in done(rig, "sessions") and "open now" in done(rig, "sessions").splitlines()[-1]


def test_an_earlier_session_is_gone_on_with_by_its_name_or_folder(rig: RigRun) -> None:
    before = rig.state()
    folder = json.loads(done(rig, "sessions", "--json"))["sessions"][0]["folder"]
    assert rigd(rig, "session", "open", "no such one").code == ExitCode.REFUSED
    done(rig, "session", "open", folder)
    rig.await_state(lambda state: state.session_folder.endswith(f"/{folder}"), "yesterday's session")
    assert "Naima" in done(rig, "takes")
    done(rig, "session", "open", "even")
    rig.await_state(lambda state: state.session_folder == before.session_folder, "the evening again")


def test_a_take_of_another_session_is_discarded_brought_back_and_at_last_deleted(
    rig: RigRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(done(rig, "takes", "path", "yesterday Blue Train 1").strip())
    assert "comes back" not in done(rig, "take", "discard", "yesterday Blue Train 1")
    wait_for(lambda: not folder.exists(), "the take in the trash")
    wait_for(lambda: "Blue Train" in done(rig, "trash"), "the list of the trash")
    assert "is in the trash" not in done(rig, "trash", "restore", "blue train 1")
    await_known(rig, "yesterday Blue Train 1")
    done(rig, "take", "discard", "yesterday Blue Train 1")
    wait_for(lambda: "Blue Train" in done(rig, "trash"), "the list of the trash")
    assert 'take 1 of "Blue Train"' in done(rig, "take", "undo")
    await_known(rig, "yesterday Blue Train 1")
    done(rig, "take", "discard", "yesterday Blue Train 1")
    wait_for(lambda: "Blue Train" in done(rig, "trash"), "the list of the trash")
    rig.say("start")
    assert rigd(rig, "trash", "empty", "--yes").code == ExitCode.REFUSED
    rig.say("stop")
    rig.client().wait_closed()
    for answer in ("", "n\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        assert rigd(rig, "trash", "empty").code == ExitCode.REFUSED, "nobody has said yes"
    assert rigd(rig, "trash", "empty", "--older-than", "30d").code == ExitCode.REFUSED
    assert "Blue Train" in done(rig, "trash")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert "1 take of the trash" in done(rig, "trash", "empty")
    assert "the trash is empty" in done(rig, "trash")
    assert not list(rig.library.glob("*/.trash/*"))
    assert rigd(rig, "take", "undo").code == ExitCode.REFUSED


def test_undo_says_what_it_undid_also_after_a_restart() -> None:
    with RigRun(CONFIG) as rig:
        record(rig)
        done(rig, "take", "discard")
        wait_for(lambda: "1 take" in done(rig, "trash"), "the list of the trash")
        rig.kill_daemon()
        rig._hang_up()
        rig.start()
        rig.await_ready()
        assert done(rig, "take", "undo").strip() == 'take 1 of "Song" comes back'
        rig.await_state(lambda state: len(state.takes) == 1, "the take again")
