"""F30: the interface returns with another index, fewer inputs, another rate, or as another card. Nothing gets under
the old labels: state "mismatch", what matches goes on, and silence stands for the rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest

from hardware_sim.faults import FaultClient
from rigd.model.state import RigState, Transport
from rigd.rules.mismatch import FAULT, HEARD_AGAIN, SILENT_FROM_HERE
from tests.faults.test_f28_server_gone import CHANNELS, JACK
from tests.proof.device import absences, check_pieces, is_heard, seconds_until_heard, seconds_until_lost
from tests.proof.figures import Figures
from tests.proof.load import RATE_HZ, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.counter import CounterPlayer, check_counter
from tests.support.jack_server import JackServer
from tests.support.patience import wait_for
from tests.support.rig import RigRun, sheet_of, take_codes
from tests.support.tools import need_jack_audio

INPUTS = 8
LEFT = 5
LOAD = f"{INPUTS} ch/48 kHz/24 bit"


def mismatch(state: RigState) -> str:
    return next((fault.what for fault in state.faults if fault.key == FAULT), "")


def test_fewer_inputs_go_on_and_the_others_are_silence_between_two_markers(
    rig_of: Callable[..., RigRun], figures: Figures
) -> None:
    rig = rig_of(channels=INPUTS)
    faults = FaultClient(rig.runtime)
    start_take(rig)
    seconds_until_lost(rig, faults.vanish)
    faults.return_as(channels=LEFT)
    state = rig.await_state(lambda state: is_heard(state), "the inputs that are there are heard")
    assert state.transport is Transport.ROLLING
    text = mismatch(state)
    assert f"came back with {LEFT} inputs, the rig needs {INPUTS}" in text
    assert "Silent: channel 6" in text and "(input 8)" in text and "(input 5)" not in text
    assert [fault.key for fault in state.faults if fault.key in ("interface", FAULT)] == [FAULT]
    rig.roll(1)
    # A new take that wants the missing inputs is refused, with the cure; the one that rolls is not touched.
    refused = rig.client().say("next")
    assert not refused.accepted and "too few for channel 6" in refused.text
    seconds_until_lost(rig, faults.vanish)
    faults.come_back()
    rig.await_state(lambda state: is_heard(state) and not mismatch(state), "all inputs are heard")
    rig.roll(1)
    take = stop_take(rig)
    check_b(take.folder)

    silent, again = (marker for marker in take.markers)
    assert silent.name.startswith(SILENT_FROM_HERE) and "channel 6" in silent.name
    assert again.name.startswith(HEARD_AGAIN) and "channel 8" in again.name
    codes = take_codes(take)
    first, second = take.gaps
    begin, end = (marker.at_frame - take.first_frame for marker in (silent, again))
    assert begin == first.at_frame + first.length_frames - take.first_frame
    assert end == second.at_frame + second.length_frames - take.first_frame
    gap_from = second.at_frame - take.first_frame
    value = check_counter(codes[:, : first.at_frame - take.first_frame], what="before")
    check_counter(codes[:LEFT, begin:gap_from], what="the inputs that went on")
    assert not codes[LEFT:, begin:gap_from].any(), "what was not plugged in is not silent"
    check_counter(codes[:, end:], what="all inputs again")
    assert value is not None
    wait_for(lambda: len(sheet_of(take)["markers"]) == 2, "take.json has both markers")
    figures.record(
        "F30",
        "samples under the wrong label, inputs missing",
        bound="0",
        measured=int(np.count_nonzero(codes[LEFT:, begin:gap_from])),
        unit="samples",
        load=LOAD,
        count="1 return with fewer inputs",
    )


@pytest.mark.parametrize(
    ("otherwise", "words"),
    [
        ({"sample_rate_hz": 44_100}, "does not run at 48000 Hz; it runs at 44100 Hz"),
        ({"name": "Built-in"}, 'the open take was begun with "Simulated interface'),
    ],
    ids=["another rate", "another card"],
)
def test_of_another_rate_or_card_nothing_is_recorded_and_the_take_stays_open(
    rig_of: Callable[..., RigRun], figures: Figures, otherwise: dict[str, object], words: str
) -> None:
    rig = rig_of(channels=INPUTS)
    faults = FaultClient(rig.runtime)
    begun = start_take(rig)
    seconds_until_lost(rig, faults.vanish)
    faults.return_as(**otherwise)  # type: ignore[arg-type]
    state = rig.await_state(lambda state: bool(mismatch(state)), "mismatch")
    assert words in mismatch(state)
    assert state.transport is Transport.ROLLING
    heard = rig.heard_frames()
    # Also once another process has looked, and failed as well.
    tries: set[int] = set()

    def have_failed() -> bool:
        tries.add(rig.pid_of("capture"))
        return len(tries - {0}) >= 3

    wait_for(have_failed, "two more tries")
    state = rig.state()
    assert mismatch(state) and state.transport is Transport.ROLLING
    assert rig.heard_frames() == heard
    faults.come_back()
    rig.await_state(lambda state: is_heard(state) and not mismatch(state), "the right one is heard")
    rig.roll(1)
    take = stop_take(rig)
    assert take.take_id == begun.take_id
    assert len(take.gaps) == 1
    assert not take.markers
    checked = check_a(take.folder)
    check_b(take.folder)
    figures.record(
        "F30",
        "gap is wrong by, other rate or card",
        bound="<= 20 ms",
        measured=1000 * checked.worst_gap_error / RATE_HZ,
        unit="ms",
        load=LOAD,
        count="1 return",
    )


@pytest.mark.alone
@pytest.mark.jack
@pytest.mark.timeout(120)
def test_an_interface_with_another_index_is_the_same_one_by_its_name() -> None:
    need_jack_audio()
    with JackServer(channels=2) as server, ExitStack() as playing:
        playing.enter_context(CounterPlayer(server, channels=CHANNELS))
        with RigRun(JACK, environment=server.environment) as rig:
            start_take(rig)
            seconds_until_lost(rig, server.kill)
            playing.close()
            server.start()
            # Another client comes first now, so PortAudio gives this one another index.
            playing.enter_context(CounterPlayer(server, channels=CHANNELS + 2, client_name="another"))
            playing.enter_context(CounterPlayer(server, channels=CHANNELS))
            seconds_until_heard(rig)
            rig.roll(1)
            take = stop_take(rig)
            assert not mismatch(rig.state())
            assert len(absences(take)) == 1
            check_pieces(take)
            assert all(row.any() for row in take_codes(take))
