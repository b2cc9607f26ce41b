"""The daemon's look at a real tape: what is asked of it costs no more than it has to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tape_source import Source, geometry

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.tape import holds
from rigd.tape.blocks import BlockFlag
from rigd.tape.capture_core import CaptureCore
from rigd.tape.tape import Tape
from rigd.tape.timeline import Timeline
from rigd.tape.view import TapeView
from tests.support.capture_run import runtime_folder


class Looked:
    """A view of a tape that a source plays onto, and how often a timeline was fitted."""

    def __init__(self, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tape = Tape.create(
            runtime / "tape", geometry(capacity_frames=1 << 16), full_scale=float(1 << 23)
        )
        self.source = Source(self.tape, CaptureCore(self.tape))
        self.view = TapeView(runtime)
        self.view.refresh()
        self.fits = 0
        fit = Tape.timeline

        def counted(tape: Tape) -> Timeline:
            self.fits += 1
            return fit(tape)

        monkeypatch.setattr(Tape, "timeline", counted)
        for _ in range(20):
            self.source.play(480)

    def frame(self, *, fitted_within_ns: int) -> int | None:
        return self.view.frame_at(Ns(self.source.ns()), fitted_within_ns=fitted_within_ns)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looked]:
    with runtime_folder() as runtime:
        looked = Looked(runtime, monkeypatch)
        yield looked
        looked.view.close()
        looked.tape.close()


def test_a_press_has_a_timeline_of_its_own(looked: Looked) -> None:
    for _ in range(3):
        looked.source.play(480)
        assert looked.frame(fitted_within_ns=0) == looked.source.frame
    assert looked.fits == 3


def test_a_fact_has_one_of_the_last_second(looked: Looked) -> None:
    for _ in range(50):
        looked.source.play(480)
        assert looked.frame(fitted_within_ns=NS_PER_SECOND) == looked.source.frame
    assert looked.fits == 1
    for _ in range(100):
        looked.source.play(480)
    looked.frame(fitted_within_ns=NS_PER_SECOND)
    assert looked.fits == 2, "a second later it is fitted anew"


def test_after_a_loss_nothing_goes_by_what_was_before_it(looked: Looked) -> None:
    looked.frame(fitted_within_ns=NS_PER_SECOND)
    looked.source.lose(960)
    looked.source.play(480, flags=BlockFlag.OVERFLOW)
    for _ in range(60):
        looked.source.play(480)
    before, lost = looked.fits, looked.view.counters().lost_frames
    assert lost > 0, "the core has seen it"
    looked.frame(fitted_within_ns=10 * NS_PER_SECOND)
    assert looked.fits == before + 1


def test_who_looks_at_what_is_held_asks_the_kernel_nothing(
    looked: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = looked.tape.take_hold(looked.tape.oldest_frame, key=7)
    monkeypatch.setattr(holds, "_started", lambda pid: pytest.fail("it was asked about a process"))
    held = looked.view.held()
    assert held is not None and [record.key for record in held.holds] == [7]
    monkeypatch.undo()
    assert held.holds[0].owner_alive
    hold.release()
