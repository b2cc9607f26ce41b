"""The rig as a service: where its units are installed, their limits, rights and state count, and not those of the
person who asks. Sources: systemd.exec(5), systemd.resource-control(5), proc(5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rigd.config.runtime_dir import SERVICE_RUNTIME_DIR
from rigd.doctor.finding import Finding, Grade, Machine, Plan

UNITS_FOLDER = "/etc/systemd/system"
UNITS = (
    "rigd.target",
    "rigd.service",
    "rigd-capture.service",
    "rigd-writer@.service",
    "rigd-close.service",
)
CAPTURE, WRITER = "rigd-capture.service", "rigd-writer@writer.service"
"""As in systemd/tmpfiles.conf."""
CONFIG = "/etc/rigd/rig.toml"
GROUP = "rigd"
HOMES = ("/home", "/root", "/run/user")


def unseen_by_units(folders: Iterable[Path]) -> str:
    """Why the units could not write there; empty where nothing is known against it."""
    for folder in folders:
        if any(path.is_relative_to(home) for path in (folder, folder.resolve()) for home in HOMES):
            return f"{folder} is in somebody's home, which the units do not see (ProtectHome)"
    return ""


def runs_systemd(machine: Machine) -> bool:
    """It is who starts and stops services here."""
    return machine.exists("/run/systemd/system")


def is_installed(machine: Machine) -> bool:
    """systemd runs here and knows the rig's units."""
    return runs_systemd(machine) and not missing_units(machine)


def missing_units(machine: Machine) -> list[str]:
    """Those that are not there."""
    return [unit for unit in UNITS if not machine.exists(f"{UNITS_FOLDER}/{unit}")]


def limit_of_capture(machine: Machine, *, name: str, setting: str) -> float | None:
    """The soft limit that the capture unit's living process has; of one that does not run, what its unit says.
    `name` is that of /proc/PID/limits, `setting` the unit's. Infinity: none; None: it is not told."""
    if not _is_told(machine):
        return None
    pid = machine.unit(CAPTURE, "MainPID")
    if pid.isdecimal() and int(pid) and machine.text(f"/proc/{pid}/limits"):
        return machine.limit(name, of=pid)
    return _limit_of_unit(machine, setting)


def cure_of_limit(machine: Machine, *, setting: str, value: str, wanted: float) -> str:
    """What gives capture so much. A unit that permits it was changed since, or is in a container that may not."""
    if _limit_of_unit(machine, setting) >= wanted:
        return f"sudo systemctl restart {CAPTURE}  # its unit permits it; not every container can"
    return f"sudo systemctl edit {CAPTURE}  # [Service] {setting}={value}; then: sudo systemctl restart {CAPTURE}"


def _limit_of_unit(machine: Machine, setting: str) -> float:
    value = machine.unit(CAPTURE, f"{setting}Soft") or machine.unit(CAPTURE, setting)
    return float(value) if value.isdecimal() else float("inf") if value == "infinity" else 0.0


def _is_told(machine: Machine) -> bool:
    """Without D-Bus systemd answers root only."""
    return machine.unit(CAPTURE, "LoadState") != ""


def judged(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """For whom all the rest is said."""
    if not plan.of_service:
        return
    judged = f"the service, its units' limits and rights, and {SERVICE_RUNTIME_DIR}"
    what = f"{judged}; a rig of your own: rigd doctor --own"
    yield Finding(topic="judged", grade=Grade.FACT, what=what)
    if not _is_told(machine):
        yield Finding(
            topic="judged",
            grade=Grade.ADVICE,
            what=f"systemd does not tell {machine.user} about its units: their limits and rights were not looked at",
            cure="sudo rigd doctor  # or: sudo apt-get install dbus",
        )


def rights(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """What the units' sandbox lets them do, and who may work with them."""
    if not plan.of_service or not _is_told(machine):
        return
    yield from _may_write(machine, plan)
    for unit, group, what in (
        (CAPTURE, "audio", "sound cards cannot be opened"),
        ("rigd.service", "audio", "MIDI cannot be opened"),
        ("rigd.service", "dialout", "boxes on serial lines cannot be opened"),
    ):
        if group not in machine.unit(unit, "SupplementaryGroups").split():
            yield Finding(
                topic="groups",
                grade=Grade.PROBLEM if group == "audio" else Grade.ADVICE,
                what=f"{unit} is not in the group {group}: {what}",
                cure=f"sudo systemctl edit {unit}  # [Service] SupplementaryGroups={group}; then restart it",
            )
    if machine.uid and not machine.is_in_group(GROUP):
        yield Finding(
            topic="groups",
            grade=Grade.ADVICE,
            what=f"{machine.user} is not in the group {GROUP}: only root may work the rig and read its takes",
            cure=f"sudo adduser {machine.user} {GROUP}  # then log in again",
        )
    elif machine.uid:
        yield Finding(
            topic="groups", grade=Grade.OK, what=f"{machine.user} may work the rig and read its takes"
        )


def _may_write(machine: Machine, plan: Plan) -> Iterator[Finding]:
    if not plan.library:
        return
    paths = [path.lstrip("-+") for path in machine.unit(WRITER, "ReadWritePaths").split()]
    library = Path(plan.library)
    if not any(library.is_relative_to(path) for path in paths):
        yield Finding(
            topic="takes",
            grade=Grade.PROBLEM,
            what=f"the units may not write to {library}, only to: {', '.join(paths) or 'nothing'}",
            cure="sudo systemctl edit rigd rigd-writer@writer  # [Service] ReadWritePaths=-, and where the disk is "
            "mounted; then: sudo systemctl restart rigd rigd-writer@writer",
        )
    elif (why := unseen_by_units([library])) and machine.unit(WRITER, "ProtectHome") != "no":
        yield Finding(
            topic="takes",
            grade=Grade.PROBLEM,
            what=why,
            cure='set [rig] library = "/srv/takes"',
        )


def service_manager(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Whether the rig comes back after a power cut."""
    if not runs_systemd(machine):
        yield Finding(topic="systemd", grade=Grade.FACT, what="does not run here; start rigd by hand")
        return
    failed = [
        unit for unit in (CAPTURE, WRITER, "rigd.service") if machine.unit(unit, "ActiveState") == "failed"
    ]
    if missing := missing_units(machine):
        yield Finding(
            topic="systemd",
            grade=Grade.ADVICE,
            what=f"rigd is not installed as a service ({missing[0]} is not there): it does not come back by itself",
            cure='README, "As a service"',
        )
    elif not machine.exists(f"{UNITS_FOLDER}/multi-user.target.wants/rigd.target"):
        yield Finding(
            topic="systemd",
            grade=Grade.ADVICE,
            what="the units are installed and not enabled",
            cure="sudo systemctl enable --now rigd.target",
        )
    elif failed:
        yield Finding(
            topic="systemd",
            grade=Grade.PROBLEM,
            what=f"{', '.join(failed)} failed and does not start again by itself",
            cure=f"journalctl -b -u {failed[0]}; then: sudo systemctl restart {failed[0]}",
        )
    else:
        yield Finding(topic="systemd", grade=Grade.OK, what="rigd.target is enabled")
