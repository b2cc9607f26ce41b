"""The live view: meters, state and what happens, drawn over and over in a terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from rich.live import Live

from rigd.api.client import ControlClient
from rigd.api.peer_process import PeerProcess
from rigd.cli.story import Story
from rigd.cli.terminal import LEVELS_HZ, out
from rigd.cli.view import live_view
from rigd.model.errors import NotRunning, RigEnded, RigError
from rigd.model.events import Event
from rigd.model.levels import Levels
from rigd.model.state import RigState

STORY_LINES = 8
STOP_WITHIN_S = 1.0
AGAIN_AFTER_S = 0.3
"""Pause before a view that lost its connection asks for another."""


def show_live(path: Path) -> None:
    """Draws the rig until Ctrl-C or until rigd ends. Raises LinkError where there is none.

    Who stood still for long (Ctrl-S, a laptop that slept) was cut off by rigd, and draws again. That rigd has ended
    is said only where it is known: it said so itself, or its process is gone."""
    was_there, said = False, ""
    process = PeerProcess(0)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                why = ""
                with ControlClient(path) as client:
                    was_there = True
                    process.close()
                    process = PeerProcess(client.peer_pid)
                    draw(client)
            except RigError as error:
                if not was_there:
                    raise
                if isinstance(error, RigEnded) or (isinstance(error, NotRunning) and process.has_ended()):
                    out.print("rigd has ended.")
                    return
                why = str(error)
            if why and why != said:
                said = why
                out.print(f"Not watched for the moment: {why}. This goes on trying.", style="yellow")
            time.sleep(AGAIN_AFTER_S)


def draw(client: ControlClient) -> None:
    """Draws what `client` hears, until it is closed or rigd ends (LinkError). OSError where the terminal is gone."""
    state: RigState | None = None
    levels: Levels | None = None
    story = Story(STORY_LINES)
    with Live(console=out.console, auto_refresh=False, screen=False, vertical_overflow="crop") as live:
        for news in client.follow(levels_hz=LEVELS_HZ):
            if isinstance(news, RigState):
                state = news
            elif isinstance(news, Event):
                story.add(news)
            else:
                levels = news
            if state is not None:
                live.update(live_view(state, levels, story.lines), refresh=True)


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
