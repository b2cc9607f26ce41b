"""Is the interface that was found the one that the open take was begun with? Any thread of capture.

A take's labels say which socket each channel was plugged into. While a take is open, sound of another interface must
not get under them: not of another card that the config would also fit, not at another rate. One that came back with
fewer inputs is heard with those; the others are silence, and it is told. What was listened to last stands in
RUNTIME_DIR/interface.known, for the next capture process.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from rigd.capture.driver import FoundInterface
from rigd.capture.interfaces import lasting_name
from rigd.model.errors import MismatchError
from rigd.wire.own_folder import read_own, remove_own, replace_own

KNOWN_NAME = "interface.known"
_SERIAL = ", serial number "
FEWER_NAME = "interface.fewer"
SETTLED_S = 1.0
"""An interface that is just coming back may list its inputs one after another. One that has had fewer for so long,
in the eyes of two processes (PortAudio's list never changes within one), has fewer."""


def identity_of(found: FoundInterface) -> str:
    """Its lasting name, and its serial number where it has one: an equal card has the same name."""
    return lasting_name(found.device) + _serial(found)


def _serial(found: FoundInterface) -> str:
    return f"{_SERIAL}{found.usb_serial}" if found.usb_serial else ""


def remember_interface(runtime: Path, found: FoundInterface) -> None:
    """This is the one that is listened to."""
    replace_own(runtime / KNOWN_NAME, identity_of(found).encode("utf-8"))


def keep_interface(runtime: Path, found: FoundInterface) -> None:
    """It is remembered still, where somebody deleted what was remembered. OSError."""
    if not (runtime / KNOWN_NAME).exists():
        remember_interface(runtime, found)


def known_interface(runtime: Path) -> str:
    """The lasting name of the one that was listened to last; empty where there was none."""
    try:
        return read_own(runtime / KNOWN_NAME).decode("utf-8")
    except (OSError, ValueError):
        return ""


def fewer_for_s(runtime: Path, found: FoundInterface, *, now_s: float) -> float:
    """For how long it has been seen with just so many inputs; 0 the first time."""
    path = runtime / FEWER_NAME
    try:
        inputs, since_s = read_own(path).decode("ascii").split()
        if int(inputs) == found.channels and now_s - float(since_s) >= 0.0:
            return now_s - float(since_s)
    except (OSError, ValueError):
        pass
    replace_own(path, f"{found.channels} {now_s}".encode("ascii"))
    return 0.0


def forget_fewer(runtime: Path) -> None:
    """It has been opened as it is."""
    remove_own(runtime / FEWER_NAME)


class Match(Struct, frozen=True, kw_only=True):
    """The interface that was found beside what is wanted of it."""

    found: FoundInterface
    wanted_channels: int
    known: str
    """The lasting name of the interface that the open take was begun with; empty where any will do."""
    held: bool
    """A take is open."""

    def check(self, runtime: Path, *, now_s: float) -> None:
        """Raises MismatchError where nothing of this interface may be recorded now."""
        # Without a serial number in what is known only the name is compared.
        found = identity_of(self.found) if _SERIAL in self.known else lasting_name(self.found.device)
        if self.known and found != self.known:
            raise MismatchError(
                f'interface "{self.found.device}{_serial(self.found)}" is there, but the open take was begun with '
                f'"{self.known}". Nothing of it was recorded: it would stand under the wrong names. Connect the '
                "right one, or stop the take; then rigd goes on by itself"
            )
        if not self._missing:
            return
        has = f"[audio] device {self.found.device!r} has {self.found.channels} inputs, the rig needs"
        if not self.held:
            raise MismatchError(
                f"{has} {self.wanted_channels}. Nothing was opened. Set audio.channels to {self.found.channels} "
                "or less, or connect the right interface"
            )
        if fewer_for_s(runtime, self.found, now_s=now_s) < SETTLED_S:
            raise MismatchError(
                f"{has} {self.wanted_channels}. Nothing is heard of it yet: it is looked at again in a moment"
            )

    @property
    def told(self) -> str:
        """What a person has to know of an interface that is heard all the same; empty where all is as it was."""
        if not self._missing:
            return ""
        return (
            f'interface "{self.found.device}" came back with {self.found.channels} inputs, the rig needs '
            f"{self.wanted_channels}. They are recorded; inputs {self.found.channels + 1} to {self.wanted_channels} "
            "are silence. Set the interface to the mode with all inputs, and switch it off and on; then rigd takes "
            "them again by itself"
        )

    @property
    def _missing(self) -> int:
        return max(0, self.wanted_channels - self.found.channels)
