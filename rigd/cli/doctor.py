"""`rigd doctor`: what stands between this machine and a safe take, each with its cure."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import pwd
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import msgspec

from rigd import __version__
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command, Option
from rigd.cli.terminal import AS_JSON, config_option, errors_told, out, print_json
from rigd.config.kinds import AUDIO_DRIVERS, Kinds, SettingsModels
from rigd.config.load import load_config
from rigd.config.place import find_or_none
from rigd.config.rig_config import RigConfig
from rigd.config.runtime_dir import SERVICE_RUNTIME_DIR
from rigd.doctor.checks import examine
from rigd.doctor.finding import Finding, Grade, Machine, Plan, Space
from rigd.doctor.service import CONFIG, is_installed
from rigd.doctor.units import access_of
from rigd.model.access import Access
from rigd.model.errors import ConfigError
from rigd.model.take import SAMPLE_BYTES
from rigd.wire.own_folder import why_not_own

MARKS = {
    Grade.OK: ("✓", "green"),
    Grade.FACT: ("·", "dim"),
    Grade.ADVICE: ("!", "yellow"),
    Grade.PROBLEM: ("✗", "bold red"),
}
SYSTEMCTL_WITHIN_S = 10.0
STA_UNSYNC = 0x40
"""adjtimex(2)."""


def doctor(config: Path | None, own: bool, as_json: bool) -> None:
    machine = this_machine()
    faults: list[Finding] = []
    plan = Plan()
    of_service = not own and is_installed(machine)
    if of_service:
        plan, faults = plan_of_service(config)
    else:
        found = find_or_none(config, os.environ)
        config = found.path if found is not None else None
        if config is not None:
            with errors_told():
                plan = plan_of(load_config(config))
    findings = [*examine(machine, plan), *faults, *versions()]
    problems = sum(finding.grade is Grade.PROBLEM for finding in findings)
    if as_json:
        print_json({"ok": not problems, "findings": [msgspec.to_builtins(finding) for finding in findings]})
    else:
        tell(findings)
        advice = sum(finding.grade is Grade.ADVICE for finding in findings)
        pieces = "nothing stands between this machine and a safe take"
        if problems:
            pieces = f"{problems} problem{'s' * (problems > 1)} to see to before a take is safe"
        style = "bold red" if problems else "bold green"
        out.print("")
        out.print((pieces, style), f"; {advice} piece{'s' * (advice != 1)} of advice")
        if config is None and not of_service:
            out.print("for disk and tape too, once there is a config: rigd init", style="dim")
    if problems:
        raise SystemExit(ExitCode.REFUSED)


def tell(findings: list[Finding]) -> None:
    """A list, with each cure under what it cures: on one line, however long, so that it can be copied as it is."""
    topics = max((len(finding.topic) for finding in findings), default=0) + 1
    indent = " " * (topics + 2)
    width = shutil.get_terminal_size().columns
    for finding in findings:
        mark, style = MARKS[finding.grade]
        lines = textwrap.wrap(finding.what, max(20, min(width, 100) - len(indent)))
        told = "dim" if finding.grade is Grade.FACT else ""
        out.print((mark, style), f" {finding.topic:<{topics}}", ("".join(lines[:1]), told))
        for line in lines[1:]:
            out.print(indent, (line, told))
        if finding.cure:
            out.print(f"    → {finding.cure}", style="cyan")


def plan_of(config: RigConfig) -> Plan:
    """What this config asks of the machine."""
    armed = sum(channel.armed for channel in config.channels)
    return Plan(
        tape_bytes=config.tape_bytes(),
        runtime_dir=str(config.runtime_dir),
        library=str(config.library),
        bytes_per_second=armed * config.audio.sample_rate_hz * SAMPLE_BYTES[config.take.sample],
    )


def plan_of_service(config: Path | None) -> tuple[Plan, list[Finding]]:
    """What the units' config asks of the machine, or the one given; and what is wrong with it."""
    path = config or Path(CONFIG)
    try:
        loaded = load_config(path, environ={"RUNTIME_DIRECTORY": SERVICE_RUNTIME_DIR})
    except ConfigError as error:
        fault = Finding(
            topic="config", grade=Grade.PROBLEM, what=str(error).splitlines()[0], cure=f"rigd check {path}"
        )
        return Plan(of_service=True, runtime_dir=SERVICE_RUNTIME_DIR), [fault]
    return msgspec.structs.replace(plan_of(loaded), of_service=True, needs=needs_of(loaded)), []


def needs_of(config: RigConfig) -> dict[str, Access]:
    """What the units have to reach for this config."""
    return access_of(config, SettingsModels(Kinds(AUDIO_DRIVERS)))


def unit_setting(unit: str, setting: str) -> str:
    """As `systemctl show` has it; empty where systemd does not answer."""
    command = ["systemctl", "show", f"--property={setting}", "--value", unit]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SYSTEMCTL_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def load_units_again() -> bool:
    """systemd has read its units anew, so that a restart of one uses its drop-in. False where it did not."""
    command = ["systemctl", "daemon-reload"]
    try:
        return subprocess.run(command, capture_output=True, timeout=SYSTEMCTL_WITHIN_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def this_machine() -> Machine:
    """The one that this runs on."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return Machine(
        user=user,
        uid=uid,
        space=space_of,
        clock_is_synchronised=clock_is_synchronised,
        folder_fault=lambda path: why_not_own(Path(path)),
        unit=unit_setting,
    )


def space_of(path: str) -> Space | None:
    """Of the file system that holds the path, or would hold it."""
    try:
        found = os.statvfs(nearest(Path(path)))
    except OSError:
        return None
    return Space(total_bytes=found.f_blocks * found.f_frsize, free_bytes=found.f_bavail * found.f_frsize)


def nearest(path: Path) -> Path:
    """Of the path as much as is there, and can be looked at: what lies behind a folder that this user may not enter
    is as good as not there."""
    while not os.path.exists(path) and path != path.parent:
        path = path.parent
    return path


def clock_is_synchronised() -> bool | None:
    """By the kernel's own word (adjtimex(2)); None where it says nothing."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    words = (ctypes.c_long * 64)()  # struct timex, 208 bytes on 64 bit; modes 0 only reads
    if not hasattr(library, "adjtimex") or library.adjtimex(words) < 0:
        return None
    status = ctypes.cast(ctypes.byref(words, 5 * ctypes.sizeof(ctypes.c_long)), ctypes.POINTER(ctypes.c_int))
    return not status[0] & STA_UNSYNC


def versions() -> Iterator[Finding]:
    """For a report of trouble."""
    told = [f"rigd {__version__}", f"Python {platform.python_version()}"]
    for package in ("sounddevice", "alsa-midi", "mido", "python-rtmidi"):
        try:
            told.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    for name, library in (("PortAudio", "portaudio"), ("JACK", "jack")):
        told.append(f"{name} {ctypes.util.find_library(library) or 'not installed'}")
    yield Finding(topic="versions", grade=Grade.FACT, what=", ".join(told))


DOCTOR = Command(
    name="doctor",
    run=doctor,
    about="Say what stands between this machine and a safe take: of the service where it is installed, else of a rig "
    "that you start. Exit code 0: nothing; 1: problems.",
    parts=(
        config_option("Also check what this config needs; else the one that rigd finds (rigd config)."),
        Option(
            name="own",
            flags=("--own",),
            about="Judge for a rig that you start yourself, also where the service is installed.",
        ),
        AS_JSON,
    ),
)
