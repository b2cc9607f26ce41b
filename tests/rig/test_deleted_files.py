"""Files that somebody deletes while they are recorded: told at once, never said to be safe, and the recording goes
on in a fresh folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.rig import RigRun, check_take

CONFIG = """
[audio]
driver = "simulated"
channels = 3
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 5
keep_seconds = 5
[take]
preroll_seconds = 0
"""


def test_a_take_whose_folder_is_deleted_is_an_alarm_and_what_the_tape_has_is_recorded_anew() -> None:
    with RigRun(CONFIG) as rig:
        rig.say("start")
        rig.roll(1)
        take = rig.state().take
        assert take is not None
        shutil.rmtree(Path(take.folder))
        state = rig.await_state(
            lambda now: now.take != take and now.take is not None and bool(now.faults), "alarm"
        )
        assert any("deleted while it was recorded" in fault.what for fault in state.faults)
        assert not state.takes, "a take of which nothing is left is not listed"
        assert state.take is not None and state.take.first_frame == take.first_frame
        rig.say("clear-fault")
        rig.roll(1)
        rig.say("stop")
        (kept,) = rig.await_closed(1)
        check_take(kept)


def test_a_take_of_which_one_file_is_deleted_keeps_the_others_and_goes_on_in_a_fresh_folder() -> None:
    with RigRun(CONFIG) as rig:
        rig.say("start")
        rig.roll(1)
        take = rig.state().take
        assert take is not None
        (Path(take.folder) / "02 Input 2.wav").unlink()
        state = rig.await_state(lambda now: bool(now.takes), "the take ends")
        assert any("02 Input 2.wav was deleted" in fault.what for fault in state.faults)
        left = sorted(Path(take.folder).glob("*.wav"))
        assert [path.name for path in left] == ["01 Input 1.wav", "03 Input 3.wav"]
        assert left[0].stat().st_size > 48_000 * 3
        rig.roll(1)
        rig.say("stop")
        first, second = rig.await_closed(2)
        assert second.first_frame == first.first_frame + first.durable_frames
        check_take(second)
