"""The live view: meters, state and what happens, drawn over and over in a terminal, and its keys."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from rich.console import Group, RenderableType
from rich.live import Live

from rigd.api.client import ControlClient
from rigd.cli.keys import Keys, Press
from rigd.cli.story import Story
from rigd.cli.terminal import LEVELS_HZ, out
from rigd.cli.view import LEAVING, Look, Paper, live_view
from rigd.cli.watching import AGAIN_AFTER_S, watch_rig
from rigd.cli.words import headline_words
from rigd.model.changes import Followed
from rigd.model.errors import LinkError, RigError
from rigd.model.events import Event
from rigd.model.levels import Levels
from rigd.model.state import RigState
from rigd.model.units import Ns

STORY_LINES = 40
"""As many as a tall terminal has room for."""
STOP_WITHIN_S = 1.0
LOOK_EVERY_S = 0.5
LEAST_BETWEEN_S = 0.04
"""From one picture to the next."""
WORD_FOR_S = 6.0
"""How long what came of a key is shown."""
KEEP_S = 20.0
COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    " ": ("toggle", {}),
    "n": ("next", {}),
    "m": ("mark", {}),
    "k": ("keep", {"seconds": KEEP_S}),
    "u": ("undo", {}),
    "c": ("circle", {}),
    "x": ("clear-clips", {}),
}
"""The command of each key."""
LEAVES = ("q", "\x1a")
"""Ctrl-Z comes as a key where nothing else is meant by it: a view that stood still would be cut off."""

View = Callable[[Paper], RenderableType]
"""The view as it is now, on a paper."""


def alone(paper: Paper, view: View) -> RenderableType:
    """Nothing stands around the view."""
    return view(paper)


class Drawing:
    """What is on the screen, from the rig's news and the person's keys. Any thread.

    One thread takes the news, another one paints what is true by then: a slow terminal, or a machine that is busy,
    sees fewer pictures and never old ones.
    """

    def __init__(
        self,
        path: Path,
        *,
        has_keys: bool = False,
        around: Callable[[Paper, View], RenderableType] = alone,
        leaving: str = LEAVING,
    ) -> None:
        """`around` puts the view on a part of the paper; `leaving` is what q does."""
        self._path = path
        self._around = around
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._is_over = threading.Event()
        self._broken: OSError | None = None
        self._client: ControlClient | None = None
        self._story = Story(STORY_LINES)
        self._levels: Levels | None = None
        self._look = Look(has_keys=has_keys, leaving=leaving)
        self._word_until = 0.0
        self.state: RigState | None = None
        self.is_left = False
        """The person has asked to leave."""

    def draw(self, client: ControlClient, known: Followed | None = None) -> bool:
        """Draws what `client` receives, until rigd ends (LinkError) or the person leaves: True. OSError where the
        terminal is gone. `known` is what an earlier connection brought."""
        screen = out.console.is_terminal
        with Live(console=out.console, auto_refresh=False, screen=screen, vertical_overflow="crop") as live:
            self._is_over.clear()
            self._broken, self._client = None, client
            painter = threading.Thread(target=self._paint_on, args=(live,), name="rigd-paint", daemon=True)
            painter.start()
            try:
                for news in client.follow(levels_hz=LEVELS_HZ, known=known):
                    if self.is_left:
                        return True
                    self._take(news)
            except LinkError:
                if not self.is_left:
                    raise
            finally:
                self._client = None
                self._is_over.set()
                self._changed.set()
                painter.join()
                if self._broken is not None:
                    raise self._broken
        return self.is_left

    def _take(self, news: RigState | Event | Levels) -> None:
        with self._lock:
            if isinstance(news, RigState):
                self.state = news
            elif isinstance(news, Event):
                self._story.add(news)
            else:
                self._levels = news
        self._changed.set()

    def _paint_on(self, live: Live) -> None:
        while not self._is_over.is_set():
            self._changed.wait()
            self._changed.clear()
            began_s = time.monotonic()
            try:
                self._paint(live)
            except OSError as error:
                self._broken = error
                if self._client is not None:
                    self._client.close()
                return
            # Half of a processor at most: the rig is on the same machine.
            self._is_over.wait(max(LEAST_BETWEEN_S, time.monotonic() - began_s))

    def _paint(self, live: Live) -> None:
        with self._lock:
            if self._look.word and time.monotonic() > self._word_until:
                self._look = replace(self._look, word="")
            state, levels, story, look = self.state, self._levels, self._story.lines, self._look
        if state is not None:
            size = out.console.size
            paper = Paper(width=size.width, height=size.height, encoding=out.console.encoding)
            now = state

            def view(paper: Paper) -> Group:
                return Group(*live_view(now, levels, story, paper, look))

            live.update(self._around(paper, view), refresh=True)

    def say(self, word: str) -> bool:
        """The person sees this for some seconds. False where nothing is drawn."""
        with self._lock:
            self._look = replace(self._look, word=word)
            self._word_until = time.monotonic() + WORD_FOR_S
        self._changed.set()
        return self._client is not None

    def press(self, press: Press) -> None:
        """What a key does. On the keys' thread."""
        if press.key in COMMANDS:
            verb, arguments = COMMANDS[press.key]
            self.say(self._command(verb, press.at_ns, arguments))
            return
        if press.key in LEAVES:
            self.leave()
            return
        with self._lock:
            if press.key in "<>":
                step = 1 if press.key == ">" else -1
                self._look = replace(self._look, page=self._look.page + step)
            elif self._look.is_help or self._look.is_faults or press.key in "?f":
                is_open = self._look.is_help or self._look.is_faults
                is_help, is_faults = press.key == "?" and not is_open, press.key == "f" and not is_open
                self._look = replace(self._look, is_help=is_help, is_faults=is_faults)
        self._changed.set()

    def leave(self) -> None:
        """The person goes; the rig does not."""
        with self._lock:
            self._look = replace(self._look, is_help=False, is_faults=False)  # who comes back sees the rig
        self.is_left = True
        client = self._client
        if client is not None:
            client.close()

    def _command(self, verb: str, at_ns: Ns, arguments: dict[str, Any]) -> str:
        try:
            with ControlClient(self._path, origin="keyboard") as client:
                answer = client.command(verb, at_ns=at_ns, **arguments)
        except RigError as error:
            return str(error)
        return answer.text or verb if answer.accepted else f"not done: {answer.text}"


