"""What happened, numbered: a listener gets a snapshot with its number, then every event after it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from rigd.model.state import RigState
from rigd.model.units import Frame, Ns


class Happening(StrEnum):
    """Kinds of event; one short sentence each in docs/architecture.md."""

    TAKE_STARTED = "take started"
    TAKE_RESUMED = "take resumed"
    TAKE_STOPPED = "take stopped"
    TAKE_KEPT = "take kept"
    TAKE_CLOSED = "take closed"
    TAKE_RECOVERED = "take recovered"
    TAKE_DISCARDED = "take discarded"
    TAKE_RESTORED = "take restored"
    TRASH_EMPTIED = "trash emptied"
    TAKE_FAILED = "take failed"
    SLATE_CHANGED = "slate changed"
    MARKER_ADDED = "marker added"
    GAP_FOUND = "gap found"
    XRUN_FOUND = "xrun found"
    CLIPPED = "clipped"
    CHANNEL_ARMED = "channel armed"
    CHANNEL_DISARMED = "channel disarmed"
    SETTING_CHANGED = "setting changed"
    SETTING_UNCONFIRMED = "setting unconfirmed"
    SESSION_OPENED = "session opened"
    SONG_CHANGED = "song changed"
    LOCK_CHANGED = "lock changed"
    INTERFACE_CHANGED = "interface changed"
    WRITER_CHANGED = "writer changed"
    DISK_CHANGED = "disk changed"
    MIRROR_CHANGED = "mirror changed"
    DISK_SPACE = "disk space"
    DISK_MEASURED = "disk measured"
    SURFACE_CHANGED = "surface changed"
    PREAMP_CHANGED = "preamp changed"
    FAULT_RAISED = "fault raised"
    FAULT_CLEARED = "fault cleared"
    COMMAND_REJECTED = "command rejected"
    CLOCK_SET = "clock set"
    TAKE_DATED = "take dated"
    CONFIG_READ = "config read"
    CONFIG_REFUSED = "config refused"
    SHUTTING_DOWN = "shutting down"


class Event(Struct, frozen=True, kw_only=True):
    """`number` grows by one; `text` is a line for a person; `subject` a take id, channel number or name."""

    number: int
    at_ns: Ns
    at_frame: Frame | None
    what: Happening
    subject: str
    text: str
    origin: str = ""
    at_time: str = ""
    """The time of day: ISO 8601 with the offset, to the millisecond."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """The whole state as of event `state.number`."""

    state: RigState
    change: int = 0
    """Where the state is followed: the number of the change that led to it."""
    run: str = ""
    """Which daemon counts the changes: another one begins anew."""
