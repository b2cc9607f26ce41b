"""A Debian in QEMU, without KVM: started, talked to, cut off. Emulated time is slow: a command of rigd takes
seconds.

What lies in the machine's /share is `Machine.share` here. The takes are on a disk of their own, and a power cut is
one: QEMU is killed, and what the guest had not flushed is gone.
"""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import wait_for
from tests.support.tools import die_with_parent

MEMORY_MB = 3072
TAKES_BYTES = 4 << 30
BOOT_WITHIN_S = 300.0


class MachineError(Exception):
    """The machine did not do what it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    code: int
    text: str


class Machine:
    """One machine, from a copy of the image in `image` (image.sh) in the folder `run`. One thread."""

    def __init__(self, image: Path, run: Path, *, devices: Sequence[str] = ()) -> None:
        self._image, self._run, self._devices = image, run, devices
        self._qemu: subprocess.Popen[bytes] | None = None
        self._agent: _Agent | None = None
        self.share = run / "share"
        shutil.rmtree(run, ignore_errors=True)
        self.share.mkdir(parents=True)
        subprocess.run(["cp", "--sparse=always", image / "root.img", run / "root.img"], check=True)
        with (run / "takes.img").open("wb") as takes:
            takes.truncate(TAKES_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-L", "takes", run / "takes.img"], check=True)

    def start(self) -> float:
        """Boots; returns how many seconds it took until commands are answered."""
        for name in ("agent", "monitor", "serial"):
            self._socket(name).unlink(missing_ok=True)
        began = time.monotonic()
        self._qemu = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self._agent = _Agent(self._socket("agent"))
        self.wait_until_up()
        return time.monotonic() - began

    def wait_until_up(self) -> None:
        """After a start or a reboot: the system manager has done what it wanted to."""
        end = time.monotonic() + BOOT_WITHIN_S
        while time.monotonic() < end:
            try:
                answer = self.run("systemctl is-system-running --wait", timeout=30.0)
            except MachineError:
                continue
            if answer.text.strip() in ("running", "degraded"):
                return
        raise MachineError(
            f"the machine was not up within {BOOT_WITHIN_S:.0f} s: see {self._run / 'console.log'}"
        )

    def run(self, command: str, *, timeout: float = 120.0) -> Answer:
        """A bash command, as root. MachineError where no answer comes."""
        assert self._agent is not None
        return self._agent.ask(command, timeout=timeout)

    def do(self, command: str, *, timeout: float = 120.0) -> str:
        """The same, and it must end well; what it printed."""
        answer = self.run(command, timeout=timeout)
        if answer.code != 0:
            raise MachineError(f"`{command}` ended with {answer.code}: {answer.text.strip()[-1500:]}")
        return answer.text

    def wait_until(self, command: str, what: str, *, within_s: float) -> float:
        """Until the command ends well, asked again and again inside the machine; the seconds it took."""
        began = time.monotonic()
        answer = self.run(f"until {command}; do sleep 0.2; done >/dev/null 2>&1", timeout=within_s)
        if answer.code != 0:
            raise MachineError(f"{what}: not within {within_s:.0f} s")
        return time.monotonic() - began

    def reboot(self) -> None:
        """As its owner reboots it."""
        old = self.do("cat /proc/sys/kernel/random/boot_id").strip()
        self.run("systemctl reboot", timeout=5.0)
        end = time.monotonic() + BOOT_WITHIN_S
        while time.monotonic() < end:
            try:
                if self.do("cat /proc/sys/kernel/random/boot_id", timeout=10.0).strip() != old:
                    return self.wait_until_up()
            except MachineError:
                continue
        raise MachineError("the machine did not come back from a reboot")

    def cut_power(self) -> None:
        """Gone in an instant; `start` brings it back with what its disks had."""
        assert self._qemu is not None
        self._qemu.kill()
        self._qemu.wait()

    def plug(self, device: str) -> None:
        """A device of QEMU is there from now on: "usb-serial,id=box,chardev=serial,bus=uhci.0"."""
        self._monitor(f"device_add {device}")

    def unplug(self, device_id: str) -> None:
        self._monitor(f"device_del {device_id}")

    def serial_line(self) -> socket.socket:
        """The far end of the character device "serial"."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self._socket("serial")))
        return line

    def close(self) -> None:
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        (self._run / "root.img").unlink(missing_ok=True)

    def _monitor(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10.0)
            monitor.connect(str(self._socket("monitor")))
            told = b""
            for _ in range(2):
                while not told.endswith(b"(qemu) "):
                    told += monitor.recv(4096)
                if line:
                    monitor.sendall(line.encode() + b"\n")
                    line, told = "", b""
        if b"Error" in told:
            raise MachineError(f"QEMU: {told.decode(errors='replace')}")

    def _socket(self, name: str) -> Path:
        return self._run / f"{name}.sock"

    def _command(self) -> list[str]:
        def chardev(name: str) -> str:
            return f"socket,id={name},path={self._socket(name)},server=on,wait=off"

        disks = [f"file={self._run / name},format=raw,if=virtio" for name in ("root.img", "takes.img")]
        return [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem", "-smp", "2"),
            *("-m", str(MEMORY_MB), "-display", "none", "-vga", "none", "-nic", "none", "-rtc", "base=utc"),
            *("-kernel", str(self._image / "vmlinuz"), "-initrd", str(self._image / "initrd.img")),
            *("-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0"),
            *(part for disk in disks for part in ("-drive", disk)),
            *("-virtfs", f"local,path={self.share},mount_tag=share,security_model=none"),
            *("-device", "virtio-rng-pci", "-device", "virtio-serial"),
            *("-chardev", chardev("agent"), "-device", "virtserialport,chardev=agent,name=rigd.agent"),
            *("-chardev", chardev("serial"), "-device", "piix3-usb-uhci,id=uhci"),
            *("-chardev", chardev("monitor"), "-mon", "chardev=monitor"),
            *("-serial", f"file:{self._run / 'console.log'}", *self._devices),
        ]


class _Agent:
    """The line to agent.py. One command at a time."""

    def __init__(self, path: Path) -> None:
        self._ids = itertools.count(1)
        self._answers: dict[int, Answer] = {}
        self._came = threading.Condition()
        self._line = socket.socket(socket.AF_UNIX)
        wait_for(lambda: self._line.connect_ex(str(path)) == 0, "QEMU's socket", within_s=10.0)
        threading.Thread(target=self._read, name="agent", daemon=True).start()

    def ask(self, command: str, *, timeout: float) -> Answer:
        number = next(self._ids)
        asked = {"id": number, "command": command, "timeout": timeout}
        self._line.sendall(json.dumps(asked).encode() + b"\n")
        with self._came:
            if not self._came.wait_for(lambda: number in self._answers, timeout + 10.0):
                raise MachineError(f"no answer to `{command}` within {timeout + 10.0:.0f} s")
            return self._answers.pop(number)

    def _read(self) -> None:
        rest = b""
        while got := self._line.recv(65536):
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                try:
                    told = json.loads(line)
                except ValueError:
                    continue  # cut off by a reboot
                with self._came:
                    self._answers[told["id"]] = Answer(code=told["code"], text=told["text"])
                    self._came.notify_all()
