"""The writing end of the tape: PortAudio calls its C callback, simulated drivers feed it blocks.

Exactly one a tape; the capture process makes sure of that with a lock on the runtime folder. `feed` is
called by one thread at a time, and never while a stream that has the callback is open. No Python runs in
the callback.
"""

from __future__ import annotations

import errno
import os
from types import TracebackType
from typing import TYPE_CHECKING

from rigd.model.errors import TapeError
from rigd.model.take import GapCause
from rigd.tape._core import ffi, lib
from rigd.tape.blocks import CAUSE_BY_CODE, BlockFlag, Blocks
from rigd.tape.mapping import CData
from rigd.tape.tape import Tape
from rigd.tape.timeline import Point, Timeline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_WAKES = lib.RIGD_MOST_WAKES // 2


class CaptureCore:
    """Writes blocks to `tape`, from where it ended. Close it after the stream and before the tape."""

    def __init__(self, tape: Tape, *, inputs: int | None = None) -> None:
        """`inputs`: how many rows each block brings, from the first; the tape's other rows are silence. All of
        them where not given."""
        self._tape = tape
        self._inputs = tape.geometry.channels if inputs is None else inputs
        self._capture = lib.rigd_capture_open(tape.map.writable_pointer)
        if self._capture == ffi.NULL:
            raise TapeError(f"tape {tape.path}: no memory for writing it")
        lib.rigd_capture_inputs(self._capture, self._inputs)

    @property
    def callback_address(self) -> int:
        """Address of a PaStreamCallback for planar (non-interleaved) float32 input and no output."""
        return int(ffi.cast("uintptr_t", ffi.addressof(lib, "rigd_pa_callback")))

    @property
    def user_address(self) -> int:
        """What PortAudio must hand to the callback as its user pointer."""
        return int(ffi.cast("uintptr_t", self._open()))

    def describe_host(self, *, blocks: Blocks, told_frames: int = 0) -> None:
        """What the driver knows of its host; before its stream runs. `told_frames`: so many frames it cannot lose
        without a word, as ALSA cannot lose less than its whole buffer; 0 where any loss may come without one."""
        lib.rigd_capture_host(self._open(), int(blocks), min(max(0, told_frames), 2**32 - 1))

    def resume(
        self, timeline: Timeline, *, cause: GapCause = GapCause.CAPTURE_RESTARTED, wake_frames: int = 0
    ) -> None:
        """The next block is placed by the clock: what was missed since the tape's end becomes a gap.

        For a tape that has been written before, and before a stream is opened again; only while no stream is
        open. `timeline` is the tape's own, `cause` CAPTURE_RESTARTED or INTERFACE_LOST.
        `wake_frames`: how many frames the host brings at once, in one block or several; 0 where nobody knows.
        """
        lib.rigd_capture_wake_frames(self._open(), wake_frames)
        code = next(code for code, named in CAUSE_BY_CODE.items() if named is cause)
        lib.rigd_capture_resume(
            self._open(), timeline.anchor_frame, timeline.anchor_ns, timeline.measured_rate_hz, code
        )

    def measure_only(self, measure_only: bool) -> None:
        """While True blocks are counted and stamped, and none is stored; also while a stream is open, from any
        thread. Call `resume` before False, so that what was not stored becomes a gap."""
        lib.rigd_capture_measure_only(self._open(), int(measure_only))

    def ready_to(self, end_position: int | None) -> None:
        """Rows before that position have their memory, None: all of them. A block that would end behind it is
        lost, and the process is not. From any thread, also while a stream is open."""
        lib.rigd_capture_ready(self._open(), 2**64 - 1 if end_position is None else end_position)

    def wakes(self, *, since_ns: int) -> list[Point]:
        """What the interface delivered, stored or not: (monotonic ns, sum of frames by then) of each wake-up from
        `since_ns` on, oldest first, but for the newest. A thousand at most. Any thread."""
        points = ffi.new("rigd_point[]", MOST_WAKES)
        count = lib.rigd_capture_wakes(self._open(), since_ns, MOST_WAKES, points)
        return [(points[i].monotonic_ns, points[i].end_frame) for i in range(count)]

    def feed(
        self,
        rows: npt.NDArray[np.float32] | None,
        frames: int,
        *,
        adc_time: float,
        monotonic_ns: int,
        flags: BlockFlag = BlockFlag.NONE,
    ) -> None:
        """One block, as a driver would deliver it: `rows` of shape (inputs, frames), each row contiguous;
        None for a block that came without samples. `adc_time`: the driver's clock at the first frame in
        seconds, 0 if it has none; `monotonic_ns`: now. Waits for nothing."""
        import numpy as np  # not at the top: capture on PortAudio has no use for it and is started in a hurry

        if rows is None:
            first, row_floats = ffi.NULL, 0
        else:
            if rows.dtype != np.float32 or rows.shape != (self._inputs, frames):
                raise TapeError(
                    f"tape {self._tape.path}: a block of {rows.dtype} {rows.shape} was fed, it takes float32"
                    f" {(self._inputs, frames)}"
                )
            if frames > 0 and (rows.strides[1] != 4 or rows.strides[0] % 4 != 0 or rows.strides[0] < 0):
                rows = np.ascontiguousarray(rows)
            first, row_floats = ffi.cast("const float *", rows.ctypes.data), rows.strides[0] // 4
        lib.rigd_capture_planar(self._open(), first, row_floats, frames, adc_time, monotonic_ns, int(flags))

    def raise_priority(self, priority: int) -> None:
        """Makes the thread that delivers blocks SCHED_FIFO; only while its stream is open. TapeError says
        why not and what would help, and capture goes on as it was."""
        fault = lib.rigd_capture_raise(self._open(), priority)
        if fault != 0:
            raise TapeError(
                f"audio callback: cannot run SCHED_FIFO {priority} ({self._why(fault)}); it runs at normal"
                " priority and a busy machine may cost frames. Allow it: LimitRTPRIO=95 in the unit,"
                " or '@audio - rtprio 95' in /etc/security/limits.d/audio.conf and the user in group audio"
            )

    @property
    def scheduling(self) -> tuple[int, int]:
        """Policy (os.SCHED_FIFO, ...) and priority of the thread that delivers blocks."""
        policy, priority = ffi.new("int *"), ffi.new("int *")
        fault = lib.rigd_capture_policy(self._open(), policy, priority)
        if fault != 0:
            raise TapeError(f"audio callback: its priority cannot be read ({self._why(fault)})")
        return policy[0] & ~os.SCHED_RESET_ON_FORK, priority[0]

    def close(self) -> None:
        """The tape stays as it is. May be called again."""
        if self._capture is not None:
            lib.rigd_capture_close(self._capture)
            self._capture = None

    def __enter__(self) -> CaptureCore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> CData:
        if self._capture is None:
            raise TapeError(f"tape {self._tape.path}: its writing end was closed already")
        return self._capture

    @staticmethod
    def _why(fault: int) -> str:
        return "no block has come yet" if fault == errno.ESRCH else os.strerror(fault)
