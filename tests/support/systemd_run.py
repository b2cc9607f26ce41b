"""The real systemd as process 1 of namespaces of its own, with the units of systemd/ as they are installed.

    with SystemdRun(config) as systemd:
        systemd.await_active("rigd.service")
        systemd.control("kill", "--signal=STOP", "rigd.service")

Everything of it is private: mounts, processes, /etc, /run, /opt, /srv, /media, /dev/shm, and a cgroup that is killed
at the end. /media/disk/takes is a folder of another disk, of the rig's user. Needs root, cgroup 2 and systemd
(support/tools.py says what happens where one is missing).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rigd.api.client import ControlClient
from rigd.model.errors import LinkError
from rigd.model.state import RigState
from tests.support.patience import wait_for
from tests.support.tools import Exempt, excused, lacking, need_root, need_tool

HOUSE = Path(__file__).resolve().parents[2]
UNITS = HOUSE / "systemd"
EMPTY_TARGETS = ("sysinit", "basic", "local-fs", "network", "sound", "shutdown", "umount", "multi-user")
"""What the units name and a machine has; here nothing has to be waited for."""
SYSTEMD = Path("/lib/systemd/systemd")
SYSTEMD_WITHIN_S = 90.0

BOOT = r"""
set -e
if [ -n "$ADDRESSES" ]; then
  ip link set lo up
  for address in $ADDRESSES; do ip addr add "$address" dev lo; done
fi
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs /run
cp -a /etc /run/etc && mount --bind /run/etc /etc
mount -t tmpfs -o mode=0755 tmpfs /opt
mount -t tmpfs -o mode=0755 tmpfs /srv
mount -t tmpfs -o mode=0755 tmpfs /media
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# The interpreter may lie in somebody's home, which is not for the user rigd.
n=0
for place in $PLACES; do
  n=$((n + 1)); mkdir -p /run/place/$n; mount --bind "$place" /run/place/$n
done
for closed in $CLOSED; do mount -t tmpfs -o mode=0755 tmpfs "$closed"; done
n=0
for place in $PLACES; do
  n=$((n + 1))
  [ -d "$place" ] || { mkdir -p "$place"; mount --bind /run/place/$n "$place"; }
