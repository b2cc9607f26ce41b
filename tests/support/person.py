"""A person at a terminal: types, and sees what is drawn. Any command on a pseudo-terminal of its own.

with Person(["rigd", "init"], home=home) as person:
    person.answers("What is this rig called", "Attic")
    assert person.ended() == 0
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.support.patience import PATIENCE_S, wait_for

COLUMNS, LINES = 100, 30


def at_home(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a login shell of somebody without any setting has; JACK never starts a server by itself."""
    kept = {name: os.environ[name] for name in ("PATH", "LC_ALL") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "JACK_NO_START_SERVER": "1",
        **(more or {}),
    }


class Person:
    """Runs from `with` to its end; what still runs then is killed."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        home: Path,
        size: tuple[int, int] = (COLUMNS, LINES),
        **more: str,
    ) -> None:
        """`more` is environment. The home is where they stand, too."""
        self._master, line = os.openpty()
        columns, lines = size
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._shown = bytearray()
        self._seen = 0
        self._is_over = threading.Event()
        self.process = subprocess.Popen(
            command,
            env=at_home(home, more),
            cwd=home,
            stdin=line,
            stdout=line,
            stderr=line,
            start_new_session=True,
            preexec_fn=_as_a_login,
        )
        os.close(line)
        self._reader = threading.Thread(target=self._read, name="person", daemon=True)
        self._reader.start()

    def __enter__(self) -> Person:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_S)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._is_over.set()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while not self._is_over.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                try:
                    self._shown += os.read(self._master, 65536)
                except OSError:  # nobody has the other end any more
                    return

    @property
    def shown(self) -> str:
        """All that was drawn until now."""
        return bytes(self._shown).decode("utf-8", "replace")

    def sees(self, words: str) -> None:
        """It is there, or comes: below what was seen last."""
        wait_for(
            lambda: words in self.shown[self._seen :],
            f'"{words}" on the screen',
            instead=lambda: self.shown[-3000:],
        )
        self._seen = self.shown.index(words, self._seen) + len(words)

    def types(self, keys: str) -> None:
        """As they are, without Enter."""
        os.write(self._master, keys.encode())

    def answers(self, question: str, words: str) -> None:
        """Once it is asked."""
        self.sees(question)
        self.types(f"{words}\n")

    def ended(self) -> int:
        """Its exit code, once it has ended and all of it was read."""
        wait_for(lambda: self.process.poll() is not None, "it ends", instead=lambda: self.shown[-3000:])
        self._reader.join(PATIENCE_S)
        return self.process.returncode


def _as_a_login() -> None:
    """The terminal is the process's own, and Ctrl-C is obeyed, whatever whoever runs the tests ignores."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
