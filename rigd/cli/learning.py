"""`rigd learn`: all kinds that can learn listen, until one of them is sure of what a person moved.

Runs on the caller's thread. What speaks on a serial line is brought to them by learning_line.py, or by
learning_rig.py where a running rig holds the line.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from rigd.api.client import ControlClient
from rigd.cli.learning_line import Line, LineBusy
from rigd.cli.learning_rig import held_by_rig
from rigd.hands.learning import LearnedControl, LearnedSoFar, Learner, LearnerMaker
from rigd.model.errors import RigError, SurfaceError
from rigd.model.units import NS_PER_SECOND, ClockNs, Ns
from rigd.wire.serial_ports import SERIAL_PREFIX

ASKED_NS = 5 * NS_PER_SECOND
"""So long one more press is waited for, where the first one did not tell everything."""
_LOOK_S = 0.05
_LOOK_BY_TURNS_S = 0.01

Learners = Mapping[str, Learner]
"""By their kinds."""
Found = tuple[str, LearnedControl]
"""A kind, and what it learnt."""


class Source(Protocol):
    """What brings news to the kinds."""

    def wait(self, timeout_s: float) -> None:
        """Takes what came. Raises SurfaceError where it is gone."""


def learn(
    kinds: Mapping[str, LearnerMaker],
    port: str = "",
    *,
    seconds: float = 30.0,
    clock: ClockNs | None = None,
    baud: int | None = None,
    say: Callable[[str], None] = lambda text: None,
    connect: Callable[[], ControlClient] | None = None,
) -> Found:
    """What is moved within `seconds`, by the first of `kinds` that is sure. `port` as in the config; empty listens to
    all. `baud` of None: looked for. `connect` reaches the running rig, which is asked where it holds the line itself.

    `say` gets what the person should do. Raises SurfaceError where there is no port, or nothing moved on which rigd
    acts.
    """
    clock = clock or (lambda: Ns(time.monotonic_ns()))
    with contextlib.ExitStack() as at_end:
        learners = _made(kinds, clock, at_end)
        sources, listening = _opened(
            learners, port, baud=baud, clock=clock, at_end=at_end, say=say, connect=connect
        )
        say(f"listening on {listening}: press the switch shortly, once")
        return _Learning(learners, sources, seconds=seconds, clock=clock, say=say).learned()


class _Learning:
    """From the first message to what it is."""

    def __init__(
        self,
        learners: Learners,
        sources: Sequence[Source],
        *,
        seconds: float,
        clock: ClockNs,
        say: Callable[[str], None],
    ) -> None:
        self._learners = learners
        self._sources = sources
        self._seconds = seconds
        self._clock = clock
        self._say = say
        self._until_ns = clock() + round(seconds * NS_PER_SECOND)
        self._has_asked = False

    def learned(self) -> Found:
        """What was moved. Raises SurfaceError where nothing was that rigd acts on."""
        look_s = _LOOK_S if len(self._sources) == 1 else _LOOK_BY_TURNS_S
        while self._clock() < self._until_ns:
            for source in self._sources:
                source.wait(look_s)
            for kind, finding in self._findings(self._clock()):
                if finding.learned is not None and not finding.ask:
                    return kind, finding.learned
                self._ask(finding)
        found = list(self._findings(Ns(self._clock() + NS_PER_SECOND)))  # nothing more comes
        for kind, finding in found:
            if finding.learned is not None:
                return kind, finding.learned
        for _, finding in found:
            within = "" if finding.is_moved else f" within {self._seconds:g} s"
            raise SurfaceError(finding.trouble + within)
        also = "".join(f"; {each.remark}" for each in self._learners.values() if each.remark)
        if strange := sum(getattr(source, "strange_bytes", 0) for source in self._sources):
            also += f"; {strange} bytes came that are no MIDI at this speed (--baud 115200 is usual over USB)"
        check = "check the cable, the port and the pedal's own program"
        raise SurfaceError(f"nothing was pressed within {self._seconds:g} s{also}; {check}")

    def _findings(self, now_ns: Ns) -> Iterator[tuple[str, LearnedSoFar]]:
        for kind, learner in self._learners.items():
            if (finding := learner.finding(now_ns)) is not None:
                yield kind, finding

    def _ask(self, finding: LearnedSoFar) -> None:
        if self._has_asked:
            return
        self._has_asked = True
        if finding.is_moved:
            self._until_ns = min(self._until_ns, self._clock() + ASKED_NS)
        self._say(finding.ask)


def _made(kinds: Mapping[str, LearnerMaker], clock: ClockNs, at_end: contextlib.ExitStack) -> Learners:
    learners: dict[str, Learner] = {}
    for kind, maker in kinds.items():
        learners[kind] = maker(clock)
        at_end.callback(learners[kind].close)
    return learners


def _opened(
    learners: Learners,
    port: str,
    *,
    baud: int | None,
    clock: ClockNs,
    at_end: contextlib.ExitStack,
    say: Callable[[str], None],
    connect: Callable[[], ControlClient] | None,
) -> tuple[Sequence[Source], str]:
    """What is listened to, and its names. Raises SurfaceError where there is nothing."""
    if not port.startswith((SERIAL_PREFIX, "/")):
        return _own_ports(learners, port, say)
    path = port.removeprefix(SERIAL_PREFIX)
    on_lines = {kind: each for kind, each in learners.items() if each.speeds}
    if not on_lines:
        raise SurfaceError(f"{', '.join(learners)} is no kind that speaks on a serial line; leave {port} out")
    try:
        line = Line(path, list(on_lines.values()), baud=baud, clock=clock)
    except LineBusy:
        held = None if connect is None else held_by_rig(path, on_lines, connect)
        if held is None:
            raise
        at_end.callback(held.close)
        say(
            f"rigd itself listens there, as [surface.{held.surface}]: learning through it; what is bound acts"
        )
        return [held], port
    at_end.callback(line.close)
    return [line], port


def _own_ports(learners: Learners, port: str, say: Callable[[str], None]) -> tuple[Sequence[Learner], str]:
    sources: list[Learner] = []
    names: list[str] = []
    troubles: list[str] = []
    for kind, learner in learners.items():
        try:
            opened = learner.open(port)
        except RigError as error:
            troubles.append(str(error))
        except Exception as error:  # a stranger's code
            troubles.append(f'kind "{kind}" broke as it opened its ports: {error or repr(error)}')
        else:
            sources += [learner] if opened else []
            names += opened
    if not sources:
        nothing = (
            f"no kind of surface has a port {port}" if port else "nothing to listen to: no port is there"
        )
        raise SurfaceError("; ".join(troubles) or f"{nothing}; see: rigd devices")
    if not port:
        for trouble in troubles:
            say(trouble)
    return sources, ", ".join(names)
