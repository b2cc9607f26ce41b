"""Which addresses a unit may send to, whether or not anybody is there: run as root beside its systemd.

    python3 may_send.py UNIT ADDRESS...

For each address a line: "203.0.113.7 allowed", "203.0.113.7 refused" or "203.0.113.7 no way there". A datagram is
sent from inside the unit's own control group, where systemd's address filter stands, and the filter answers EPERM.
Needs nothing but Python.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
DISCARD = 9


def main() -> None:
    unit, *addresses = sys.argv[1:]
    shown = ["systemctl", "show", "--property=ControlGroup", "--value", unit]
    group = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.strip()
    if not group:
        sys.exit(f"{unit} does not run")
    (CGROUPS / group.lstrip("/") / "cgroup.procs").write_text("0")
    for address in addresses:
        print(address, answer_to(address))


def answer_to(address: str) -> str:
    """What came of it, in a word."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.sendto(b"", (address, DISCARD))
        except OSError as error:
            if error.errno == errno.ENETUNREACH:
                return "no way there"
            return "refused" if error.errno == errno.EPERM else "allowed"
    return "allowed"


if __name__ == "__main__":
    main()
