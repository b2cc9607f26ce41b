"""The binder's queue has a bound: what finds it full is known all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from rigd.control.binder import QUEUE_LENGTH, TOO_MANY
from rigd.hands.surface import Motion
from rigd.model.commands import KeepLast, SetGain, StartTake, StopTake
from rigd.model.roles import Role
from rigd.model.units import ChannelNumber, Ns, Origin
from tests.control.test_binder import BOX, PEDAL, Bench
from tests.support.patience import wait_for


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.binder.start()
    yield bench
    bench.rig.blocked.set()
    bench.binder.stop()


def test_a_queue_that_is_full_keeps_its_bound_and_the_final_state(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.rig.blocked.clear()  # the controller hangs
    bench.move("cc 83 ch 1", Motion.PRESS, 0)
    for number in range(QUEUE_LENGTH * 3):
        bench.press(number * 10 + 10, number * 10 + 14, "cc 83 ch 1")
    bench.move("cc 83 ch 1", Motion.RELEASE, QUEUE_LENGTH * 100)
    assert len(bench.binder._queue) <= QUEUE_LENGTH
    bench.rig.blocked.set()
    wait_for(lambda: not bench.binder._queue and not bench.binder._overflow)
    bench.all_done()
    kinds = [type(command) for command in bench.rig.commands]
    assert kinds == [StartTake, StopTake] * (len(kinds) // 2)
    assert "refused" in caplog.text


def test_each_command_that_found_the_queue_full_is_answered_and_audited(bench: Bench) -> None:
    bench.rig.blocked.clear()  # the controller hangs
    bench.binder.said("pedal", "mark first", Ns(0))
    wait_for(lambda: not bench.binder._queue)
    for number in range(QUEUE_LENGTH):
        bench.binder.said("pedal", f"mark {number}", Ns(0))
    made = SetGain(origin=BOX, at_ns=Ns(9), channels=(ChannelNumber(11),), gain_db=32.5, bound=True)
    bench.binder.do("pedal", made, control="fader 3")
    bench.binder.said("pedal", "keep 20", Ns(9))
    bench.binder.said("pedal", "fly", Ns(9))
    bench.binder.said("nobody", "start", Ns(9))
    keep = KeepLast(origin=PEDAL, at_ns=Ns(9), seconds=20.0)
    start = StartTake(origin=Origin("nobody"), at_ns=Ns(9))
    assert [command for command, _, _ in bench.refused] == [
        replace(made, origin=PEDAL, control="fader 3", bound=False),
        keep,
        start,
    ], "at once, also while nobody answers"
    assert [(by.name, by.role) for _, by, _ in bench.refused] == [
        ("pedal", Role.OWNER),
        ("pedal", Role.OWNER),
        ("nobody", Role.WATCHER),
    ]
    bench.rig.blocked.set()
    wait_for(lambda: len(bench.pedal.answers) == QUEUE_LENGTH + 4)
    refused = [(control, text) for control, accepted, text in bench.pedal.answers if not accepted]
    assert sorted(refused) == [("", TOO_MANY), ("", TOO_MANY), ("fader 3", TOO_MANY)]
    assert {why for _, _, why in bench.refused} == {TOO_MANY}


def test_a_sweep_of_a_fader_takes_two_places_in_the_queue_where_it_began_and_where_it_is(
    bench: Bench,
) -> None:
    bench.rig.blocked.clear()
    bench.move("cc 83 ch 1", Motion.PRESS, 0)
    for number in range(QUEUE_LENGTH * 2):
        bench.move("cc 11 ch 1", Motion.ABSOLUTE, number, value=number / QUEUE_LENGTH / 2)
    assert len(bench.binder._queue) <= 3
    bench.rig.blocked.set()
