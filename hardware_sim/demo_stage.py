"""What a person sees of the demo, and their keys: space is the foot on the pedal.

The view is that of `rigd run`, with a caption above and the fader box below. A thread of its own draws, the keys have
another one. Whoever presses a key has the rig from then on: the story ends, and they play.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from hardware_sim.faderbox import FaderBox, describe
from hardware_sim.pedal import Pedal
from rigd.api.client import ControlClient
from rigd.cli.keys import Keys, Press
from rigd.cli.live import COMMANDS, LEAVES, Drawing
from rigd.cli.plain_console import PlainConsole
from rigd.cli.view import Paper
from rigd.model.errors import LinkError

AUDIENCE_S = 20.0
"""After the story the rig is the person's; where nobody presses a key for so long, nobody is there."""
ROOM_FOR_THE_BOX = 24
"""Lines. On fewer the channels are worth more than a picture of the box."""
FRAME_COLUMNS, FRAME_LINES = 4, 2
LEAST_VIEW_LINES = 6
CLOSE_WITHIN_S = 2.0


class TakenOver(Exception):
    """The person at the keys plays from here on, or leaves."""


class Stage:
    """Runs from `with` to its end. Where there is no terminal it only says captions, line by line."""

    def __init__(self, console: PlainConsole, socket: Path, pedal: Pedal, box: FaderBox) -> None:
        self._console, self._socket, self._pedal, self._box = console, socket, pedal, box
        self._caption = ""
        self._foot = threading.Lock()
        """The story and the person have one pedal."""
        self._taken = threading.Event()
        self._left = threading.Event()
        self.has_keys = Keys.are_there()
        self._drawing = Drawing(
            socket, has_keys=self.has_keys, around=self._around, leaving="end the demo; takes stay"
        )
        self._keys = Keys(self._press, is_whole=True) if self.has_keys else None
        self._thread = threading.Thread(target=self._draw, name="demo-screen", daemon=True)

    def __enter__(self) -> Stage:
        if self._console.is_terminal:
            self._thread.start()
        if self._keys is not None:
            self._keys.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawing.leave()
        if self._keys is not None:
            self._keys.stop()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)

    @property
    def is_taken(self) -> bool:
        """A person has pressed a key: what the story would have come to is not known."""
        return self._taken.is_set()

    @property
    def is_left(self) -> bool:
        """They have ended the demo."""
        return self._left.is_set()

    def say(self, caption: str) -> None:
        """What happens now, in a sentence."""
        self._caption = caption
        if not self._console.is_terminal:
            self._console.print(f"- {caption}", markup=False)

    def wait(self, seconds: float) -> None:
        """As long as the story rests. Raises TakenOver as soon as the person takes over."""
        if self._taken.wait(seconds):
            raise TakenOver

    def foot(self, move: Callable[[], None]) -> None:
        """The story's foot moves. Raises TakenOver where the pedal is the person's by now."""
        with self._foot:
            if self._taken.is_set():
                raise TakenOver
            move()

    def hand_over(self, *, is_patient: bool, is_over: Callable[[], bool]) -> None:
        """The rig is the person's until they leave it or `is_over`. Where nobody plays: soon, unless `is_patient`."""
        until = "" if is_patient or self.is_taken else f" (in {AUDIENCE_S:.0f} s by itself)"
        self.say(
            "It is yours: space taps the pedal (twice: next take), h holds it (again), ? has more keys, q ends it"
            f"{until}. Listen, in another terminal: {rigd_command()} takes play --runtime-dir {self._socket.parent}"
        )
        if not is_patient and not self._taken.wait(AUDIENCE_S):
            return
        while not self._left.wait(0.1) and not is_over():
            pass

    def _press(self, press: Press) -> None:
        if press.key in LEAVES:
            self._left.set()
            self._taken.set()
        elif press.key in (" ", "h"):
            self._taken.set()
            with self._foot:
                (self._pedal.tap if press.key == " " else self._pedal.hold)()
            self._drawing.say("the pedal is tapped" if press.key == " " else "the pedal was held")
        else:
            if press.key in COMMANDS:
                self._taken.set()
            self._drawing.press(press)

    def _draw(self) -> None:
        with contextlib.suppress(LinkError, OSError), ControlClient(self._socket) as client:
            self._drawing.draw(client)

    def _around(self, paper: Paper, view: Callable[[Paper], RenderableType]) -> RenderableType:
        """The caption, the view on what is left, the box."""
        is_tall = paper.height >= ROOM_FOR_THE_BOX
        columns = max(1, paper.width - FRAME_COLUMNS * is_tall)
        caption = list(
            Text(self._caption, style="bold" if is_tall else "bold cyan").wrap(self._console, columns)
        )
        above: RenderableType = Group(*caption)
        below: list[RenderableType] = []
        taken = len(caption)
        if is_tall:
            above = Panel(above, title="rigd demo", border_style="cyan")
            front = describe(self._box.front()).split("\n")
            below = [Panel(Group(*map(Text, front)), title="the fader box shows", border_style="grey50")]
            taken += len(front) + 2 * FRAME_LINES
        height = max(LEAST_VIEW_LINES, paper.height - taken)
        return Group(above, view(Paper(width=paper.width, height=height, encoding=paper.encoding)), *below)


def rigd_command() -> str:
    """How the person at this terminal calls rigd."""
    called = Path(sys.argv[0])
    return shlex.quote(str(called)) if called.name == "rigd" and called.is_file() else "rigd"
