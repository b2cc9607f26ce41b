"""Several kinds listen at once: the first that is sure of what was moved wins, and a broken one stops nobody."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hardware_sim.pedal import PtyWire
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.cli.learning_line import Line, speeds_of
from rigd.config.kinds import SURFACES, Kinds
from rigd.hands.learning import LearnedControl, LearnedSoFar
from rigd.model.errors import SurfaceError
from rigd.model.units import ClockNs, Ns
from tests.support.patience import wait_for


class Kind:
    """A kind whose hand moves something at a time of its own."""

    def __init__(
        self,
        *findings: LearnedSoFar | None,
        ports: Sequence[str] = ("port",),
        speeds: Sequence[int] = (),
        trouble: Exception | None = None,
        remark: str = "",
    ) -> None:
        self.speeds = speeds
        self.remark = remark
        self.lines: list[tuple[int | None, bytes]] = []
        self.closed = 0
        self._ports = ports
        self._trouble = trouble
        self._findings = itertools.chain(findings, itertools.repeat(findings[-1] if findings else None))

    def __call__(self, clock: ClockNs) -> Kind:
        return self

    def open(self, port: str) -> Sequence[str]:
        if self._trouble is not None:
            raise self._trouble
        return self._ports

    def wait(self, timeout_s: float) -> None:
        """Nothing blocks."""

    def begin_line(self, path: str, baud: int | None, send: Callable[[bytes], None]) -> None:
        self.lines.append((baud, b""))

    def feed(self, brought: bytes, at_ns: Ns) -> int:
        self.lines.append((None, brought))
        return 0

    def finding(self, now_ns: Ns) -> LearnedSoFar | None:
        return next(self._findings)

    def close(self) -> None:
        self.closed += 1


class Clock:
    now_ns = 0

    def __call__(self) -> Ns:
        self.now_ns += 10_000_000
        return Ns(self.now_ns)


def control(name: str) -> LearnedControl:
    return LearnedControl(lines=name, facts={"control": name})


SURE = LearnedSoFar(learned=control("sure"))
UNSURE = LearnedSoFar(learned=control("unsure"), ask="press it once more")
USELESS = LearnedSoFar(ask="press another", trouble="what came is of no use")


def learnt(said: list[str] | None = None, **kinds: Kind) -> tuple[str, str]:
    say = (said if said is not None else []).append
    try:
        kind, learned = learn(kinds, seconds=20, clock=Clock(), say=say)
    finally:
        assert [each.closed for each in kinds.values()] == [1] * len(kinds)
    return kind, learned.lines


def test_the_first_kind_that_is_sure_wins() -> None:
    assert learnt(one=Kind(), two=Kind(None, None, SURE)) == ("two", "sure")
    assert learnt(one=Kind(UNSURE), two=Kind(None, SURE)) == ("two", "sure")
    assert learnt(one=Kind(USELESS), two=Kind(None, SURE)) == ("two", "sure")


def test_what_is_asked_is_asked_once_and_what_is_known_by_then_is_told() -> None:
    said: list[str] = []
    assert learnt(said, one=Kind(UNSURE)) == ("one", "unsure")
    assert said.count("press it once more") == 1


def test_a_thing_on_which_rigd_does_not_act_is_named() -> None:
    with pytest.raises(SurfaceError, match="of no use"):
        learnt(one=Kind(), two=Kind(USELESS))


def test_where_nothing_was_moved_each_kind_says_what_it_saw() -> None:
    with pytest.raises(SurfaceError, match="within 20 s; knob 3 wavers"):
        learnt(one=Kind(), two=Kind(remark="knob 3 wavers"))


def test_a_kind_that_cannot_open_its_ports_is_told_and_stands_in_nobodys_way() -> None:
    said: list[str] = []
    broken = Kind(trouble=RuntimeError("no driver"))
    assert learnt(said, broken=broken, two=Kind(SURE)) == ("two", "sure")
    assert any('kind "broken"' in each and "no driver" in each for each in said)
    with pytest.raises(SurfaceError, match="plug it in"):
        learnt(one=Kind(trouble=SurfaceError("plug it in")), two=Kind(ports=()))


def test_the_usual_speed_of_each_kind_is_tried_first() -> None:
    assert speeds_of([Kind(speeds=(1, 2, 3)), Kind(speeds=(4, 1)), Kind()]) == [1, 4, 2, 3]


def test_what_a_line_brings_is_given_to_each_kind_that_has_a_speed(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "line")
    kinds = {"one": Kind(speeds=(9_600,)), "two": Kind(speeds=(31_250,)), "none": Kind()}
    line = Line(str(tmp_path / "line"), list(kinds.values())[:2], baud=None, clock=Clock())
    try:
        wire.send(b"hello")

        def is_there() -> bool:
            line.wait(0.01)
            return len(kinds["two"].lines) > 1

        wait_for(is_there, "what was sent")
    finally:
        line.close()
        wire.close()
    assert kinds["one"].lines[0] == (9_600, b"")
    assert kinds["one"].lines[1:] == kinds["two"].lines[1:] != []
    with pytest.raises(SurfaceError, match="no kind that speaks on a serial line"):
        learn({"none": kinds["none"]}, "/dev/nothing", clock=Clock())


def test_every_kind_of_surface_that_can_learn_is_found_by_itself() -> None:
    installed = Kinds(SURFACES)
    able = [name for name in installed if hasattr(installed[name], "learner")]
    assert list(kinds_that_learn()) == able
    assert len(able) > 1
    assert list(kinds_that_learn(able[-1])) == able[-1:]
    with pytest.raises(SystemExit):
        kinds_that_learn("no such kind")
