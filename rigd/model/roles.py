"""Who may do what to the rig: what a command touches is its scope, what somebody is there for is a role. Pure.

A role is set by whoever opens the way in (the control socket, the config of a surface), never by who comes in by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """What a command touches, by what it costs where it is wrong."""

    WATCH = "watch"  # nothing: see, hear, read
    PLAY = "play"  # takes: begin, end, keep, mark, throw away and bring back
    NOTE = "note"  # words: how takes, songs and sessions are called, and what is said of them
    LEVEL = "level"  # the sound: which channels are recorded, and what their preamps are set to
    RIG = "rig"  # the machine: its lock, its disks, its end


class Role(StrEnum):
    """What somebody is there for."""

    WATCHER = "watcher"  # in the band's room, or at the back of the hall
    PLAYER = "player"  # has both hands on an instrument and a foot on a switch
    ASSISTANT = "assistant"  # sits beside it and keeps the sheet
    ENGINEER = "engineer"  # answers for the sound
    OWNER = "owner"  # answers for the rig


SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.WATCHER: frozenset({Scope.WATCH}),
        Role.PLAYER: frozenset({Scope.WATCH, Scope.PLAY}),
        Role.ASSISTANT: frozenset({Scope.WATCH, Scope.PLAY, Scope.NOTE}),
        Role.ENGINEER: frozenset({Scope.WATCH, Scope.PLAY, Scope.NOTE, Scope.LEVEL}),
        Role.OWNER: frozenset(Scope),
    }
)


def roles_for(scope: Scope) -> tuple[Role, ...]:
    """Who may give commands of that scope, the least first."""
    return tuple(role for role in Role if scope in SCOPES[role])


def lesser(one: Role, other: Role) -> Role:
    """Whichever may do less."""
    return min(one, other, key=lambda role: len(SCOPES[role]))
