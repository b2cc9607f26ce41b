"""The live view: meters, state and what happens, drawn over and over in a terminal."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from pathlib import Path

from rich.live import Live

from rigd.api.client import ControlClient
from rigd.cli.terminal import LEVELS_HZ, out
from rigd.cli.view import live_view
from rigd.cli.watching import AGAIN_AFTER_S, watch_rig
from rigd.model.changes import Followed
from rigd.model.errors import RigError
from rigd.model.events import Event
from rigd.model.levels import Levels
from rigd.model.state import RigState

STORY_LINES = 8
STOP_WITHIN_S = 1.0


def show_live(path: Path) -> None:
    """Draws the rig until Ctrl-C or until rigd ends, as `watch_rig`."""
    watch_rig(path, draw)


def draw(client: ControlClient, known: Followed | None = None) -> None:
    """Draws what `client` hears, until it is closed or rigd ends (LinkError). OSError where the terminal is gone.
    `known` is what an earlier connection brought."""
    state: RigState | None = None
    levels: Levels | None = None
    story: deque[Event] = deque(maxlen=STORY_LINES)
    with Live(console=out.console, auto_refresh=False, screen=False, vertical_overflow="crop") as live:
        for news in client.follow(levels_hz=LEVELS_HZ, known=known):
            if isinstance(news, RigState):
                state = news
            elif isinstance(news, Event):
                story.append(news)
            else:
                levels = news
            if state is not None:
                live.update(live_view(state, levels, tuple(story)), refresh=True)


class LiveView:
    """The view beside the rig, on threads of its own: a terminal that takes nothing more holds up no other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client: ControlClient | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rigd-view", daemon=True)
        self.is_cut_off = False
        """The terminal is gone, and nothing more is drawn."""

    def start(self) -> None:
        """Draws, until `stop` or the end of the terminal."""
        self._thread.start()

    def say(self, text: str) -> None:
        """A line above the view. Never waits."""
        threading.Thread(target=self._print, args=(text,), name="rigd-view-line", daemon=True).start()

    def stop(self) -> bool:
        """Nothing more is drawn. False where the view's thread still stands in a write to its terminal."""
        self._stopping.set()
        if self._client is not None:
            self._client.close()
        self._thread.join(STOP_WITHIN_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """A view that stood still for long was cut off by rigd; it is drawn again."""
        while not self._stopping.is_set():
            try:
                with ControlClient(self._path) as client:
                    self._client = client
                    if not self._stopping.is_set():
                        draw(client)
            except RigError:
                self._stopping.wait(AGAIN_AFTER_S)
            except OSError:
                self.is_cut_off = True
                return

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):
            out.console.print(text, style="bold yellow", soft_wrap=False)