def show_live(path: Path) -> None:
    """Draws the rig until q, Ctrl-C or until rigd ends, as `watch_rig`."""
    drawing = Drawing(path, has_keys=Keys.are_there())
    watch = _Watch(path, drawing)
    with Keys(drawing.press, is_whole=True) if Keys.are_there() else contextlib.nullcontext():
        watch.start()
        try:
            while watch.is_alive():
                watch.join(LOOK_EVERY_S)
        except KeyboardInterrupt:
            drawing.leave()
            watch.join(STOP_WITHIN_S)
    if watch.error is not None:
        raise watch.error
    if drawing.is_left:
        with contextlib.suppress(RigError):  # asked anew: the view may trail what a key has just begun
            with ControlClient(path) as client:
                word = headline_words(client.status().state)
            out.print(f"{word}. You have left the view; the rig goes on. See it: rigd watch")


class _Watch(threading.Thread):
    """Draws on a thread of its own: Ctrl-C comes to the main thread between any two steps of it, and might leave a
    lock locked there that nobody opens again."""

    def __init__(self, path: Path, drawing: Drawing) -> None:
        super().__init__(name="rigd-watch", daemon=True)
        self._path, self._drawing = path, drawing
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            watch_rig(self._path, self._drawing.draw)
        except Exception as error:  # told by who waits for this thread
            self.error = error


class LiveView:
    """The view beside the rig, on threads of its own: a terminal that takes nothing more holds up no other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client: ControlClient | None = None
        self._stopping = threading.Event()
        self._is_wanted = threading.Event()
        self._is_wanted.set()
        self._drawing = Drawing(path, has_keys=Keys.are_there())
        self._keys = Keys(self._press) if Keys.are_there() else None
        self._thread = threading.Thread(target=self._run, name="rigd-view", daemon=True)
        self.is_cut_off = False
        """The terminal is gone, and nothing more is drawn."""

    def start(self) -> None:
        """Draws, until `stop` or the end of the terminal."""
        if self._keys is not None:
            self._keys.start()
        self._thread.start()

    def say(self, text: str) -> None:
        """A line for the person, in the view or, where it is left, below it. Never waits."""
        threading.Thread(target=self._say, args=(text,), name="rigd-view-line", daemon=True).start()

    def stop(self) -> bool:
        """Nothing more is drawn, and the terminal is as it was. False where the view's thread still stands in a write
        to its terminal."""
        self._stopping.set()
        self._is_wanted.set()
        if self._client is not None:
            self._client.close()
        self._thread.join(STOP_WITHIN_S)
        if self._keys is not None:
            self._keys.stop()
        return not self._thread.is_alive()

    def _press(self, press: Press) -> None:
        if self._is_wanted.is_set():
            self._drawing.press(press)
            if self._drawing.is_left:
                self._is_wanted.clear()
        elif press.key == "v":
            self._drawing.is_left = False
            self._is_wanted.set()

    def _run(self) -> None:
        """A view that stood still for long was cut off by rigd; it is drawn again."""
        while not self._stopping.is_set():
            try:
                with ControlClient(self._path) as client:
                    self._client = client
                    if not self._stopping.is_set():
                        self._drawing.draw(client)
            except RigError:
                if not self._drawing.is_left:
                    self._stopping.wait(AGAIN_AFTER_S)
            except OSError:
                self.is_cut_off = True
                return
            if self._drawing.is_left and not self._stopping.is_set():
                self._print("You have left the view; the rig goes on. v shows it again, Ctrl-C ends the rig.")
                self._is_wanted.wait()

    def _say(self, text: str) -> None:
        if not self._drawing.say(text):
            self._print(text)

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):
            out.console.print(text, style="bold yellow", soft_wrap=False)
