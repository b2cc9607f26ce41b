"""A fader box on a pty: the far end of rigd's line protocol (docs/serial-protocol.md), or of deej's lines.

It owns the master side; rigd opens the slave through a link whose path stays the same when the box vanishes
and comes back, as /dev/serial/by-id does. It reads and writes the lines by its own code, so that a mistake
in rigd's is not mirrored here. One thread; every public method may be called from any.

By hand: `python -m hardware_sim.faderbox` prints the port's path, shows LEDs and display, and takes commands.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from hardware_sim.faderbox_front import HELP, Build, Front, describe, frame

__all__ = ["Build", "FaderBox", "Front", "describe", "frame"]

DEEJ_EVERY_S = 0.01
LONGEST_LINE = 256


@dataclass(slots=True)
class _Memory:
    """What the box forgets when its power goes."""

    leds: list[str]
    display: list[str]
    values: dict[str, str] = field(default_factory=dict)
    meters: str = ""
    answers: deque[str] = field(default_factory=lambda: deque(maxlen=64))


class FaderBox:
    """A box with a person's hands on it. Use it as a context manager, or `start` and `stop` it."""

    def __init__(self, link: Path, build: Build | None = None) -> None:
        self.link = link
        self.build = build or Build()
        self.received: deque[str] = deque(maxlen=4096)
        """Every whole line from the host, oldest first."""
        self.bad_lines = 0
        self._lock = threading.RLock()
        self._memory = self._blank()
        self._places = [0] * self.build.faders
        self._held: set[int] = set()
        self._mute = False
        self._deaf = False
        self._master: int | None = None
        self._slave: int | None = None
        self._last_port = ""
        self._wake_read, self._wake_write = os.pipe()
        self._closing = False
        self._part = b""
        self._heard_at = -1e9
        self._host_away = False
        self._greeted = False
        self._awake_at = 0.0
        self._next_beat = 0.0
        self._thread: threading.Thread | None = None

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Plugged in: the port is there."""
        with self._lock:
            self._plug()
        self._thread = threading.Thread(target=self._run, name="faderbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Unplugged for good."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._wake()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._unplug()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def vanish(self) -> None:
        """The cable is pulled: the port and its link are gone."""
        with self._lock:
            self._unplug()
            self._wake()

    def come_back(self) -> None:
        """Plugged in again: another port, the same link."""
        with self._lock:
            self._plug()
            self._wake()

    def reboot(self) -> None:
        """Reset with the cable in: it forgets what it showed, boots, and greets."""
        with self._lock:
            self._power_up()
            self._wake()

    def mute(self, on: bool = True) -> None:
        """It hears, but says nothing more, not even its beat."""
        with self._lock:
            self._mute = on
            self._wake()

    def deafen(self, on: bool = True) -> None:
        """It no longer takes anything from the line."""
        with self._lock:
            self._deaf = on
            self._wake()

    # --- hands -----------------------------------------------------------------------------------

    def move(self, fader: int, raw: int) -> None:
        """The fader now stands at `raw`."""
        with self._lock:
            self._places[fader - 1] = raw
            if self.build.lines == "rigd":
                self.say(f"fader {fader} {raw}")

    def turn(self, encoder: int, detents: int) -> None:
        """So many detents, clockwise positive."""
        self.say(f"encoder {encoder} {detents}")

    def press(self, button: int) -> None:
        """The button goes down."""
        with self._lock:
            self._held.add(button)
        self.say(f"button {button} down")

    def release(self, button: int) -> None:
        """The button comes up."""
        with self._lock:
            self._held.discard(button)
        self.say(f"button {button} up")

    def tap(self, button: int, held_s: float = 0.05) -> None:
        """Down, and up after so long."""
        self.press(button)
        time.sleep(held_s)
        self.release(button)

    def do(self, command: str) -> None:
        """It names a command of rigd's: "keep 20"."""
        self.say(f"do {command}")

    def say(self, text: str) -> None:
        """A line with its checksum."""
        self.send_raw(frame(text))

    def send_raw(self, raw: bytes) -> int:
        """Bytes as they are; those the port has no room for are lost, as on a wire. How many went out."""
        with self._lock:
            if self._master is None or self._mute or time.monotonic() < self._awake_at:
                return 0
            try:
                return os.write(self._master, raw)
            except OSError:
                return 0

    # --- eyes ------------------------------------------------------------------------------------

    def front(self) -> Front:
        """What is lit and shown now."""
        with self._lock:
            memory = self._memory
            return Front(
                leds=tuple(memory.leds),
                display=tuple(memory.display),
                values=dict(memory.values),
                meters=memory.meters,
                answer=memory.answers[-1] if memory.answers else "",
                host=time.monotonic() - self._heard_at < self.build.dead_s,
            )

    def answers(self) -> list[str]:
        """The last replies to actions, oldest first."""
        with self._lock:
            return list(self._memory.answers)

    # --- inside ----------------------------------------------------------------------------------

    def _blank(self) -> _Memory:
        return _Memory(leds=["off"] * self.build.leds, display=[""] * self.build.rows)

    def _plug(self) -> None:
        if self._master is not None:
            return
        # The slave stays open here too, so that the master does not fail while rigd is away.
        self._master, self._slave = self._another_port()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.link)
        self._power_up()

    def _another_port(self) -> tuple[int, int]:
        """A pty of another number than the last one's, however many processes take and leave ptys meanwhile."""
        passed = []
        try:
            while True:
                master, slave = os.openpty()
                name = os.ttyname(slave)
                if name != self._last_port:
                    self._last_port = name
                    return master, slave
                passed += [master, slave]
        finally:
            for descriptor in passed:
                os.close(descriptor)

    def _unplug(self) -> None:
        if self._master is None or self._slave is None:
            return
        with contextlib.suppress(OSError):
            if os.readlink(self.link) == os.ttyname(self._slave):
                self.link.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None

    def _power_up(self) -> None:
        self._memory = self._blank()
        self._part, self._greeted, self._heard_at = b"", False, -1e9
        self._awake_at = time.monotonic() + self.build.boot_s
        self._next_beat = self._awake_at

    def _wake(self) -> None:
        os.write(self._wake_write, b"!")

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                self._speak_up()
                listening = self._master is not None and not self._deaf
                waiting = [
                    self._wake_read,
                    *([self._master] if listening and self._master is not None else []),
                ]
                pause = DEEJ_EVERY_S if self.build.lines == "deej" else 0.05
            ready = select.select(waiting, [], [], pause)[0]
            with self._lock:
                if self._wake_read in ready:
                    os.read(self._wake_read, 4096)
                elif self._master is not None and self._master in ready:
                    self._listen(self._master)

    def _speak_up(self) -> None:
        """What it says by itself: greeting, beat, or deej's stream."""
        now = time.monotonic()
        if self._master is None or now < self._awake_at:
            return
        if self.build.lines == "deej":
            self.send_raw("|".join(str(place) for place in self._places).encode() + b"\r\n")
            return
        if not self._greeted:
            self._greet()
        if now >= self._next_beat:
            self._next_beat = now + self.build.beat_s
            self.say("beat")
        if 0 < self._heard_at < now - self.build.dead_s:
            self._heard_at, self._host_away = -1e9, True
            self._memory = self._blank()
            if self._memory.display:
                self._memory.display[0] = "no rigd"

    def _greet(self) -> None:
        self._greeted = True
        self.say(self.build.greeting())
        for number, place in enumerate(self._places, start=1):
            self.say(f"fader {number} {place}")

    def _listen(self, master: int) -> None:
        try:
            brought = os.read(master, 4096)
        except OSError:
            return
        if time.monotonic() < self._awake_at or self.build.lines == "deej":
            return
        *lines, self._part = (self._part + brought).split(b"\n")
        self._part = self._part[-LONGEST_LINE:]
        for line in lines:
            text, star, digits = line.rpartition(b"*")
            if star and frame(text.decode("ascii", "replace")) == line + b"\n" and len(digits) == 2:
                self._obey(text.decode("ascii"))
            else:
                self.bad_lines += 1
                self.say("again")

    def _obey(self, text: str) -> None:
        """A whole line from the host. Words that this box does not know are left alone."""
        self.received.append(text)
        if self._host_away:
            self.say("again")
        self._host_away, self._heard_at = False, time.monotonic()
        verb, _, rest = text.partition(" ")
        first, _, tail = rest.partition(" ")
        memory = self._memory
        match verb:
            case "rigd":
                self._greet()
            case "led" if first.isdigit() and 1 <= int(first) <= self.build.leds:
                memory.leds[int(first) - 1] = tail
            case "text" if first.isdigit() and 1 <= int(first) <= self.build.rows:
                memory.display[int(first) - 1] = tail[: self.build.columns]
            case "value":
                number, _, shown = tail.partition(" ")
                memory.values[f"{first} {number}"] = shown
            case "meters":
                memory.meters = rest
            case "ok" | "no":
                memory.answers.append(text)


