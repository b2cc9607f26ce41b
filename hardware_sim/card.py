"""The card of the simulated interface while it is open.

One thread does everything: it sleeps until the next block is due or a fault comes in at
RUNTIME_DIR/interface-sim.sock. Its frame counter is a function of CLOCK_MONOTONIC, as that of a card that stays
switched on: it runs on while nobody listens.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hardware_sim.fault_words import FaultOrder
from hardware_sim.faults import (
    CARD_WORDS,
    NANOSECONDS,
    CardState,
    FaultReceipt,
    FaultSocket,
    card_after,
    read_card,
    write_card,
)
from hardware_sim.host import Host, HostShape
from hardware_sim.signals import Samples, make_signal
from rigd.model.messages import CaptureSettings
from rigd.tape.blocks import BlockFlag, Blocks

if TYPE_CHECKING:
    from rigd.tape.capture_core import CaptureCore

LONGEST_SLEEP_S = 3600.0
HOST_HOLDS_S = 0.2
"""So much sound its host's ring has room for, and four periods at least."""
FREEWHEEL_EVERY_S = 0.0005
NO_SOUND = -0.75
"""What its host brings while it freewheels: nobody plays that."""
REALTIME_PRIORITY = 60


class Card:
    """The card while it is open. All but `start` and `stop` on its own thread."""

    def __init__(self, settings: CaptureSettings, runtime: Path, core: CaptureCore, *, channels: int) -> None:
        options = settings.options
        self._core = core
        self._runtime = runtime
        self._channels = channels
        self._rate = settings.tape.sample_rate_hz
        self._period = settings.period_frames
        self._paced = bool(options.get("paced", True))
        self._signal = make_signal(
            str(options.get("signal", "band")),
            channels=channels,
            sample_rate_hz=self._rate,
            seed=int(options.get("seed", 0)),
        )
        self._state = read_card(runtime) or CardState(drift_ppm=float(options.get("drift_ppm", 0.0)))
        now = time.monotonic_ns()
        self._frame = int(self._state.frame_at(now, self._rate)) + 1
        self._delivered = 0
        self._lost = 0
        self._flags = BlockFlag.NONE
        self._late_ns = 0
        self._hold_ns = 0
        self._next: FaultOrder | None = None
        self._host: Host | None = None
        self._freewheels_until_ns = 0
        core.describe_host(blocks=Blocks.WHOLE)
        self._stop_read, self._stop_write = os.pipe()
        self._orders = FaultSocket(runtime)
        self._woken_by = (self._stop_read, self._orders.fileno())
        self._thread = threading.Thread(target=self._run, name="simulated-interface", daemon=True)

    def start(self) -> None:
        if self._paced:
            _before_all_others(os.getpid())
        self._thread.start()

    def stop(self) -> None:
        os.write(self._stop_write, b"\0")
        self._thread.join()
        if self._paced:
            _like_all_others(os.getpid())
        self._orders.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def _run(self) -> None:
        if self._paced:
            _before_all_others(threading.get_native_id())
        try:
            while self._wait():
                if self._freewheels_until_ns > 0:
                    self._freewheel()
                elif self._host is not None:
                    self._wake_host(self._host)
                else:
                    self._bring_block()
        except Exception:
            traceback.print_exc()
            print("simulated interface: broken, it brings nothing any more", file=sys.stderr, flush=True)

    def _wait(self) -> bool:
        """Sleeps until the next block is due, obeying orders meanwhile. False once it is to stop."""
        while True:
            left_s = max(0.0, self._seconds_left())
            ready, _, _ = select.select(self._woken_by, [], [], left_s)
            if not ready and not self._state.vanished:
                return True
            if self._stop_read in ready:
                return False
            while (order := self._orders.take()) is not None:
                self._obey(order[0])
                self._orders.answer(self._receipt(), order[1])

    def _seconds_left(self) -> float:
        if self._state.vanished:
            return LONGEST_SLEEP_S
        if self._freewheels_until_ns > 0:
            return FREEWHEEL_EVERY_S
        if self._host is not None:
            return (self._host.due_ns + self._late_ns + self._hold_ns - time.monotonic_ns()) / NANOSECONDS
        if not self._paced:
            return 0.0
        due = self._state.ns_at(self._frame + self._next_length(), self._rate) + self._late_ns + self._hold_ns
        return (due - time.monotonic_ns()) / NANOSECONDS

    def _next_length(self) -> int:
        if self._next is not None and self._next.word in ("block", "zero-block", "huge-block"):
            return int(self._next.amount)
        return self._period

    def _bring_block(self) -> None:
        frames = self._next_length()
        rows: Samples | None = self._signal.rows(self._frame, frames)
        begins_ns = self._state.ns_at(self._frame, self._rate)
        adc_time = max(1, begins_ns) / NANOSECONDS
        if self._next is not None:
            rows, adc_time = self._spoil(self._next, rows, adc_time)
        self._core.feed(
            rows,
            frames,
            adc_time=adc_time,
            # Played as fast as it can, a card's clock still says when it would have been.
            monotonic_ns=(
                time.monotonic_ns() if self._paced else self._state.ns_at(self._frame + frames, self._rate)
            ),
            flags=self._flags,
        )
        self._frame += frames
        if rows is None:
            self._lost += frames
        else:
            self._delivered += frames
        self._flags = BlockFlag.NONE
        self._late_ns = 0
        self._next = None

    def _wake_host(self, host: Host) -> None:
        """What it has goes to the callback, a block at a time."""
        self._late_ns = 0
        for block in host.wake(time.monotonic_ns()):
            rows = [self._signal.rows(first, frames) for first, frames in block.pieces]
            self._core.feed(
                np.concatenate(rows, axis=1),
                block.frames,
                adc_time=block.adc_time,
                monotonic_ns=time.monotonic_ns(),
                flags=BlockFlag.OVERFLOW if block.overflow else BlockFlag.NONE,
            )
            for first, frames in block.pieces:
                self._lost += first - self._frame
                self._frame = first + frames
            self._delivered += block.frames

    def _freewheel(self) -> None:
        """Its host reckons on while the card stands still for it; what the card had meanwhile is lost."""
        now = time.monotonic_ns()
        if now < self._freewheels_until_ns:
            rows = np.full((self._channels, self._period), NO_SOUND, np.float32)
            self._core.feed(rows, self._period, adc_time=now / NANOSECONDS, monotonic_ns=now)
            return
        self._freewheels_until_ns = 0
        next_frame = int(self._state.frame_at(now, self._rate)) + 1
        self._lost += next_frame - self._frame
        self._frame = next_frame
        if self._host is not None:
            self._have_host(self._host.shape.period_frames, first_frame=next_frame)

    def _have_host(self, period_frames: int, *, first_frame: int) -> None:
        """From now on a host stands between the card and the callback, who says nothing of itself."""
        periods = max(4, -(-int(HOST_HOLDS_S * self._rate) // period_frames))
        self._host = Host(
            HostShape(
                period_frames=period_frames,
                buffer_frames=periods * period_frames,
                block_frames=self._period,
            ),
            first_frame=first_frame,
            frame_at=lambda ns: self._state.frame_at(ns, self._rate),
            ns_at=lambda frame: self._state.ns_at(frame, self._rate),
        )
        self._core.describe_host(blocks=Blocks.UNKNOWN)

    def _next_frame(self) -> int:
        return self._frame if self._host is None else self._host.next_frame

    def _spoil(
        self, fault: FaultOrder, rows: Samples | None, adc_time: float
    ) -> tuple[Samples | None, float]:
        if fault.word == "nan" and rows is not None:
            return _poisoned(rows), adc_time
        if fault.word == "null":
            return None, adc_time
        if fault.word == "backwards":
            return rows, max(1e-9, adc_time - fault.amount)
        return rows, adc_time

    def _obey(self, order: FaultOrder) -> None:
        if order.word == "overflow":
            self._lose(int(order.amount), BlockFlag.OVERFLOW)
        elif order.word == "jump":
            self._lose(int(order.amount), BlockFlag.NONE)
        elif order.word == "flag":
            self._flags |= BlockFlag.OVERFLOW
        elif order.word == "stall":
            self._lose(int(order.amount * self._state.rate_hz(self._rate)), BlockFlag.OVERFLOW)
        elif order.word == "late":
            self._late_ns = int(order.amount * 1e6)
        elif order.word == "hold":
            self._hold_ns = int(order.amount * 1e6)
        elif order.word == "overrun":
            self._late_ns = int(order.amount * NANOSECONDS)
        elif order.word == "bunch":
            self._have_host(int(order.amount) * self._period, first_frame=self._next_frame())
        elif order.word == "host-period":
            self._have_host(int(order.amount), first_frame=self._next_frame())
        elif order.word == "freewheel":
            self._freewheels_until_ns = time.monotonic_ns() + int(order.amount * NANOSECONDS)
        elif order.word in ("drift", "clock", *CARD_WORDS):
            self._change_card(order)
        elif order.word != "status":
            self._next = order

    def _lose(self, frames: int, flag: BlockFlag) -> None:
        self._frame += frames
        self._lost += frames
        self._flags |= flag

    def _change_card(self, order: FaultOrder) -> None:
        """What outlives this process. A new drift begins at the next block, not in the past."""
        if order.word in ("drift", "clock"):
            ppm = order.amount if order.word == "drift" else (order.amount / self._rate - 1.0) * 1e6
            self._state = replace(
                self._state,
                drift_ppm=ppm,
                anchor_frame=self._frame,
                anchor_ns=self._state.ns_at(self._frame, self._rate),
            )
            write_card(self._runtime, self._state)
        else:
            write_card(self._runtime, card_after(self._state, order))
            # A stream on an interface that was unplugged stays dead, as with PortAudio, until it is reopened.
            self._state = replace(self._state, vanished=True)

    def _receipt(self) -> FaultReceipt:
        return FaultReceipt(
            card_frame=self._frame,
            delivered_frames=self._delivered,
            lost_frames=self._lost,
            vanished=self._state.vanished,
        )


def _poisoned(rows: Samples) -> Samples:
    """The rows with one NaN, both infinities and a denormal in each, where there is room."""
    poison = np.array([np.nan, np.inf, -np.inf, 1e-42], np.float32)
    poisoned = rows.copy()
    poisoned[:, : len(poison)] = poison[: rows.shape[1]]
    return poisoned


def _before_all_others(thread: int) -> None:
    """A card's clock and the C callback behind it wait for no other program. Here that thread is one of Python: it,
    and the main one, which may just have the interpreter, run before all others where that is permitted."""
    with contextlib.suppress(PermissionError):
        flag = os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(thread, os.SCHED_FIFO | flag, os.sched_param(REALTIME_PRIORITY))


def _like_all_others(thread: int) -> None:
    """The thread outlives the card, so nothing of it stays: a thread whose flag is left loses its nice value and its
    policy in each child. Only who is privileged may take the flag away."""
    for policy in (os.SCHED_OTHER, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK):
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(thread, policy, os.sched_param(0))
            return
