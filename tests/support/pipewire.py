"""A PipeWire server of one's own: Debian's, without a session, a bus or a sound card, in a folder of its own.

    with PipeWire() as server, CounterPlayer(server, channels=2):
        server.force_rate(44_100)

Programs started with `server.environment` find PipeWire's libjack before any other, as under `pw-jack`, and are
driven by the server's dummy driver: a clock of the rate and the quantum that are forced. No session manager is
needed: whoever uses JACK's functions links its ports itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.support.tools import die_with_parent, lacking, need_library, need_tool

LIBRARY_FOLDERS = "usr/lib/*/pipewire-0.3/jack"
READY_WITHIN_S = 20.0
CONFIG = """
context.properties = {
    core.daemon = true
    core.name = %(name)s
    support.dbus = false
    default.clock.rate = %(rate)d
    default.clock.allowed-rates = [ 44100 48000 96000 ]
    default.clock.quantum = %(period)d
    default.clock.min-quantum = 64
    default.clock.max-quantum = 8192
}
context.spa-libs = { audio.convert.* = audioconvert/libspa-audioconvert, support.* = support/libspa-support }
context.modules = [
    { name = libpipewire-module-rt args = { rt.prio = 60 } flags = [ ifexists nofail ] }
    { name = libpipewire-module-protocol-native }
    { name = libpipewire-module-metadata }
    { name = libpipewire-module-spa-node-factory }
    { name = libpipewire-module-client-node }
    { name = libpipewire-module-access }
    { name = libpipewire-module-adapter }
    { name = libpipewire-module-link-factory }
]
context.objects = [
    { factory = metadata args = { metadata.name = default } }
    { factory = spa-node-factory
      args = { factory.name = support.node.driver, node.name = Dummy, node.group = pipewire.dummy
               priority.driver = 20000 } }
    { factory = spa-node-factory
      args = { factory.name = support.node.driver, node.name = Freewheel, node.group = pipewire.freewheel
               priority.driver = 19000, node.freewheel = true } }
]
"""


def need_pipewire() -> None:
    """The server, its tools and its libjack, and a PortAudio to reach it with."""
    for tool in ("pipewire", "pw-metadata"):
        need_tool(tool)
    need_library("libportaudio.so.2")
    if not _libraries():
        lacking("PipeWire's libjack is not installed: sudo apt install pipewire-jack")


class PipeWire:
    """Runs from `with` to its end."""

    name = "rigd-test-pipewire"

    def __init__(self, *, sample_rate_hz: int = 48_000, period_frames: int = 1024) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.period_frames = period_frames
        self._folder = Path(tempfile.mkdtemp(prefix="rigd-pw-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def jack_environment(self) -> dict[str, str]:
        """What makes a program of JACK one of this server."""
        return {
            "XDG_RUNTIME_DIR": str(self._folder),
            "PIPEWIRE_RUNTIME_DIR": str(self._folder),
            "PIPEWIRE_REMOTE": self.name,
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "LD_LIBRARY_PATH": str(_libraries()[0]),
        }

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to use this server."""
        return {**os.environ, **self.jack_environment}

    def force_rate(self, rate_hz: int) -> None:
        """The graph runs at this rate, whoever uses it."""
        self._set("clock.force-rate", rate_hz)

    def force_quantum(self, frames: int) -> None:
        """Its periods are so long."""
        self._set("clock.force-quantum", frames)

    def _set(self, key: str, value: int) -> None:
        command = [str(need_tool("pw-metadata")), "-n", "settings", "0", key, str(value)]
        said = subprocess.run(command, env=self.environment, capture_output=True, timeout=30, check=True)
        assert b"set property" in said.stdout, said.stdout

    def kill(self) -> None:
        """The server is gone at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def start(self) -> None:
        """The server runs and takes clients; also again, after `kill`."""
        config = self._folder / "pipewire.conf"
        values = {"name": self.name, "rate": self.sample_rate_hz, "period": self.period_frames}
        config.write_text(CONFIG % values)
        with (self._folder / "pipewire.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(need_tool("pipewire")), "-c", str(config)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pipewire did not start: {self.log()}")

    def _answers(self) -> bool:
        command = [str(need_tool("pw-metadata")), "-n", "settings", "0"]
        said = subprocess.run(command, env=self.environment, capture_output=True, timeout=30, check=False)
        return said.returncode == 0 and b"clock.rate" in said.stdout

    def log(self) -> str:
        """What the server printed."""
        return (self._folder / "pipewire.log").read_text("utf-8", errors="replace")

    def __enter__(self) -> PipeWire:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)


def _libraries() -> list[Path]:
    return sorted(Path("/").glob(LIBRARY_FOLDERS))