# --- by hand ----------------------------------------------------------------------------------------


def _obey_person(box: FaderBox, typed: str) -> str:
    """What a typed line does; a reply for the person, empty where there is none."""
    verb, _, rest = typed.strip().partition(" ")
    plain: dict[str, Callable[[], object]] = {
        "mute": box.mute,
        "unmute": lambda: box.mute(False),
        "deaf": box.deafen,
        "hear": lambda: box.deafen(False),
        "reboot": box.reboot,
        "vanish": box.vanish,
        "back": box.come_back,
        "garbage": lambda: box.send_raw(bytes(range(128, 256)) + b"\n"),
    }
    try:
        if verb in plain:
            plain[verb]()
        elif verb == "do":
            box.do(rest)
        elif verb[:1] == "f" and 1 <= int(verb[1:]) <= box.build.faders:
            box.move(int(verb[1:]), min(box.build.fader_max, max(0, int(rest))))
        elif verb[:1] == "e":
            box.turn(int(verb[1:]), int(rest))
        elif verb[:1] == "b":
            box.tap(int(verb[1:]), float(rest or 0.05))
        elif verb:
            return HELP
    except ValueError:
        return HELP
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hardware_sim.faderbox", description=__doc__)
    parser.add_argument(
        "--link", type=Path, default=Path(f"/tmp/faderbox-{os.getuid()}"), help="path of the port"
    )
    parser.add_argument("--deej", action="store_true", help="speak deej's plain lines")
    asked = parser.parse_args()
    build = Build(lines="deej") if asked.deej else Build()
    with FaderBox(asked.link, build) as box:
        print(
            f'port: {box.link}\n\n[surface.box]\nkind = "serial"\nport = "{box.link}"\n\n{HELP}', flush=True
        )
        shown, half = "", b""
        while True:
            ready = select.select([sys.stdin], [], [], 0.2)[0]
            if ready:
                brought = os.read(sys.stdin.fileno(), 4096)
                *lines, half = (half + brought).split(b"\n")
                for typed in (line.decode(errors="replace") for line in lines):
                    if typed.strip() in ("quit", "q"):
                        return 0
                    if reply := _obey_person(box, typed):
                        print(reply, flush=True)
                if not brought:
                    return 0
            now = describe(box.front())
            if now != shown:
                shown = now
                print(f"\n{now}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
