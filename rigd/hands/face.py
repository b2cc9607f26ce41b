"""What a face is to the rest of the rig: a way to command and to see it, of which a rig has one each.

A page, OSC, MQTT: found by the entry point group "rigd.faces", in use where its section [NAME] stands in the config.
It comes in by a Door, and there is nothing else of the rig that it may touch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rigd.model.commands import Command, Reply
from rigd.model.events import Event, Snapshot
from rigd.model.levels import Levels
from rigd.model.roles import Role
from rigd.model.state import RigState, SurfaceStatus


class Meter(Protocol):
    """The levels, for one taker: whoever takes seldom has the loudest peak and every clip of the time between."""

    def take(self) -> Levels | None:
        """Since the last take; None where there are none."""

    def close(self) -> None:
        """It takes no more, and nothing is put by for it."""


class Listening(Protocol):
    """What happens in the rig, for one taker: a snapshot first, then every event after it. Any thread."""

    @property
    def state(self) -> RigState:
        """The newest one."""

    def next(self, timeout_s: float | None = None) -> Snapshot | Event | None:
        """The snapshot, then the events, in order; None when none came in time. Raises LinkError once it is closed,
        or was cut off because its taker did not keep up: listen again for a new snapshot."""

    def close(self) -> None:
        """No more comes; a thread that waits in `next` wakes."""


class Door(Protocol):
    """What a face is given of the rig. Any thread; nothing here waits."""

    @property
    def name(self) -> str:
        """The face's own, which its commands come from."""

    @property
    def state(self) -> RigState:
        """The newest state. Frozen: it may be kept and read at leisure."""

    def do(self, command: Command, answered: Callable[[Reply], None]) -> None:
        """The command is on its way; `answered` is called with the reply, on the controller's thread, and has to
        return at once. Whatever origin the command names, it comes from whom this door was opened for."""

    def opened_for(self, who: str, role: Role) -> Door:
        """A door for one of the face's own clients: what is done by it is done by "NAME/who", in that role, or in the
        face's own where that is the lesser one."""

    def listen(self, *, on_ready: Callable[[], None] | None = None, follows: bool = False) -> Listening:
        """Everything from now on. `on_ready` is called whenever something was put in, and with `follows` also where
        the state changed without an event; it has to return at once."""

    def meter(self) -> Meter:
        """A meter of one's own: nobody else takes a clip away from it."""

    def report(self, status: SurfaceStatus) -> None:
        """How the face stands: `rigd status` shows it among the surfaces. Reported whenever it is another one."""


class Face(Protocol):
    """One [NAME]: a function `(settings, door) -> Face`; its settings model is the attribute `settings_model` of it.
    The settings may say `access()`, what it opens on this machine (`rigd.model.access`), and `warnings()`, what a
    person should know of them."""

    def start(self) -> None:
        """It serves, on a thread of its own, until `stop`. A port that is taken or away is no error: it is reported,
        and tried again."""

    def stop(self) -> None:
        """Ports closed, threads joined; clients that do not read are not waited for."""
