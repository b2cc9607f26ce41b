"""Puts takes together from the segments of the black box. One thread, idle on the disk.

It copies in slices, makes each durable and rests, so that it never has more in the page cache than a rolling
take's next sync can bear, and stands still while the disk is slow. What it was asked for is on disk before it
begins, and what it makes has a hidden name until it is whole: killed at any moment, it begins anew at the next start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rigd.blackbox.kept_segments import Pins
from rigd.blackbox.segments import Shelf
from rigd.blackbox.splice import Cut, Splice
from rigd.library.dot_rigd import KEEPING
from rigd.library.durable import make_folder, make_folders, read_json, write_json
from rigd.library.hasher import be_idle_on_disk
from rigd.model.blackbox import Keep, KeepUnderWay
from rigd.model.disk_trouble import cure_of, trouble_of
from rigd.model.errors import LibraryError, RigError, TakeError
from rigd.model.messages import GapWritten, TakeFailed
from rigd.model.names import clash_key, unique_name
from rigd.model.read_back import shown, why_no_folder_name
from rigd.model.take import GapCause
from rigd.model.units import TakeId
from rigd.takefile import beneath
from rigd.takefile.failures import failed
from rigd.takefile.folders import check_folder, check_order
from rigd.takefile.recovery import closed_before
from rigd.wire.codec import Codec, to_plain

"""Folder in `.rigd`: <take id>.json is what was asked for, <take id>/ what is being made of it."""
LOOK_S = 0.2
PATIENCE_S = 15.0
"""How long the last frames may take to become durable in the black box."""
REST_ROLLING = 3.0
"""While a take rolls it rests so many times as long as a slice took, else as long."""

log = logging.getLogger(__name__)


class _Interrupted(Exception):
    """rigd ends: what is not whole is made anew at the next start."""


class Assembly:
    """`post` gets KeepUnderWay, GapWritten and TakeFailed; `closed` is called with the id and folder of a take that
    is whole. Both on its thread."""

    def __init__(
        self,
        own_folder: Path,
        blackbox: Path,
        *,
        pins: Pins,
        post: Callable[[KeepUnderWay | GapWritten | TakeFailed], None],
        closed: Callable[[Keep, Path], None],
        is_rolling: Callable[[], bool],
        disk_is_slow: Callable[[], bool],
        beside: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`own_folder` is the library's `.rigd`, on the volume that takes go to; `beside` the mirror, if any:
        files are no longer than either volume takes them."""
        self._root = own_folder.parent
        self._folder = own_folder / KEEPING
        self._shelf = Shelf(blackbox)
        self._beside = beside
        self._pins, self._post, self._closed, self._clock = pins, post, closed, clock
        self._is_rolling, self._disk_is_slow = is_rolling, disk_is_slow
        self._codec = Codec((Keep,))
        self._jobs: deque[Keep] = deque()
        self._wake = threading.Condition()
        self._noted: set[TakeId] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-assembly", daemon=True)

    def start(self) -> None:
        """What an earlier daemon did not finish is done first."""
        try:
            left = self._left()
        except RigError as error:
            log.warning("%s", error)
            left = []
        for keep in left:
            # Before anybody may remove a segment.
            self._pins.pin(keep.order.take_id)
            self._noted.add(keep.order.take_id)
        self._jobs.extendleft(reversed(left))
        self._thread.start()
        for keep in left:
            self._post(KeepUnderWay(order=keep.order))

    def stop(self, *, within_s: float = 5.0) -> None:
        """The thread has ended, within a slice; what is not done is done at the next start."""
        with self._wake:
            self._stopping.set()
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def add(self, keep: Keep) -> None:
        """The take will be put together. Any thread; touches no disk."""
        self._pins.pin(keep.order.take_id)
        with self._wake:
            self._jobs.append(keep)
            self._wake.notify_all()

    # Its thread.

    def _run(self) -> None:
        be_idle_on_disk()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._jobs or self._stopping.is_set())
                keep = self._jobs[0] if self._jobs else None
            try:
                self._note_down()
                if keep is None or self._stopping.is_set():
                    return
                self._put_together(keep)
            except _Interrupted:
                return
            except Exception as error:
                if keep is None:
                    return
                self._give_up(keep, error)
            with self._wake:
                self._jobs.popleft()
            self._pins.let_go(keep.order.take_id)

    def _left(self) -> list[Keep]:
        try:
            names = beneath.names_in(self._root, self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LibraryError(f"{self._folder}: cannot be read ({error.strerror})") from error
        found = []
        for path in (self._folder / name for name in sorted(names) if name.endswith(".json")):
            try:
                keep: Keep = self._codec.from_plain(read_json(path))
                self._check(keep)
                if path != self._record(keep):
                    raise TakeError("it is of another take")
                found.append(keep)
            except RigError as error:
                log.warning("%s does not say what was to be kept: %s; it was left alone", path, error)
        return sorted(found, key=lambda keep: keep.order.ordinal)

    def _check(self, keep: Keep) -> None:
        """The order makes sense, and the take lies where takes do. Raises TakeError."""
        check_order(keep.order)
        check_folder(keep.order, self._root)
        names = Path(keep.order.folder).relative_to(self._root).parts
        if len(names) != 3 or any(why_no_folder_name(name) for name in names[1:]) or names[0].startswith("."):
            raise TakeError(f"{shown(keep.order.folder)} is no place of a take")
        if keep.order.end_frame is None or keep.order.end_frame <= keep.order.first_frame:
            raise TakeError("it has no end")
        frame_bytes = 3 * sum(len(file.channels) for file in keep.order.files)
        volume = os.statvfs(self._root)
        if (keep.order.end_frame - keep.order.first_frame) * frame_bytes > volume.f_blocks * volume.f_frsize:
            raise TakeError("it is longer than its disk")

    def _note_down(self) -> None:
        """What was asked for is on disk, also what has to wait for its turn."""
        for keep in tuple(self._jobs):
            if keep.order.take_id not in self._noted:
                make_folder(self._folder, root=self._root)
                write_json(self._record(keep), to_plain(keep), root=self._root)
                self._noted.add(keep.order.take_id)

    def _record(self, keep: Keep) -> Path:
        return self._folder / f"{keep.order.take_id}.json"

    def _put_together(self, keep: Keep) -> None:
        take_id, target = keep.order.take_id, Path(keep.order.folder)
        making = self._folder / take_id
        if _is_done(target, keep):  # killed between the renaming and the end of the record
            self._finish(keep, target)
            return
        self._remove(making)
        keep, target = self._take_place(keep, target)
        make_folder(making, root=self._root)
        with Splice(keep, making, self._shelf, root=self._root, beside=self._beside) as splice:
            self._pins.pin(take_id, splice.first_number())
            self._copy(splice)
            for gap in splice.gaps():
                if gap.cause is GapCause.NOT_KEPT:
                    self._post(GapWritten(take_id=take_id, gap=gap))
            splice.close()
        # rename(2) takes the place of the empty folder that kept the name.
        beneath.rename(self._root, making, target, durable=True)
        self._finish(keep, target)

    def _remove(self, making: Path) -> None:
        """What was made of a take is gone."""
        with (
            contextlib.suppress(OSError),
            beneath.opened(self._root, making.parent) as folder_fd,
        ):
            shutil.rmtree(making.name, ignore_errors=True, dir_fd=folder_fd)

    def _take_place(self, keep: Keep, target: Path) -> tuple[Keep, Path]:
        """The take's folder is there, empty, so that no other take gets its name."""
        make_folders(target.parent, root=self._root)
        with contextlib.suppress(OSError):
            beneath.remove_folder(self._root, target)  # left by an earlier try
        if os.path.lexists(target):
            taken = {clash_key(name) for name in beneath.names_in(self._root, target.parent)}
            target = target.parent / unique_name(target.name, taken=taken.__contains__)
            keep = keep.at(str(target))
            write_json(self._record(keep), to_plain(keep), root=self._root)
        make_folder(target, root=self._root)
        return keep, target

    def _copy(self, splice: Splice) -> None:
        """All of it is durable."""
        patient_until = self._clock() + PATIENCE_S
        while not splice.is_complete:
            self._note_down()
            if self._stopping.is_set():
                raise _Interrupted
            if self._disk_is_slow():
                patient_until = self._clock() + PATIENCE_S
                self._stopping.wait(LOOK_S)
                continue
            began = self._clock()
            cut = splice.cut(settle=self._clock() >= patient_until)
            if cut is Cut.WAITS:
                self._stopping.wait(LOOK_S)
                continue
            splice.make_durable()
            patient_until = self._clock() + PATIENCE_S
            took = self._clock() - began
            splice.suit(took)
            self._stopping.wait(took * (REST_ROLLING if self._is_rolling() else 1.0))

    def _finish(self, keep: Keep, target: Path) -> None:
        self._closed(keep, target)
        with contextlib.suppress(OSError):
            beneath.remove(self._root, self._record(keep))

    def _give_up(self, keep: Keep, error: Exception) -> None:
        """Nothing is left of it but the sound in the black box, from which it can be asked for again."""
        unforeseen = not isinstance(error, (RigError, OSError))
        log.error("take %s could not be kept: %s", keep.order.folder, error, exc_info=unforeseen)
        reason = _why(keep, error)
        self._remove(self._folder / keep.order.take_id)
        with contextlib.suppress(OSError):
            beneath.remove(self._root, self._record(keep))
        with contextlib.suppress(OSError):
            beneath.remove_folder(self._root, Path(keep.order.folder))
        self._post(failed(keep.order, error, frames=0, reason=reason))


def _is_done(target: Path, keep: Keep) -> bool:
    with contextlib.suppress(RigError, OSError):
        return closed_before(str(target), keep.order.take_id) is not None
    return False


def _why(keep: Keep, error: Exception) -> str:
    what = f'take "{keep.order.folder}" could not be put together from the black box'
    if isinstance(error, OSError):
        cure = cure_of(trouble_of(error.errno))
        told = f"{what} ({error.strerror}); {cure}" if cure else f"{what} ({error.strerror})"
        return f"{told}. The black box still has the sound for a while: keep it again"
    if isinstance(error, RigError):
        return f"{what}: {error}"
    return f"{what}: an error inside rigd ({type(error).__name__}: {error}); see the log"
