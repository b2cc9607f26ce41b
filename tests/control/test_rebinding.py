"""The binder while its bindings are exchanged: each move goes by those of its own time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from rigd.hands.bindings import binding_of
from rigd.hands.surface import Motion
from rigd.model.units import Ns
from tests.control.test_binder import BINDINGS, MS, PRINCIPALS, Bench
from tests.support.patience import wait_for


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.binder.start()
    yield bench
    bench.rig.blocked.set()
    bench.binder.stop()


def test_what_came_before_goes_by_the_old_bindings_and_what_comes_after_by_the_new(bench: Bench) -> None:
    new = (binding_of(control="cc 80", press="mark new"),)
    bench.rig.blocked.clear()  # the binder stands still in its first command
    bench.binder.said("pedal", "mark first", Ns(0))
    bench.move("button 1", Motion.TRIGGER, 1, of="box")
    rebinding = threading.Thread(
        target=lambda: bench.binder.rebind(
            bindings={"pedal": new}, principals=dict(PRINCIPALS), anew={"pedal"}
        )
    )
    rebinding.start()
    wait_for(lambda: len(bench.binder._queue) >= 2 or not rebinding.is_alive(), "it waits for its turn")
    assert rebinding.is_alive()
    bench.rig.blocked.set()
    rebinding.join()
    bench.move("cc 80 ch 1", Motion.PRESS, 2)
    bench.move("button 1", Motion.TRIGGER, 3, of="box")
    bench.all_done()
    assert [(each.origin, each.at_ns) for each in bench.rig.commands] == [
        ("pedal", 0),
        ("box", MS),
        ("pedal", 2 * MS),
    ]


def test_a_gesture_under_way_on_a_surface_that_stays_is_none_of_the_others_affair(bench: Bench) -> None:
    bench.move("cc 80 ch 1", Motion.PRESS, 0)
    bench.binder.rebind(
        bindings={"pedal": BINDINGS["pedal"], "box": ()}, principals=dict(PRINCIPALS), anew={"box"}
    )
    bench.move("cc 80 ch 1", Motion.RELEASE, 100)
    bench.pass_time(500)
    (tap,) = bench.commands(1)
    assert tap.at_ns == 0
