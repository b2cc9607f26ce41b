"""rigd inside the machine: installed by README's own words, fed the frame counter, its takes brought out, heard."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

from tests.proof.oracle import Heard, check_a, check_b
from tests.support.counter import MODULUS
from tests.vm.machine import Machine, MachineError

ROOT = Path(__file__).resolve().parents[2]
CHANNELS = 8
RIGD = "/opt/rigd/bin/rigd"
TAKES = "/srv/takes"
BOX = "/dev/ttyUSB0"
XRUN_SLACK_FRAMES = 64
OFFLINE = (
    "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/usr/src/wheels PIP_NO_COMPILE=1 DEBIAN_FRONTEND=noninteractive"
)
CONFIG = """
[rig]
name = "VM"
library = "{takes}"

[audio]
driver = "portaudio"
device = "hw:CARD=Loopback,DEV=1"
channels = {channels}
sample_rate_hz = {rate_hz}

[tape]
stall_seconds = 10
keep_seconds = 10

[take]
preroll_seconds = 1

[disk]
measure_at_start = false

[surface.pedal]
kind = "midi"
port = "VirMIDI {midi}"

[[surface.pedal.binding]]
control = "cc 80"
tap = "toggle"

[surface.box]
kind = "serial"
port = "{box}"

[[surface.box.binding]]
control = "button 1"
tap = "toggle"
"""


def install_lines(readme: str) -> list[str]:
    """The commands of README's service section: its first indented block."""
    section = readme.split("\n## As a service\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"\n\n((?:    .*\n)+)", section)
    assert block is not None, "README's service section has no commands"
    return [line[4:] for line in block[1].splitlines()]


def packages(readme: str) -> list[str]:
    """The Debian packages that it names."""
    lines = [line for line in install_lines(readme) if "apt-get install" in line]
    assert lines, "README's service section names no Debian packages"
    return [
        word for line in lines for word in line.split("install", 1)[1].split() if not word.startswith("-")
    ]


class VmRig:
    """The service in the machine. One thread."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._fetched = 0

    def install(self, wheels: Path) -> None:
        """README's service section, line by line, in a checkout of this tree, without a network."""
        for name in ("ask.py", "hand.py", "stopper.py"):
            shutil.copy(ROOT / "tests" / "vm" / name, self.machine.share)
        checkout = self.machine.share / "rigd"
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
        for name in files.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (checkout / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, checkout / name)
        self.machine.do(
            "cp -r /share/rigd /usr/src/rigd && cp -r /share/wheels /usr/src/wheels", timeout=200.0
        )
        self.write_config("/usr/src/rigd/my.toml")
        readme = (ROOT / "README.md").read_text("utf-8")
        for line in install_lines(readme):
            command = line.replace("sudo ", "").replace("$USER", "root")
            self.machine.do(f"cd /usr/src/rigd && {OFFLINE}; {command}", timeout=1200.0)
            if "make install" in line:  # as pip would, but on both cores
                self.machine.run("/opt/rigd/bin/python -m compileall -q -j 2 /opt/rigd/lib", timeout=900.0)

    def write_config(self, path: str = "/etc/rigd/rig.toml", *, rate_hz: int = 48_000) -> None:
        card = self.machine.do("grep -l VirMIDI /proc/asound/card*/id | head -1 | tr -dc 0-9").strip()
        text = CONFIG.format(takes=TAKES, channels=CHANNELS, rate_hz=rate_hz, midi=f"{card}-0", box=BOX)
        (self.machine.share / "my.toml").write_text(text, "utf-8")
        self.machine.do(f"install -D -m 644 /share/my.toml {path}")

    # --- sound --------------------------------------------------------------------------------------

    def play(self, *, sample: str = "S32_LE", rate_hz: int = 48_000) -> None:
        """The frame counter goes into the loopback's other side, from now on, in real time."""
        self.stop_playing()
        pipe = (
            f"counter {CHANNELS} {sample} {rate_hz} | aplay -q -D hw:Loopback,0,0 -t raw -f {sample}"
            f" -c {CHANNELS} -r {rate_hz} --buffer-time=1000000"
        )
        real_time = "-p CPUSchedulingPolicy=fifo -p CPUSchedulingPriority=60"
        # The machine stops units in reverse: sound is played until the take is closed.
        real_time += " -p 'Before=rigd.target rigd.service rigd-capture.service rigd-close.service'"
        self.machine.do(f"systemd-run -q --unit=player -p Restart=always {real_time} bash -c '{pipe}'")

    def stop_playing(self) -> None:
        self.machine.run("systemctl stop player; systemctl reset-failed player")

    # --- rigd ---------------------------------------------------------------------------------------

    def rigd(self, words: str, *, timeout: float = 120.0) -> str:
        """A command of the CLI, as root, and what it printed."""
        return self.machine.do(f"{RIGD} {words} 2>&1", timeout=timeout)

    def ask(self, words: str, *, timeout: float = 60.0) -> dict[str, Any]:
        """A request to the control socket (ask.py), which must be granted; its answer."""
        answer: dict[str, Any] = json.loads(
            self.machine.do(f"python3 /share/ask.py {words}", timeout=timeout)
        )
        return answer

    def status(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ask("Status")["state"]
        return state

    def start_take(self) -> None:
        self.wait_for("ready")
        self.ask("Command start")

    def stop_take(self) -> None:
        """Every byte is on the disk when this returns."""
        self.ask("Command stop")
        self.ask("Wait 90", timeout=150.0)

    def wait_for(self, transport: str, *, within_s: float = 90.0) -> dict[str, Any]:
        """Until the rig's transport reads so; "ready": until a take can be begun."""
        end = time.monotonic() + within_s
        state: dict[str, Any] = {}
        while time.monotonic() < end:
            try:
                state = self.ask("Ready", timeout=120.0)["state"] if transport == "ready" else self.status()
            except (MachineError, ValueError):
                continue
            if state["transport"] == transport:
                return state
        faults = [fault["what"] for fault in state.get("faults", [])]
        raise MachineError(
            f'not "{transport}" within {within_s:.0f} s, but {state.get("transport")}: {faults}'
        )

    def restart(self) -> None:
        """With another config, or a card in another format: capture opens it anew."""
        self.machine.do("systemctl restart rigd && systemctl restart rigd-capture", timeout=200.0)
        self.wait_for("ready")

    def pid(self, unit: str) -> int:
        return int(self.machine.do(f"systemctl show -P MainPID {unit}"))

    def take(self, during: str = "sleep 3") -> Path:
        """A take with a shell command in its middle; its folder, brought out."""
        self.start_take()
        self.machine.do(during, timeout=300.0)
        self.stop_take()
        return self.fetch_last()

    def fetch_last(self) -> Path:
        """The newest take, copied out of the machine."""
        self._fetched += 1
        name = f"take{self._fetched}"
        newest = f"ls -td {TAKES}/*/*/Take*/ | head -1"
        # What begins with a dot is being written anew.
        self.machine.do(
            f'mkdir -p /share/takes/{name} && cd "$({newest})" && cp -r [!.]* /share/takes/{name}',
            timeout=200.0,
        )
        return self.machine.share / "takes" / name

    def midi(self, *messages: str) -> None:
        """Bytes on the wire of the virtual MIDI cable: "B0 50 7F"."""
        card = self.machine.do("grep -l VirMIDI /proc/asound/card*/id | head -1 | tr -dc 0-9").strip()
        for message in messages:
            self.machine.do(f"amidi -p hw:{card},0 -S '{message}'")


def hear(folder: Path, *, slack_frames: int = XRUN_SLACK_FRAMES) -> Heard:
    """Every sample of a closed take that was brought out, against the frame counter; and by everybody's readers."""
    heard = check_a(folder, gap_slack_frames=slack_frames)
    check_b(folder)
    return heard


ANY_LENGTH = MODULUS // 2
"""For a gap in which the player itself was started again."""


class Box:
    """A fader box at the machine's USB serial port, in a thread of its own: docs/serial-protocol.md."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._over = threading.Event()
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._run, name="box", daemon=True)
        self._thread.start()

    def send(self, text: str) -> None:
        check = 0
        for byte in text.encode("ascii"):
            check ^= byte
        self._line.sendall(f"{text}*{check:02X}\n".encode("ascii"))

    def tap(self) -> None:
        self.send("button 1 down")
        time.sleep(0.15)
        self.send("button 1 up")

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._line.close()

    def _run(self) -> None:
        self._line.settimeout(0.2)
        rest, beat_at = b"", 0.0
        while not self._over.is_set():
            if time.monotonic() >= beat_at:
                self.send("beat")
                beat_at = time.monotonic() + 1.0
            try:
                got = self._line.recv(4096)
            except TimeoutError:
                continue
            if not got:
                return
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                text = line.decode("ascii", "replace")
                self.heard.append(text)
                if text.startswith("rigd "):
                    self.send("box 1 faderbox 1.0 faders=1/1023 buttons=1 leds=1")
                    self.send("fader 1 100")


def make_wheels(folder: Path) -> None:
    """The wheels of all that pip would fetch, for Debian 12's Python."""
    folder.mkdir(parents=True, exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    # Without their conditions, which pip would hold against the Python that runs this.
    needed = [each.partition(";")[0] for each in project["project"]["dependencies"]]
    wanted = [*needed, *project["build-system"]["requires"], "wheel"]
    platforms = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder),
            *("--only-binary=:all:", "--python-version", "3.11"),
            *(part for platform in platforms for part in ("--platform", platform)),
            *wanted,
        ],
        check=True,
    )
