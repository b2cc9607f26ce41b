"""Two ends of a Unix stream socket that carries one message a line.

A Link may be written by any thread and read by one. It never waits for a slow reader: what the kernel
does not take within `send_timeout_s` ends the link, so that no process of rigd can hold up another.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from rigd.model.errors import LinkError, NobodyThere, StrangerError
from rigd.model.limits import LONGEST_LINE_BYTES, MOST_UNSENT_BYTES
from rigd.wire.codec import Codec, encode
from rigd.wire.own_folder import NotOwn, folder_to_ask, name_in, own_folder, remove_own, user_named
from rigd.wire.peers import is_let_in, peer_of
from rigd.wire.process_handle import ProcessHandle

CROWDED_PAUSE_S = 0.005


def listen(path: Path, *, mode: int = 0o600) -> socket.socket:
    """A listening socket at `path`, of that mode, in a folder of this user's own (`own_folder`). What lies there, as
    the socket of a dead process, is replaced. OSError.

    The caller holds the lock that makes it the only listener; this function does not check.
    """
    with own_folder(path.parent) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=folder)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        here = Path(name_in(folder, path.name))
        try:
            # The mode of the socket's file, without a moment in which it is wider. Not by umask: that is the whole
            # process's, and a folder that another thread makes meanwhile could not be entered.
            os.fchmod(listener.fileno(), mode)
            listener.bind(str(here))
            here.chmod(mode)
            listener.listen(64)
        except OSError:
            listener.close()
            raise
    return listener


class ListeningSocket:
    """A listening socket whose name in the runtime folder is made again where it vanishes. One thread."""

    def __init__(self, path: Path, *, mode: Callable[[], int] = lambda: 0o600) -> None:
        """`mode`: of the socket, asked each time that it is made."""
        self._path = path
        self._mode = mode
        self.socket = listen(path, mode=mode())
        self._file = _file_at(path)

    def let_in(self) -> socket.socket | None:
        """Who stands before it and is this user or root; None where that was a stranger, who hears nothing. OSError
        as accept(2)."""
        stream, _ = self.socket.accept()
        if is_let_in(stream):
            return stream
        stream.close()
        return None

    def is_there(self) -> bool:
        """Its name still leads here."""
        return self._file is not None and _file_at(self._path) == self._file

    def open_again(self) -> socket.socket | None:
        """Another listening socket in the place of one that nobody can find any more; the old one is closed. None
        where it is found, or where the folder is not there yet: then it is tried again."""
        if self.is_there():
            return None
        try:
            fresh = listen(self._path, mode=self._mode())
        except OSError:
            return None
        self.socket.close()
        self.socket, self._file = fresh, _file_at(self._path)
        return fresh

    def close(self) -> None:
        """Nobody is let in any more, and its name is gone, if it is still this one's."""
        if self.is_there():
            with contextlib.suppress(OSError):
                remove_own(self._path)
        self.socket.close()


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def connect(path: Path, codec: Codec, *, timeout_s: float = 2.0) -> Link:
    """A link to the process that listens at `path`. Raises LinkError where nobody does, or where so many stand
    before its door that it lets nobody in for so long; StrangerError, with nothing said, where somebody else made the
    folder or answers in it."""
    return Link(connected(path, timeout_s=timeout_s), codec)


