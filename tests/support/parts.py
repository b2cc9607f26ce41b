"""The far ends of the controller: a tape that the test winds on, and parts that do as they are told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rigd.control.controller import Chance, Controller
from rigd.control.inbox import Inbox
from rigd.control.ports import Ports
from rigd.control.published import Published
from rigd.model.blackbox import Keep
from rigd.model.disk_words import DiskMeasured
from rigd.model.gain import PreampSetting
from rigd.model.library import SessionOpened, TakeRestored, TakeTrashed, TrashEmptied
from rigd.model.messages import Annotate, EndTake, OpenTake, Retag, TakeClosed
from rigd.model.state import RigState, Take, Transport, first_state
from rigd.model.take import TakeOrder
from rigd.model.units import Frame, Ns, SettingName, TakeId
from tests.support.desk import (
    LISTENING,
    OPENED,
    QUICK_DISK,
    RATE_HZ,
    WALL_NS,
    WRITER_IDLE,
    channels,
    frame,
    rules,
)
from tests.support.patience import wait_for


class WoundTape:
    """Time and tape in one: `now_s` is set by the test, frame 0 is at 0 s, the last 60 s are there."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def clock_ns(self) -> Ns:
        return Ns(round(self.now_s * 1e9))

    def frame_at(self, at_ns: Ns, *, fitted_within_ns: int = 0) -> Frame | None:
        return Frame(round(at_ns * RATE_HZ / 1e9))

    def extent(self) -> tuple[Frame, Frame] | None:
        now = frame(self.now_s)
        return Frame(max(0, now - 60 * RATE_HZ)), now

    def heard_from(self, frame: Frame) -> Frame | None:
        return frame


class ObedientParts:
    """Writer, preamps and library: what is asked of them is done at once and posted back."""

    def __init__(self) -> None:
        self.post: Callable[[Any], None] = lambda fact: None
        self.told: list[Any] = []
        self.orders: dict[TakeId, TakeOrder] = {}
        self.trashed: dict[TakeId, Take] = {}
        self.closes_takes = True
        self.breaks: set[str] = set()
        self.ended = threading.Event()

    def _breaks(self, part: str) -> None:
        if part in self.breaks:
            raise OSError(f"{part} is broken")

    def send(self, *messages: OpenTake | EndTake | Annotate | Retag) -> None:
        self._breaks("writer")
        self.told += messages
        for message in messages:
            match message:
                case OpenTake(order=order):
                    self.orders[order.take_id] = order
                    if order.end_frame is not None and self.closes_takes:
                        self.close(order.take_id, order.end_frame)
                case EndTake(take_id=take_id, end_frame=int() as end_frame) if self.closes_takes:
                    self.close(take_id, end_frame)

    def close(self, take_id: TakeId, end_frame: Frame) -> None:
        order = self.orders[take_id]
        frames = end_frame - order.first_frame
        self.post(TakeClosed(take_id=take_id, folder=order.folder, frames=frames, files=()))

    def request(self, preamp: str, socket: int, name: SettingName, value: float) -> None:
        self._breaks("preamps")
        self.post(
            PreampSetting(preamp=preamp, socket=socket, name=name, value=value, confirmed=True, at_ns=Ns(0))
        )

    def write_sheet(self, take: Take) -> None:
        self._breaks("library")

    def adopt(self, take_id: TakeId, folder: str) -> None:
        self._breaks("library")

    def keep(self, keep: Keep) -> None:
        self._breaks("library")

    def trash(self, take: Take) -> None:
        self._breaks("library")
        self.trashed[take.take_id] = take
        self.post(TakeTrashed(take_id=take.take_id, folder="/takes/trash"))

    def restore(self, take_id: TakeId) -> None:
        self._breaks("library")
        self.post(TakeRestored(take=self.trashed.pop(take_id)))

    def empty_trash(self, before_unix_ns: int, *, is_of_any_age: bool) -> None:
        self._breaks("library")
        self.post(TrashEmptied(takes=tuple(self.trashed), size_bytes=0))
        self.trashed.clear()

    def measure(self) -> None:
        self._breaks("disk")
        self.post(DiskMeasured(measurement=QUICK_DISK))

    def open_session(self, name: str, *, newest: bool = False) -> None:
        self._breaks("library")
        self.post(
            SessionOpened(
                session=name,
                date="2023-11-14",
                folder=f"/takes/{name}",
                song="",
                next_take_number=1,
                takes=(),
                trashed=(),
            )
        )

    def date_takes(self) -> None:
        self._breaks("library")

    def set_song(self, *, session_folder: str, song: str, next_take_number: int) -> None:
        self._breaks("library")


def controller_of(
    tape: WoundTape, parts: ObedientParts, *, inbox: Inbox | None = None, **rule_changes: Any
) -> Controller:
    """A controller whose parts are these; not started yet."""
    numbers = itertools.count(1)
    controller = Controller(
        inbox=inbox or Inbox(),
        published=Published(first_state(channels=channels(), sample_rate_hz=RATE_HZ)),
        rules=rules(**rule_changes),
        tape_time=tape,
        ports=Ports(writer=parts, preamps=parts, library=parts, disk=parts, end_rig=parts.ended.set),
        chance=Chance(
            clock_ns=tape.clock_ns,
            wall_ns=lambda: WALL_NS + round((tape.now_s - 100.0) * 1e9),
            utc_offset_s=lambda _: 3600,
            new_take_id=lambda: TakeId(f"{next(numbers):032x}"),
        ),
    )
    parts.post = controller.post
    return controller


@contextmanager
def running_controller(tape: WoundTape, parts: ObedientParts, **rule_changes: Any) -> Iterator[Controller]:
    """A controller at work, ready to record."""
    controller = controller_of(tape, parts, **rule_changes)
    controller.start()
    try:
        for fact in (OPENED, WRITER_IDLE, LISTENING):
            controller.post(fact)
        until(controller, lambda state: state.transport is Transport.READY)
        yield controller
    finally:
        controller.stop()


def until(controller: Controller, is_so: Callable[[RigState], bool]) -> RigState:
    """The first state that is so."""

    def seen() -> RigState | None:
        state = controller.state
        return state if is_so(state) else None

    return wait_for(seen, "a state", every_s=0.002, instead=lambda: controller.state)
