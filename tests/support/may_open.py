"""Which device numbers a unit may open, whether or not anything is plugged in there: run as root beside its systemd.

    python3 may_open.py [--folder FOLDER] UNIT MAJOR:MINOR...

For each number a line: "188:0 allowed ENXIO" or "188:0 refused EPERM". It opens a node of that number from inside the
unit's own control group, where systemd's device filter stands; a number without a driver is answered ENXIO or ENODEV
then, and EPERM where the filter refuses it. FOLDER takes the nodes for that moment, so it may not be mounted nodev.
Needs nothing but Python, as it is also run on machines that have no tests.
"""

from __future__ import annotations

import argparse
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--folder", type=Path, default=Path("/dev"))
    reader.add_argument("unit")
    reader.add_argument("numbers", nargs="+", metavar="MAJOR:MINOR")
    words = reader.parse_args()
    shown = ["systemctl", "show", "--property=ControlGroup", "--value", words.unit]
    group = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.strip()
    if not group:
        sys.exit(f"{words.unit} does not run")
    nodes = {number: words.folder / f"rigd-probe-{number.replace(':', '-')}" for number in words.numbers}
    try:
        for number, node in nodes.items():  # made outside: the filter refuses mknod as well
            major, minor = map(int, number.split(":"))
            os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(major, minor))
        (CGROUPS / group.lstrip("/") / "cgroup.procs").write_text("0")
        for number, node in nodes.items():
            print(number, opened(node))
    finally:
        for node in nodes.values():
            node.unlink(missing_ok=True)


def opened(node: Path) -> str:
    """What came of it, in two words."""
    try:
        os.close(os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        told = errno.errorcode.get(error.errno or 0, "?")
        return f"{'refused' if error.errno == errno.EPERM else 'allowed'} {told}"
    return "allowed OPENED"


if __name__ == "__main__":
    main()
