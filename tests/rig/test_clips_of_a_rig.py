"""Clips in a whole rig, on an interface whose preamps are set too high: held until seen, and counted in the take."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from rigd.hands.showing import Light, light_of
from tests.support.by_hand import by_hand
from tests.support.patience import wait_for
from tests.support.rig import RigRun, take_codes

HOT = """
[audio]
driver = "simulated"
channels = 4
[audio.simulated]
signal = "hot"
[take]
preroll_seconds = 1
"""
HIGHEST, LOWEST = 8_388_607, -8_388_607


def closed_sheet(folder: Path) -> dict[str, Any] | None:
    with contextlib.suppress(FileNotFoundError):
        sheet: dict[str, Any] = json.loads((folder / "take.json").read_text("utf-8"))
        return None if sheet["rolling"] else sheet
    return None


@pytest.mark.slow
def test_what_clips_is_held_until_it_is_seen_and_counted_to_the_sample() -> None:
    with RigRun(HOT) as rig:
        held = rig.await_state(
            lambda state: len(state.clips) == 2, "clips are held while nothing is recorded"
        )
        assert [clips.channel for clips in held.clips] == [1, 3]
        assert light_of("clipped", held) is Light.ON
        told = by_hand("status", "--runtime-dir", str(rig.runtime)).output
        assert "clipped    1: " in told and "rigd clear-clips" in told
        rig.say("disarm 1")
        rig.say("start")
        rig.roll(1.5)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        assert [clips.channel for clips in take.clips] == [3]
        sheet = wait_for(lambda: closed_sheet(Path(take.folder)), "take.json of the closed take")
        codes = dict(zip(take.channels, take_codes(take), strict=True))
        for channel in sheet["channels"]:
            row = codes[channel["channel"]]
            at_full_scale = ((row >= HIGHEST) | (row <= LOWEST)).nonzero()[0]
            assert channel["clipped_samples"] == len(at_full_scale)
            if len(at_full_scale):
                assert channel["clips"][0]["frame"] == at_full_scale[0]
                assert channel["last_clip_frame"] == at_full_scale[-1]
                assert channel["peak_dbfs"] == 0.0
        listed = by_hand("takes", "show", "1", "--runtime-dir", str(rig.runtime)).output
        assert "channel 3: " in listed and "clipped" in listed
