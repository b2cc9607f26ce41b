"""The one tree of errors. A message says what failed, which thing, what rigd did, what to do."""

from __future__ import annotations


class RigError(Exception):
    """Anything that rigd itself reports as wrong. `str(error)` is fit for a person to read."""


class ConfigError(RigError):
    """The config cannot be used; the message lists every fault, one a line."""


class CommandError(RigError):
    """A command's text or arguments are not of its form."""


class InterfaceError(RigError):
    """The audio interface cannot be found, opened or trusted."""


class MismatchError(InterfaceError):
    """The interface that is there is not the one that was recorded from, or runs otherwise than it did."""


class TapeError(RigError):
    """The tape is missing, of another layout, or does not hold what was asked for."""


class OtherLayoutError(TapeError):
    """The tape is that of another build of rigd: it is whole, but not to be read by this one."""


class TakeError(RigError):
    """A take's files, journal or folder cannot be written or read."""


class LibraryError(RigError):
    """The library root, a session folder or the index cannot be used."""


class AlreadyRunning(LibraryError):
    """Another rigd has this runtime folder or this library. It is not touched."""


class SurfaceError(RigError):
    """A surface's port or protocol failed."""


class PreampError(RigError):
    """A preamp did not do, or did not confirm, what was asked."""


class PartError(RigError):
    """A part of the rig cannot be started; those that ran already were stopped."""


class LinkError(RigError):
    """A message between rigd's own processes is broken, or the other end is gone."""


class UnreadableMessage(LinkError):
    """A line that is no message of this link. The link itself is whole: the next line may be one."""


class StrangerError(LinkError):
    """Who answers, or the folder in which a rig was looked for, is somebody else's. Nothing was said there."""


class NobodyThere(LinkError):
    """Nobody listens at that socket, or there is none. Whoever did may be opening it again."""


class NotRunning(LinkError):
    """No rigd can be found there: nobody listens."""


class RigEnded(NotRunning):
    """That is known for certain: it said that it ends, or its process is gone."""