def connected(path: Path, *, timeout_s: float) -> socket.socket:
    """The stream of `connect`. Errors as there."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(timeout_s)
    deadline = time.monotonic() + timeout_s
    try:
        with folder_to_ask(path.parent) as (folder, owner):
            while True:
                try:
                    stream.connect(name_in(folder, path.name))
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(
                        CROWDED_PAUSE_S
                    )  # connect(2) on a Unix socket does not wait when it may time out
            answers = peer_of(stream).uid
            if answers != owner:
                raise StrangerError(
                    f"at {path} {user_named(answers)} answers, and the folder is {user_named(owner)}'s; nothing was"
                    " said there. See to who may write in that folder"
                )
    except BaseException as error:
        stream.close()
        if isinstance(error, NotOwn):
            raise StrangerError(
                f"no rig is asked in this runtime folder: {error.strerror}; nothing was said there. Another one is"
                " meant by: --runtime-dir FOLDER"
            ) from error
        if isinstance(error, OSError):
            known = isinstance(error, FileNotFoundError | ConnectionRefusedError)
            kind = NobodyThere if known else LinkError
            raise kind(f"nobody answers at {path} ({error.strerror or error})") from error
        raise
    return stream


class Link:
    """One end. `receive` raises LinkError once the other end is gone."""

    def __init__(self, stream: socket.socket, codec: Codec, *, send_timeout_s: float = 2.0) -> None:
        stream.settimeout(send_timeout_s)
        self._stream = stream
        self._codec = codec
        self._held = bytearray()
        self._unsent = bytearray()
        self._send_lock = threading.Lock()

    def fileno(self) -> int:
        """For select and poll. -1 once closed."""
        return self._stream.fileno()

    @property
    def peer_pid(self) -> int:
        """The process that listens at the other end (SO_PEERCRED, unix(7)); 0 once the link is closed."""
        fileno = self._stream.fileno()
        if fileno < 0:
            return 0
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fileno)) as stream:
            return peer_of(stream).pid
        return 0

    def listener(self) -> ProcessHandle | None:
        """The process that listens at the other end, and no other that gets its number; None once it has ended."""
        try:
            return ProcessHandle.of_listener(self._stream)
        except OSError:
            return None

    def send(self, message: Struct) -> None:
        """The message is in the kernel's hands. Raises LinkError when the other end is gone or stuck. What one
        that is gone had said before can still be received; to one that is stuck the link is closed."""
        with self._send_lock:
            try:
                self._stream.sendall(encode(message))
            except ConnectionError as error:
                raise LinkError(f"the other end is gone ({error.strerror})") from error
            except OSError as error:
                self.close()
                raise LinkError(f"the other end is gone ({error.strerror or error})") from error

    def post(self, *messages: Struct) -> None:
        """The messages go out as fast as the other end takes them; nobody waits. Those of one call are given to the
        kernel at once: a process that is killed has said all of them or none. Call `flush` when `unsent` is
        true and the stream is writable. Raises LinkError when the other end is gone, or so much is unsent
        that it must be stuck. Not for a link that is also used to `send`."""
        self._unsent += b"".join(encode(message) for message in messages)
        self.flush()

    @property
    def unsent(self) -> bool:
        """True while something that was posted is not in the kernel's hands."""
        return bool(self._unsent)

    def flush(self) -> None:
        """The kernel has as much of what was posted as it takes now. Raises LinkError as `post`."""
        try:
            while self._unsent:  # a stream with a timeout is a non-blocking one
                del self._unsent[: os.write(self._stream.fileno(), self._unsent)]
        except BlockingIOError:
            if len(self._unsent) > MOST_UNSENT_BYTES:
                self.close()
                raise LinkError("the other end is stuck; the link was given up") from None
        except OSError as error:
            self._unsent.clear()
            raise LinkError(f"the other end is gone ({error.strerror or error})") from error

    def receive(self, timeout_s: float | None = None) -> Any:
        """The next message; None when none came within `timeout_s` (None waits for ever)."""
        while True:
            end = self._held.find(b"\n")
            if end >= 0:
                line = bytes(self._held[:end])
                del self._held[: end + 1]
                return self._codec.decode(line)
            if len(self._held) > LONGEST_LINE_BYTES:
                raise LinkError("a line without end came in; the link was given up")
            try:
                # poll, not select: a writer with many takes has descriptors past select's 1,024.
                waiter = select.poll()
                waiter.register(self._stream, select.POLLIN)
                if not waiter.poll(None if timeout_s is None else timeout_s * 1000):
                    return None
                got = self._stream.recv(65536)
            except (OSError, ValueError) as error:
                raise LinkError("the link was closed") from error
            if not got:
                raise LinkError("the other end is gone")
            self._held += got

    def close(self) -> None:
        """Both directions are shut; a thread that waits in `receive` wakes with LinkError."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()
