"""From the settings to the first block on the tape: find the interface, attach the tape, start the stream.

Runs on a thread of its own ("rigd-opening"), because PortAudio may wait for minutes for a server that hangs;
the sockets stay alive meanwhile. After that the thread takes the rest of the tape's memory, and then does nothing
more, for the audio is the C callback's alone. It stays as long as the card is open: ALSA names the thread that opened
a card as its owner, and whoever asks who has the card looks for that thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from rigd.capture.driver import AudioDriver, FoundInterface
from rigd.capture.lost_interface import LOST_NAME, LostInterface
from rigd.capture.matching import Match, forget_fewer, known_interface, remember_interface
from rigd.capture.rate_watch import RateWatch, read_doubt
from rigd.model.errors import InterfaceError, MismatchError, OtherLayoutError, RigError, TapeError
from rigd.model.messages import CapturePhase, CaptureReport, CaptureSettings
from rigd.model.take import GapCause
from rigd.wire.held_lock import holder_of
from rigd.wire.own_folder import open_own, remove_own

if TYPE_CHECKING:
    from rigd.tape.blocks import Block
    from rigd.tape.capture_core import CaptureCore
    from rigd.tape.memory import TapeMemory
    from rigd.tape.tape import Tape

TAPE_NAME = "tape"
WRITER_LOCK_NAMES = ("writer.lock", "mirror.lock", "blackbox.lock")
CALLBACK_PRIORITY = 70
FIRST_BLOCK_WITHIN_S = 3.0
LOOK_EVERY_S = 0.002


class CaptureExit(IntEnum):
    """How rigd-capture ends."""

    STOPPED = 0
    """As it was asked to."""
    USAGE = 2
    """Called wrongly, or its settings cannot be read."""
    ALREADY_RUNNING = 3
    """Another capture has this runtime folder."""
    INTERFACE = 4
    """The interface was not found, or cannot be opened as it was asked for. Worth trying again."""
    TAPE = 5
    """The tape cannot be made or used."""
    BROKEN = 70
    """A fault of rigd itself; the log has its traceback."""


class Heard(Struct, frozen=True, kw_only=True):
    """What the stream needs as long as it runs."""

    driver: AudioDriver
    found: FoundInterface
    tape: Tape
    core: CaptureCore
    memory: TapeMemory
    rate: RateWatch
    """What is reported of it from now on, and whether it is recorded."""


class InterfaceOpening:
    """One try to open the interface. `report` says how far it is; any thread may read it."""

    def __init__(
        self,
        settings: CaptureSettings,
        runtime: Path,
        *,
        make_driver: Callable[[CaptureSettings, Path], AudioDriver],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._make_driver = make_driver
        self._clock = clock
        self._sleep = sleep
        self.report = CaptureReport(phase=CapturePhase.OPENING, device=settings.device)
        self.exit_code = CaptureExit.STOPPED
        self.heard: Heard | None = None
        self.lost = LostInterface(runtime)
        self.is_news = True
        """Why it failed is not why it failed the last time."""

    def run(self) -> None:
        """The interface is heard and `heard` is set, or `report` is FAILED and `exit_code` says why.

        Lets through only what is a fault of rigd itself, after it has set the report.
        """
        try:
            self.heard = self._open()
            self.report = self.heard.rate.report
        except TapeError as error:
            self._fail(str(error), CaptureExit.TAPE)
        except RigError as error:
            self.is_news = self.lost.note(str(error))
            self._fail(str(error), CaptureExit.INTERFACE, is_mismatch=isinstance(error, MismatchError))
        except BaseException as error:
            self._fail(f"rigd-capture is broken: {error!r}. Its log has the details", CaptureExit.BROKEN)
            raise

    def take_memory(self) -> None:
        """All of the tape's memory is there, or `report` is FAILED. After `run`, on the same thread."""
        assert self.heard is not None
        try:
            self.heard.memory.take_rest()
        except TapeError as error:
            _give_back(self.heard.tape)
            self._fail(f"{error} Capture stopped before it came to the end of what it had", CaptureExit.TAPE)

    def _fail(self, why: str, code: CaptureExit, *, is_mismatch: bool = False) -> None:
        self.exit_code = code
        mismatch = why if is_mismatch else ""
        self.report = replace(
            self.report,
            phase=CapturePhase.FAILED,
            failure=why,
            mismatch=mismatch,
            stays_s=self.lost.pause_s(),
        )

    def _open(self) -> Heard:
        driver = self._make_driver(self._settings, self._runtime)
        found = driver.find()
        self.report = replace(
            self.report,
            device=found.device,
            host_api=found.host_api,
            sample_rate_hz=found.sample_rate_hz,
            channels=found.channels,
            simulated=found.simulated,
        )
        from rigd.tape.capture_core import CaptureCore  # numpy: its import is over by now, see process.py
        from rigd.tape.mapping import await_name
        from rigd.tape.memory import TapeMemory

        await_name(self._runtime / TAPE_NAME)
        held = _is_held(self._runtime / TAPE_NAME)
        match = Match(
            found=found,
            wanted_channels=self._settings.tape.channels,
            known=known_interface(self._runtime) if held else "",
            held=held,
        )
        match.check(self._runtime, now_s=self._clock())
        tape, warnings = self._attach(found)
        locked = _lock(tape, warnings)
        core = CaptureCore(tape, inputs=found.channels)
        memory = TapeMemory(tape, core)
        try:
            memory.begin()
        except TapeError as error:
            _give_back(tape)
            raise TapeError(f"{error} Nothing is listened to") from error
        blocks_before = tape.counters().blocks
        doubt = read_doubt(self._runtime, nominal_rate_hz=found.sample_rate_hz)
        if blocks_before > 0:
            core.resume(tape.timeline(), cause=self._cause(), wake_frames=tape.wake_frames())
        if doubt is not None:
            if doubt.tape_id != tape.tape_id:
                doubt = replace(doubt, timeline=None, tape_id=tape.tape_id, false_from=None)
            core.measure_only(True)
        began_ns = time.monotonic_ns()
        driver.start(core)
        if doubt is None:
            first = self._await_first_block(tape, blocks_before, found)
            period_frames, heard_from = first.frames, first.first_frame
        else:
            period_frames, heard_from = self._await_first_wake(core, found), None
        remove_own(self._runtime / LOST_NAME)
        remember_interface(self._runtime, found)
        forget_fewer(self._runtime)
        realtime = driver.in_callback and _raise_priority(core, warnings)
        report = replace(
            self.report,
            phase=CapturePhase.LISTENING,
            period_frames=period_frames,
            mismatch=match.told,
            heard_from=heard_from,
            realtime=realtime,
            memory_locked=locked,
            warnings=(*found.warnings, *warnings, *warn_of_disk(self._runtime)),
        )
        rate = RateWatch(
            report=report,
            core=core,
            tape=tape,
            runtime=self._runtime,
            doubt=doubt,
            first_block=blocks_before,
            began_ns=began_ns,
        )
        return Heard(driver=driver, found=found, tape=tape, core=core, memory=memory, rate=rate)

    def _cause(self) -> GapCause:
        return GapCause.INTERFACE_LOST if self.lost.is_noted else GapCause.CAPTURE_RESTARTED

    def _attach(self, found: FoundInterface) -> tuple[Tape, list[str]]:
        """The tape that is there, so that a take goes on in it, or a new one. Never takes a tape away from
        a take that is being written."""
        from rigd.tape.tape import Tape

        path, wanted = self._runtime / TAPE_NAME, self._settings.tape
        warnings: list[str] = []
        if path.exists():
            try:
                tape = Tape.attach(path, writable=True)
            except OtherLayoutError as error:
                if _is_followed(self._runtime, path):
                    raise TapeError(f"{error}. A writer of that version still uses it") from error
                warnings.append(f"{error}. No writer uses it, so a new tape was made in its place")
            except TapeError as error:
                if any(_is_locked(self._runtime / name) for name in WRITER_LOCK_NAMES):
                    raise TapeError(f"{error}. A writer still uses it, so no other tape was made") from error
                warnings.append(f"{error}. No writer uses it, so a new tape was made in its place")
            else:
                if tape.geometry == wanted and tape.full_scale == found.full_scale:
                    return tape, warnings
                with tape:
                    _refuse_if_held(tape, wanted_shape=f"{wanted} at full scale {found.full_scale:.0f}")
        return Tape.create(path, wanted, full_scale=found.full_scale, take_memory=False), warnings

    def _await_first_block(self, tape: Tape, blocks_before: int, found: FoundInterface) -> Block:
        """The first block that came. Its length is the interface's period."""
        self._await_sound(lambda: tape.counters().blocks > blocks_before, found)
        return next(tape.blocks(blocks_before))

    def _await_first_wake(self, core: CaptureCore, found: FoundInterface) -> int:
        """The frames that it brought; of a stream that is only measured."""
        self._await_sound(lambda: len(core.wakes(since_ns=0)) > 1, found)
        (_, first), (_, second) = core.wakes(since_ns=0)[:2]
        return second - first

    def _await_sound(self, has_come: Callable[[], bool], found: FoundInterface) -> None:
        period_s = self._settings.period_frames / found.sample_rate_hz
        deadline = self._clock() + max(FIRST_BLOCK_WITHIN_S, 10 * period_s)
        while not has_come():
            if self._clock() > deadline:
                raise InterfaceError(
                    f'interface "{found.device}" was opened but brings no sound. It was given up. Check '
                    "its cable, its clock source, and that its JACK server runs"
                )
            self._sleep(LOOK_EVERY_S)