done
mkdir -p /opt/rigd/bin /etc/rigd
for program in rigd rigd-capture rigd-writer; do ln -s "$BIN/$program" /opt/rigd/bin/$program; done
cp "$FOLDER/rig.toml" /etc/rigd/rig.toml
systemd-sysusers "$UNITS/sysusers.conf"
systemd-tmpfiles --create "$UNITS/tmpfiles.conf"
install -d -o rigd -g rigd -m 2750 /srv/takes /media/disk/takes
rm -rf /etc/systemd/system && cp -a "$FOLDER/units" /etc/systemd/system
export container=rigd-test SYSTEMD_UNIT_PATH=/etc/systemd/system
exec /lib/systemd/systemd --system --unit=rigd.target --log-target=null --show-status=no
"""

RELAXED = """# The build under test lies in a home or in /tmp.
[Service]
ProtectHome=no
PrivateTmp=no
StandardOutput=append:{folder}/{name}.log
StandardError=append:{folder}/{name}.log
"""


class SystemdRun:
    """Boots at `with`, and nothing of it is left afterwards."""

    def __init__(self, config: str, *, addresses: Sequence[str] = ()) -> None:
        """`addresses`: it has a network of its own, where these are all there is."""
        self._addresses = tuple(addresses)
        if addresses:
            need_tool("ip")
        need_tool("systemd-analyze")
        need_tool("nsenter")
        if not SYSTEMD.exists():
            lacking("systemd is not installed: sudo apt install systemd")
        self.folder = Path(tempfile.mkdtemp(prefix="rigd-systemd-"))
        self.folder.chmod(0o777)
        (self.folder / "rig.toml").write_text(f'[rig]\nname = "Test rig"\nlibrary = "/srv/takes"\n{config}')
        self._install_units()
        self._cgroup: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._client: ControlClient | None = None
        self._pid = 0

    def _install_units(self) -> None:
        units = self.folder / "units"
        units.mkdir()
        for name in EMPTY_TARGETS:
            (units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n")
        for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.target")):
            shutil.copy(unit, units)
            if unit.suffix == ".service":
                (units / f"{unit.name}.d").mkdir()
                relaxed = RELAXED.format(folder=self.folder, name=unit.stem)
                (units / f"{unit.name}.d" / "test.conf").write_text(relaxed)

    def __enter__(self) -> SystemdRun:
        try:
            self._boot()
            for name in ("rigd.service", "rigd-capture.service", "rigd-writer@writer.service"):
                self.await_active(name)
        except BaseException:
            print(self.logs())
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.logs())
        self._end()

    def _boot(self) -> None:
        self._cgroup = _own_cgroup()
        places = {str(HOUSE), sys.prefix, sys.base_prefix}
        closed = {parent for place in places if (parent := _closed_parent(Path(place)))}
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "FOLDER": str(self.folder),
            "UNITS": str(UNITS),
            "BIN": str(Path(sys.prefix) / "bin"),
            "PLACES": " ".join(sorted(places)),
            "CLOSED": " ".join(sorted(closed)),
            "ADDRESSES": " ".join(self._addresses),
        }
        network = "-n" if self._addresses else ""
        namespaces = f"unshare -m -p -C -u -i {network} --fork --propagation private"
        join = f'echo $$ > {self._cgroup}/cgroup.procs; exec {namespaces} sh -c "$BOOT"'
        with (self.folder / "boot.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", join],
                env={**environment, "BOOT": BOOT},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._is_up, "systemd answers", within_s=SYSTEMD_WITHIN_S)

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            lacking(f"systemd cannot be run here: {(self.folder / 'boot.log').read_text()[-500:]}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._pid = int(children[0]) if children else 0
        return self._pid != 0 and self.inside("/run/systemd/private").exists()

    def control(self, *words: str) -> str:
        """What `systemctl` says."""
        done = self.run("systemctl", "--no-pager", *words)
        assert done.returncode == 0, f"systemctl {words}: {done.stderr}{done.stdout}"
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A program beside that systemd, as root."""
        return subprocess.run(self.beside(*words), capture_output=True, text=True, timeout=SYSTEMD_WITHIN_S)

    def beside(self, *words: str) -> list[str]:
        """The command that runs a program beside that systemd."""
        return ["nsenter", "-t", str(self._pid), "-m", "-p", "-n", *words]

    def edit(self, unit: str, text: str) -> None:
        """As `systemctl edit` leaves it: a drop-in with these lines. What runs must be started anew."""
        folder = self.inside(f"/etc/systemd/system/{unit}.d")
        folder.mkdir(exist_ok=True)
        (folder / "override.conf").write_text(text)
        self.control("daemon-reload")

    def shown(self, unit: str, field: str) -> str:
        return self.control("show", unit, "-p", field, "--value").strip()

    def await_active(self, unit: str, *, restarts: int = 0) -> None:
        """It runs and said that it is ready, after so many restarts at least."""
        wait_for(
            lambda: (
                int(self.shown(unit, "NRestarts") or 0) >= restarts
                and self.shown(unit, "ActiveState") == "active"
            ),
            f"{unit} active after {restarts} restarts",
            within_s=SYSTEMD_WITHIN_S,
        )

    def inside(self, path: str) -> Path:
        """The same file, seen from outside."""
        return Path(f"/proc/{self._pid}/root{path}")

    def client(self) -> ControlClient:
        """To the daemon that answers now."""
        return wait_for(
            self._answering, "rigd to answer", within_s=SYSTEMD_WITHIN_S, every_s=0.05, instead=self.logs
        )

    def _answering(self) -> ControlClient | None:
        try:
            if self._client is None:
                self._client = ControlClient(self.inside("/run/rigd/rigd.sock"), origin="test")
            self._client.status()
        except LinkError:
            if self._client is not None:
                self._client.close()
            self._client = None
        return self._client

    def state(self) -> RigState:
        return self.client().status().state

    def say(self, text: str) -> None:
        """The command is accepted."""
        answer = self.client().say(text)
        assert answer.accepted, answer.text

    def logs(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )

    def _end(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._cgroup is not None:
            (self._cgroup / "cgroup.kill").write_text("1")
            if self._process is not None:
                self._process.wait()
            wait_for(lambda: not _remains(self._cgroup), "every process of it is gone")
            for folder, _, _ in os.walk(self._cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        shutil.rmtree(self.folder, ignore_errors=True)


def _remains(cgroup: Path | None) -> bool:
    return cgroup is not None and "populated 1" in (cgroup / "cgroup.events").read_text()


def _own_cgroup() -> Path:
    need_root("to run systemd in namespaces of its own")
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = [Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"]
    for place in found:
        cgroup = place / f"rigd-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            cgroup.mkdir()
            if (cgroup / "cgroup.kill").exists():
                return cgroup
            cgroup.rmdir()
    excused(Exempt.CGROUP_2)


def _closed_parent(path: Path) -> str:
    """The first folder on the way there that another user may not pass; empty where there is none."""
    for folder in reversed(path.parents):
        if folder.is_dir() and not folder.stat().st_mode & 0o001:
            return str(folder)
    return ""
