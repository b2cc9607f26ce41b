"""A simulated foot pedal: a MIDI port of ALSA or JACK, or raw MIDI bytes on a pty.

It knows nothing of rigd and reads and writes MIDI by its own few lines, so that a mistake there is not
mirrored here. One thread listens for what lights its lamps; public methods may be called from any.

By hand: `python -m hardware_sim.pedal --pty` prints the config to paste and what the keys do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
import tempfile
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

Kind = Literal["momentary", "latching", "fixed", "program", "note"]
"""momentary: 127 down, 0 up. latching: 127, then 0, a message a press. fixed: 127 a press. program: a program
change a press. note: note on, note off (as note on with velocity 0)."""

TAP_S = 0.08
BETWEEN_S = 0.08
HOLD_S = 0.9
LONG_HOLD_S = 2.4


class Wire(Protocol):
    """The cable."""

    name: str
    """What goes into the config as port = "..."."""

    def send(self, message: bytes) -> None:
        """Bytes to the rig, as they are; nobody has to listen."""

    def receive(self, timeout_s: float) -> bytes:
        """What the rig sent; empty where nothing came."""

    def close(self) -> None:
        """The cable is pulled."""


class PtyWire:
    """A serial line: the rig opens `path`, which is a link that stays the same when the pedal returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"serial:{path}"
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        path.symlink_to(os.ttyname(self._theirs))

    def send(self, message: bytes) -> None:
        """See Wire. What does not fit because nobody reads is lost, as on a real line."""
        while message:
            _, ready, _ = select.select([], [self._ours], [], 1.0)
            if not ready:
                return
            message = message[os.write(self._ours, message) :]

    def receive(self, timeout_s: float) -> bytes:
        """See Wire."""
        ready, _, _ = select.select([self._ours], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            return os.read(self._ours, 4096) if ready else b""
        return b""

    def close(self) -> None:
        """See Wire."""
        self.path.unlink(missing_ok=True)
        os.close(self._theirs)
        os.close(self._ours)


class PortWire:
    """A MIDI port that other programs see: of ALSA's sequencer where there is one, else of JACK."""

    def __init__(
        self, name: str = "Simulated pedal", *, api: Literal["auto", "alsa", "jack"] = "auto"
    ) -> None:
        import rtmidi

        alsa = api == "alsa" or (api == "auto" and Path("/dev/snd/seq").exists())
        number = rtmidi.API_LINUX_ALSA if alsa else rtmidi.API_UNIX_JACK
        self.name = name
        self._switches: Any = rtmidi.MidiOut(number, name=name)
        self._switches.open_virtual_port("switches")
        self._lamps: Any = rtmidi.MidiIn(number, name=f"{name} lamps")
        self._lamps.open_virtual_port("lamps")

    def send(self, message: bytes) -> None:
        """See Wire."""
        self._switches.send_message(message)

    def receive(self, timeout_s: float) -> bytes:
        """See Wire. RtMidi cannot be waited for without Python in the server's thread, so this looks."""
        got = self._lamps.get_message()
        if got is None:
            time.sleep(min(timeout_s, 0.005))
            got = self._lamps.get_message()
        return bytes(got[0]) if got else b""

    def close(self) -> None:
        """See Wire."""
        for port in (self._switches, self._lamps):
            port.close_port()
            port.delete()


class Pedal:
    """One switch and any number of lamps. Runs from `with` to its end; `unplug` and `plug_in` in between."""

    def __init__(
        self,
        make_wire: Callable[[], Wire],
        *,
        kind: Kind = "momentary",
        number: int = 80,
        channel: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._make_wire = make_wire
        self._kind = kind
        self._number = number
        self._channel = channel
        self._sleep = sleep
        self._latched = False
        self._lock = threading.Lock()
        self._lamps: dict[str, int] = {}
        self._heard = bytearray()
        self._wire: Wire | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> str:
        """What goes into the config; empty while it is unplugged."""
        return self._wire.name if self._wire else ""

    @property
    def lamps(self) -> dict[str, int]:
        """What the rig set last: "cc 80" or "note 60" to its value; of all channels."""
        with self._lock:
            return dict(self._lamps)

    def plug_in(self) -> None:
        """The port is there; lamps are dark, as after power-up."""
        self._wire = self._make_wire()
        with self._lock:
            self._lamps.clear()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch_lamps, name="pedal", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The port is gone, whatever was held."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._wire is not None:
            self._wire.close()
        self._wire = self._thread = None

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    def press(self) -> None:
        """The foot goes down."""
        if self._kind == "program":
            self.send(bytes((0xC0 | self._channel - 1, self._number)))
        elif self._kind == "latching":
            self._latched = not self._latched
            self._say(127 if self._latched else 0)
        else:
            self._say(127)

    def release(self) -> None:
        """The foot comes up, of which only a momentary switch and a note tell."""
        if self._kind in ("momentary", "note"):
            self._say(0)

    def tap(self, held_s: float = TAP_S) -> None:
        """One short press."""
        self.press()
        self._sleep(held_s)
        self.release()

    def double(self) -> None:
        """Two short presses."""
        self.tap()
        self._sleep(BETWEEN_S)
        self.tap()

    def hold(self, held_s: float = HOLD_S) -> None:
        """A press that is held."""
        self.tap(held_s)

    def long_hold(self, held_s: float = LONG_HOLD_S) -> None:
        """A press that is held for long."""
        self.tap(held_s)

    def send(self, message: bytes) -> None:
        """Any bytes at all."""
        if self._wire is not None:
            self._wire.send(message)

    def _say(self, value: int) -> None:
        status = (0x90 if self._kind == "note" else 0xB0) | self._channel - 1
        self.send(bytes((status, self._number, value)))

    def _watch_lamps(self) -> None:
        wire = self._wire
        while wire is not None and not self._stopping.is_set():
            self._heard += wire.receive(0.05)
            while len(self._heard) >= 3:
                status, number, value = self._heard[:3]
                if status & 0xF0 not in (0x90, 0xB0):
                    del self._heard[0]
                    continue
                del self._heard[:3]
                with self._lock:
                    self._lamps[f"{'note' if status & 0xF0 == 0x90 else 'cc'} {number}"] = value


def main(arguments: list[str] | None = None) -> int:
    """A pedal under a person's fingers, until q."""
    parser = argparse.ArgumentParser(prog="python -m hardware_sim.pedal", description=__doc__)
    parser.add_argument("--pty", action="store_true", help="raw MIDI on a pty: needs no MIDI system at all")
    parser.add_argument("--path", type=Path, help="where the pty's link is made (default: in a new folder)")
    parser.add_argument("--name", default="Simulated pedal", help="name of the MIDI port without --pty")
    parser.add_argument(
        "--kind", default="momentary", choices=["momentary", "latching", "fixed", "program", "note"]
    )
    parser.add_argument("--number", type=int, default=80, help="controller, note or program, 0 to 127")
    parser.add_argument("--channel", type=int, default=1)
    given = parser.parse_args(arguments)
    with contextlib.ExitStack() as at_end:
        path = given.path
        if given.pty and path is None:
            path = Path(at_end.enter_context(tempfile.TemporaryDirectory(prefix="pedal-"))) / "midi"
        pedal = at_end.enter_context(
            Pedal(
                (lambda: PtyWire(path)) if given.pty else (lambda: PortWire(given.name)),
                kind=given.kind,
                number=given.number,
                channel=given.channel,
            )
        )
        print(f'[surface.pedal]\nkind = "midi"\nport = "{pedal.port}"\n', flush=True)
        print(
            "t tap, d double, h hold, l long hold, space down or up, u unplug or plug in, q quit", flush=True
        )
        _play(pedal, sys.stdin.fileno())
    return 0


def _play(pedal: Pedal, keys: int) -> None:
    before = termios.tcgetattr(keys) if os.isatty(keys) else None
    down = False
    shown: dict[str, int] = {}
    try:
        if before is not None:
            tty.setcbreak(keys)
        while True:
            if pedal.lamps != shown:
                shown = pedal.lamps
                lit = ", ".join(f"{lamp} = {value}" for lamp, value in sorted(shown.items()) if value)
                print(f"lamps: {lit or 'dark'}", flush=True)
            if not select.select([keys], [], [], 0.05)[0]:
                continue
            key = os.read(keys, 1).decode(errors="replace")
            if key in ("q", ""):
                return
            if key == " ":
                down = not down
                (pedal.press if down else pedal.release)()
            elif key == "u":
                (pedal.unplug if pedal.port else pedal.plug_in)()
            elif key in "tdhl":
                {"t": pedal.tap, "d": pedal.double, "h": pedal.hold, "l": pedal.long_hold}[key]()
    finally:
        if before is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)


if __name__ == "__main__":
    sys.exit(main())
