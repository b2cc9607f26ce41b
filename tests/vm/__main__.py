"""make vm: rigd on a real kernel's sound system. Prints a table; with --page it is written into
docs/tested-hardware.md, too.

    python -m tests.vm [--only WORDS] [--page] [--keep]

The image is made once, in the folder that RIGD_VM names (default: the user's cache), and anew when this script, or
the packages that README names, change. Root, for the image; about 6 GB; 25 minutes on two cores.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import platform
import re
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.vm import install_checks  # noqa: F401 - its checks come last
from tests.vm.checks import CHECKS, Check
from tests.vm.machine import Machine
from tests.vm.rig import ROOT, VmRig, make_wheels, packages

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "tested-hardware.md"
IMAGE_OF = ("image.sh", "agent.py", "counter.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    check: Check
    passed: bool
    told: str
    seconds: float


def make_image(folder: Path) -> Path:
    """The image for these scripts and these packages, made where it is not there."""
    wanted = packages((ROOT / "README.md").read_text("utf-8"))
    digest = hashlib.sha256(" ".join(wanted).encode())
    for name in IMAGE_OF:
        digest.update((HERE / name).read_bytes())
    image = folder / digest.hexdigest()[:12]
    if not (image / "root.img").is_file():
        if os.geteuid() != 0:
            sys.exit(
                "make vm makes its image as root (debootstrap, mount); nothing was done. Run: sudo make vm"
            )
        print(f"making the image in {image}: about ten minutes, once", flush=True)
        subprocess.run(["bash", HERE / "image.sh", image, *wanted], check=True)
    return image


def try_all(rig: VmRig, checks: list[Check]) -> list[Result]:
    results = []
    for number, each in enumerate(checks, 1):
        print(f"[{number}/{len(checks)}] {each.name} ...", flush=True)
        began = time.monotonic()
        try:
            told, passed = each.run(rig), True
        except Exception as error:
            traceback.print_exc()
            told, passed = f"{type(error).__name__}: {error}", False
            log = rig.machine.run("journalctl -b -n 60 --no-pager -u 'rigd*' -u player", timeout=30.0).text
            print(log, flush=True)
        results.append(Result(check=each, passed=passed, told=told, seconds=time.monotonic() - began))
        print(f"    {'ok' if passed else 'FAILED'} ({results[-1].seconds:.0f} s): {told}", flush=True)
    return results


def table(results: list[Result]) -> str:
    rows = ["| tried | must | came of it | |", "|---|---|---|---|"]
    for each in results:
        told = re.sub(r"\s+", " ", each.told).replace("|", "/")[:300]
        rows.append(
            f"| {each.check.name} | {each.check.promise} | {told} | {'ok' if each.passed else '**FAILED**'} |"
        )
    return "\n".join(rows)


def write_page(results: list[Result], about: str) -> None:
    page = PAGE.read_text("utf-8")
    begin, end = "<!-- make vm -->", "<!-- end of make vm -->"
    head, rest = page.split(begin, 1)
    _, tail = rest.split(end, 1)
    PAGE.write_text(f"{head}{begin}\n{about}\n\n{table(results)}\n{end}{tail}", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make vm")
    parser.add_argument(
        "--only", default="", help="only checks whose name has one of these words, and the installation"
    )
    parser.add_argument("--page", action="store_true", help="write the table into docs/tested-hardware.md")
    parser.add_argument(
        "--keep", action="store_true", help="leave the machine running until a key is pressed"
    )
    asked = parser.parse_args()
    folder = Path(os.environ.get("RIGD_VM") or platformdirs.user_cache_path("rigd-vm"))
    folder.mkdir(parents=True, exist_ok=True)
    image = make_image(folder)
    words = asked.only.split()
    checks = [each for each in CHECKS if not words or each is CHECKS[0] or any(w in each.name for w in words)]
    began = time.monotonic()
    machine = Machine(image, folder / "run")
    try:
        make_wheels(machine.share / "wheels")
        print(f"booted in {machine.start():.0f} s", flush=True)
        rig = VmRig(machine)
        kernel = machine.do("uname -r").strip()
        results = try_all(rig, checks)
        if asked.keep:
            input(f"the machine runs in {folder / 'run'}; Enter ends it: ")
    finally:
        machine.close()
    minutes = (time.monotonic() - began) / 60.0
    failed = sum(not each.passed for each in results)
    day = datetime.datetime.now(datetime.UTC).date()
    about = (
        f"{day}: Debian 12, kernel {kernel}, in QEMU without KVM on {os.cpu_count()} cores ({platform.machine()});"
        f" {len(results) - failed} of {len(results)} came out right, in {minutes:.0f} minutes."
    )
    print(f"\n{about}\n\n{table(results)}")
    if asked.page:
        write_page(results, about)
    print(f"\n{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
