"""What capture and the writers are started with: files in the runtime folder, by the config of this start of rigd.
Any thread."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from rigd.model.errors import LinkError, OtherLayoutError, RigError, TapeError
from rigd.model.messages import CaptureSettings, WriterSettings
from rigd.tape.tape import Tape
from rigd.wire.codec import Codec, encode
from rigd.wire.own_folder import read_own, replace_own

log = logging.getLogger(__name__)


class StartSettings:
    """Made once; `settle` before anything is started."""

    def __init__(
        self,
        runtime: Path,
        capture: CaptureSettings,
        writer: WriterSettings,
        mirror: WriterSettings | None = None,
    ) -> None:
        self._runtime = runtime
        self._writing = threading.Lock()
        self._files = {"capture.json": encode(capture), "writer.json": encode(writer)}
        if mirror is not None:
            self._files["mirror.json"] = encode(mirror)

    def refuse_another_library(self) -> None:
        """Raises RigError where a take is open here whose library is not the config's: it would be shown, stopped and
        filed as this one's."""
        codec = Codec([WriterSettings], across_builds=True)
        try:
            old = codec.decode(read_own(self._runtime / "writer.json")).library_root
        except (OSError, LinkError):
            return
        new = codec.decode(self._files["writer.json"]).library_root
        if old != new and self.a_take_is_open():
            raise RigError(
                f"a take is open in the runtime folder {self._runtime} that is recorded into {old}; the config says"
                f" {new}. It goes on untouched, and nothing was started. Start rigd with the config of that take and"
                f" stop it, then start with this one; or set another [rig] runtime_dir. To give that take up: delete"
                f" {self._runtime}/tape"
            )

    def a_take_is_open(self) -> bool:
        """By the tape that is there."""
        return _a_take_is_open(self._runtime / "tape")

    def settle(self) -> bool:
        """True: a capture that runs has other settings, and has to be started anew.

        While a take is open the old settings stay, because the interface must not change under it.
        """
        path = self._runtime / "capture.json"
        codec = Codec([CaptureSettings])
        try:
            old = codec.decode(read_own(path))
        except (OSError, LinkError):
            return False  # none, or none that anything could have been started with
        if old == codec.decode(self._files["capture.json"]):
            return False
        if not self.a_take_is_open():
            return True
        log.warning(
            "the config asks for another interface, rate or channel count while a take is open; "
            "it goes on as it was. Start rigd again when the take is stopped"
        )
        self._files["capture.json"] = encode(old)
        return False

    def differs(self, name: str) -> bool:
        """There is such a file, of another start of rigd, and it says something else."""
        try:
            return name in self._files and read_own(self._runtime / name) != self._files[name]
        except OSError:
            return False

    def add(self, name: str, settings: WriterSettings) -> None:
        """Another writer's, written with the others from now on."""
        with self._writing:
            self._files[name] = encode(settings)

    def are_there(self) -> bool:
        """None of the files is missing."""
        with self._writing:
            return all((self._runtime / name).exists() for name in self._files)

    def write(self) -> None:
        """The files are there, whole. Raises OSError. Any thread: both links ask for it."""
        with self._writing:
            for name, settings in self._files.items():
                replace_own(self._runtime / name, settings)


def _a_take_is_open(path: Path) -> bool:
    try:
        with Tape.attach(path, writable=False) as tape:
            return any(not hold.spare for hold in tape.holds())  # a black box always has some
    except OtherLayoutError:
        return True  # who cannot tell must not take an interface away
    except TapeError:
        return False