def _give_back(tape: Tape) -> None:
    """What it has of memory, where no take is on it."""
    if not any(not hold.spare for hold in tape.holds()):
        with contextlib.suppress(OSError):
            remove_own(tape.path)


def _is_held(path: Path) -> bool:
    """A take is open on the tape that lies there, whether or not its writer lives at this moment. Spare holds are
    of copies and of the black box, which may be there without a take."""
    from rigd.tape.tape import Tape

    try:
        with Tape.attach(path, writable=False) as tape:
            return any(not hold.spare for hold in tape.holds())
    except TapeError:
        return False


def _refuse_if_held(tape: Tape, *, wanted_shape: str) -> None:
    held = sum(hold.owner_alive and not hold.spare for hold in tape.holds())
    if held > 0:
        raise TapeError(
            f"the settings ask for another tape ({wanted_shape}), but {held} open take(s) are still written "
            f"from the one there is ({tape.geometry} at full scale {tape.full_scale:.0f}). It was left alone "
            "and nothing is listened to. Stop the take, or take the change of the settings back; then "
            "capture goes on by itself"
        )


def _is_followed(runtime: Path, tape: Path) -> bool:
    """A process of another build has the tape mapped. A writer of this build cannot, and stands by for a new one."""
    from rigd.tape.users import maps_tape

    for lock in runtime.glob("*.lock"):
        with contextlib.suppress(OSError, ValueError):
            holder = holder_of(lock)
            if holder is not None and holder.pid != os.getpid() and maps_tape(holder.pid, tape):
                return True
    return False


