"""Watching a rig for as long as it runs: over one connection, or the next where one broke; and line by line, where
nobody draws (`rigd watch | tee`). Main thread. Loads nothing that draws."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.api.peer_process import PeerProcess
from rigd.cli.terminal import out
from rigd.cli.words import take_title
from rigd.hands.showing import state_word
from rigd.model.changes import Followed
from rigd.model.errors import NotRunning, RigEnded, RigError
from rigd.model.events import Event
from rigd.model.state import RigState

AGAIN_AFTER_S = 0.3
"""Pause before a view that lost its connection asks for another."""


def watch_rig(path: Path, show: Callable[[ControlClient, Followed], bool]) -> None:
    """`show` has a connection until Ctrl-C, until rigd ends or until it returns True, for the person has left; and
    what an earlier one brought. Raises LinkError where there is none.

    Who stood still for long (Ctrl-S, a laptop that slept) was cut off by rigd, and goes on. That rigd has ended is
    said only where it is known: it said so itself, or its process is gone."""
    was_there, said, known = False, "", Followed()
    process = PeerProcess(0)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                why = ""
                with ControlClient(path) as client:
                    was_there = True
                    process.close()
                    process = PeerProcess(client.peer_pid)
                    if show(client, known):
                        return
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


def watch_lines(path: Path) -> None:
    """How the rig stands, a line, and what happens, a line each, at once. As `watch_rig`."""
    told = False

    def show(client: ControlClient, known: Followed) -> bool:
        nonlocal told
        for news in client.follow(known=known):
            if isinstance(news, RigState) and not told:
                told = True
                out.print(standing_line(news))
            elif isinstance(news, Event):
                out.print(event_line(news))
        return False

    watch_rig(path, show)


def standing_line(state: RigState) -> str:
    """'REC  Blue Train · Take 003', 'READY  next: Blue Train take 004'."""
    take = state.take
    what = take_title(take) if take is not None else f"next: {state.song} take {state.next_take_number:03}"
    return f"{state_word(state)}  {what}"


def event_line(event: Event) -> str:
    """'21:04:11  take 3 rolls  (pedal)'."""
    return f"{event.at_time[11:19]}  {event.text}" + (f"  ({event.origin})" if event.origin else "")
