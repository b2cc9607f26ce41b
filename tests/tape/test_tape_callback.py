"""PortAudio's callback, called as PortAudio calls it: from a thread of C, through its address."""

from __future__ import annotations

import ctypes
import os
import resource
import threading
import time

import numpy as np
import pytest
from tape_source import assert_is_counter, counter

from rigd.model.errors import TapeError
from rigd.model.take import Xrun
from rigd.model.units import Frame
from rigd.tape.tape import Tape

PA_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(ctypes.c_float)),
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.POINTER(ctypes.c_double),
    ctypes.c_ulong,
    ctypes.c_void_p,
)
PA_INPUT_OVERFLOW = 2


class Driver:
    def __init__(self, source) -> None:
        self._call = PA_CALLBACK(source.core.callback_address)
        self._user = source.core.user_address
        self._channels = source.tape.geometry.channels
        self.frame = 0

    def deliver(self, frames: int, flags: int = 0) -> int:
        rows = counter(self.frame, frames, self._channels)
        pointer = ctypes.POINTER(ctypes.c_float)
        planar = (pointer * self._channels)(*(row.ctypes.data_as(pointer) for row in rows))
        time_info = (ctypes.c_double * 3)(1.0 + self.frame / 48_000, 0.0, 0.0)
        self.frame += frames
        return self._call(planar, None, frames, time_info, flags, self._user)


def test_the_callback_stores_planar_blocks_stamped_with_clock_monotonic(start) -> None:
    source = start(channels=4)
    driver = Driver(source)
    before = time.monotonic_ns()
    assert driver.deliver(256) == 0, "paContinue"
    assert driver.deliver(100, PA_INPUT_OVERFLOW) == 0
    after = time.monotonic_ns()
    assert_is_counter(source.tape, 0)
    first, second = source.tape.blocks()
    assert before <= first.monotonic_ns <= second.monotonic_ns <= after
    assert second.adc_time == pytest.approx(1 + 256 / 48_000)
    assert Xrun(at_frame=Frame(256)) in source.tape.runs(Frame(0), None)


def test_a_callback_without_input_or_time_is_survived(start) -> None:
    source = start()
    callback = PA_CALLBACK(source.core.callback_address)
    assert callback(None, None, 64, None, 0, source.core.user_address) == 0
    assert source.tape.counters().dropped_blocks == 1
    assert source.tape.next_frame == 64


def test_the_thread_of_the_callback_can_be_raised_once_it_is_known(start) -> None:
    source = start()
    with pytest.raises(TapeError, match="no block has come yet"):
        source.core.raise_priority(70)
    with pytest.raises(TapeError, match="no block has come yet"):
        _ = source.core.scheduling
    delivered, checked = threading.Event(), threading.Event()

    def call() -> None:
        Driver(source).deliver(64)
        delivered.set()
        checked.wait(10)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        assert delivered.wait(10)
        assert source.core.scheduling == (os.SCHED_OTHER, 0)
        allowed = os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= 10
        if allowed:
            try:
                source.core.raise_priority(10)
            except TapeError as refusal:  # a container may forbid even root
                assert "LimitRTPRIO" in str(refusal)
            else:
                assert source.core.scheduling == (os.SCHED_FIFO, 10)
        else:
            with pytest.raises(TapeError, match="LimitRTPRIO=95"):
                source.core.raise_priority(10)
    finally:
        checked.set()
        thread.join()


def test_memory_is_locked_or_the_cure_is_named(start) -> None:
    tape: Tape = start().tape
    try:
        tape.lock_memory()
    except TapeError as refusal:
        assert "LimitMEMLOCK=infinity" in str(refusal)


def test_a_block_is_stored_while_python_holds_its_lock_elsewhere(start) -> None:
    """`feed` gives up the GIL: other threads run on while a large block is copied."""
    source = start(channels=64, capacity_frames=2**17)
    rows = np.zeros((64, 2**16), np.float32)
    turns = 0
    over = threading.Event()

    def turn() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1

    thread = threading.Thread(target=turn)
    thread.start()
    for _ in range(3):
        source.core.feed(rows, 2**16, adc_time=0.0, monotonic_ns=0)
    over.set()
    thread.join()
    assert turns > 0
    assert source.tape.counters().blocks == 3