def _is_locked(path: Path) -> bool:
    """True when some process has an flock on the file."""
    try:
        fd = open_own(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _lock(tape: Tape, warnings: list[str]) -> bool:
    try:
        tape.lock_memory()
    except TapeError as error:
        warnings.append(str(error))
        return False
    return True


def _raise_priority(core: CaptureCore, warnings: list[str]) -> bool:
    """True when the callback's thread runs in real time; JACK may have made it so already."""
    realtime_policies = (os.SCHED_FIFO, os.SCHED_RR)
    with contextlib.suppress(TapeError):
        if core.scheduling[0] in realtime_policies:
            return True
    try:
        core.raise_priority(CALLBACK_PRIORITY)
        return core.scheduling[0] in realtime_policies
    except TapeError as error:
        warnings.append(str(error))
        return False


def warn_of_disk(runtime: Path, mounts: Path = Path("/proc/self/mounts")) -> tuple[str, ...]:
    """A warning, with the cure, where the runtime folder is not in memory: the tape would wear a disk out."""
    try:
        lines = [line.split() for line in mounts.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return ()
    place = runtime.resolve()
    over = [line for line in lines if len(line) > 2 and place.is_relative_to(line[1])]
    kind = max(over, key=lambda line: len(line[1]))[2] if over else "tmpfs"
    if kind in ("tmpfs", "ramfs"):
        return ()
    return (
        f"the runtime folder {runtime} is on {kind}, not in memory: the tape would be written to that disk for ever. "
        "Set [rig] runtime_dir to a folder on tmpfs, such as /dev/shm/rigd",
    )
