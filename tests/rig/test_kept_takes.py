"""Takes of a whole rig on a simulated interface: every sample of what `next`, `keep` and pre-roll put on disk."""

from __future__ import annotations

import pytest

from rigd.model.state import Transport
from tests.support.counter import counter_distance
from tests.support.rig import RigRun, check_take, take_codes

SIMULATED = """
[audio]
driver = "simulated"
channels = {channels}
sample_rate_hz = {rate}
period_frames = 256
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 20
keep_seconds = {keep}
[take]
preroll_seconds = {preroll}
"""


def simulated(*, channels: int = 4, rate: int = 48_000, keep: float = 5, preroll: float = 0) -> str:
    return SIMULATED.format(channels=channels, rate=rate, keep=keep, preroll=preroll)


def test_a_take_at_96_khz_holds_every_sample_of_8_channels() -> None:
    with RigRun(simulated(channels=8, rate=96_000, preroll=1)) as rig:
        rig.say("start")
        rig.roll(5)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        check_take(take)
        assert len(take.files) == 8
        assert take.end_frame is not None
        assert take.files[0].frames == take.end_frame - take.first_frame


def test_100_takes_by_next_are_the_counter_without_a_lost_or_doubled_frame() -> None:
    with RigRun(simulated()) as rig:
        client = rig.client()
        assert client.command("start").accepted
        for _ in range(99):
            answer = client.command("next")
            assert answer.accepted, answer.text
        rig.roll(0.5)
        rig.say("stop")
        takes = rig.await_closed(100)
        follows: int | None = None
        for take in takes:
            follows = check_take(take, first=follows)
        assert [take.slate.number for take in takes] == list(range(1, 101))


@pytest.mark.parametrize("killed", ["writer", "daemon"])
def test_a_storm_of_next_loses_nothing_where_a_process_is_killed_in_the_middle_of_it(killed: str) -> None:
    with RigRun(simulated()) as rig:
        client = rig.client()
        assert client.command("start").accepted
        for _ in range(59):
            answer = client.command("next")
            assert answer.accepted, answer.text
        if killed == "writer":
            rig.kill("writer")
        else:
            rig.kill_daemon()
            rig.start()
        rolling = rig.await_transport(Transport.ROLLING).take
        assert rolling is not None and rolling.slate.number == 60
        rig.roll(0.5)
        rig.say("stop")
        follows: int | None = None
        for take in rig.await_closed(60):
            follows = check_take(take, first=follows)


def test_keep_gives_exactly_the_seconds_before_the_call() -> None:
    with RigRun(simulated(keep=20)) as rig:
        rig.say("start")
        rig.roll(4)
        client = rig.client()
        state = client.status(levels=True)
        assert state.levels is not None
        assert client.command("keep", seconds=3.0).accepted
        rig.say("stop")
        rolling, kept = sorted(rig.await_closed(2), key=lambda take: take.slate.number)
        assert kept.files[0].frames == 3 * 48_000
        check_take(rolling)
        check_take(kept)
        # The end of it is the moment of the call: after what was on the tape when it was asked, before the stop.
        assert kept.end_frame is not None
        assert rolling.end_frame is not None
        assert state.levels.at_frame - 1024 <= kept.end_frame <= rolling.end_frame
        # And it holds the same sound as the take that rolled meanwhile.
        offset = kept.first_frame - rolling.first_frame
        assert counter_distance(int(take_codes(rolling)[0, 0]), int(take_codes(kept)[0, 0])) == offset


def test_a_discarded_take_comes_back_by_undo_with_every_sample() -> None:
    with RigRun(simulated()) as rig:
        rig.say("start")
        rig.roll(1)
        rig.say("discard")
        rig.await_state(
            lambda state: bool(state.trashed) and not state.discarding, "the take is in the trash"
        )
        assert not rig.client().takes()
        rig.say("undo")
        (take,) = rig.await_closed(1)
        check_take(take)


def test_discard_and_start_again_begins_where_the_old_take_ended() -> None:
    with RigRun(simulated()) as rig:
        rig.say("start")
        rig.roll(1)
        rig.say("again")
        rig.await_transport(Transport.ROLLING)
        rig.roll(1)
        rig.say("stop")
        (take,) = rig.await_closed(1)
        check_take(take)
        assert rig.state().trashed
