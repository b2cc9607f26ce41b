"""All checks of `rigd doctor`, in the order in which they are told, and the two about clock and service manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rigd.control.machine.finding import Finding, Grade, Machine, Plan
from rigd.control.machine.sound_devices import groups, other_users, usb_power
from rigd.control.machine.storage import disk, tape_room, write_back
from rigd.control.machine.time_and_memory import (
    governor,
    kernel,
    locked_memory,
    out_of_memory,
    realtime,
    voltage,
)

UNITS = ("rigd.service", "rigd-capture.service", "rigd-writer@.service", "rigd-close.service")


def clock(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Takes are stamped with the time of day; their length never depends on it."""
    if machine.clock_is_synchronised():
        yield Finding(topic="clock", grade=Grade.OK, what="the time of day is synchronised")
    elif machine.clock_is_synchronised() is False:
        yield Finding(
            topic="clock",
            grade=Grade.ADVICE,
            what="the time of day is not synchronised: takes may bear a wrong date",
            cure="sudo timedatectl set-ntp true",
        )


def service_manager(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Whether the rig comes back after a power cut."""
    if not machine.exists("/run/systemd/system"):
        yield Finding(topic="systemd", grade=Grade.FACT, what="does not run here; start rigd by hand")
        return
    missing = [unit for unit in UNITS if not machine.exists(f"/etc/systemd/system/{unit}")]
    if missing:
        yield Finding(
            topic="systemd",
            grade=Grade.ADVICE,
            what=f"rigd is not installed as a service ({missing[0]} is not there): it does not come back by itself",
            cure='README, "As a service"',
        )
    elif not machine.exists("/etc/systemd/system/multi-user.target.wants/rigd.target"):
        yield Finding(
            topic="systemd",
            grade=Grade.ADVICE,
            what="the units are installed and not enabled",
            cure="sudo systemctl enable --now rigd.target",
        )
    else:
        yield Finding(topic="systemd", grade=Grade.OK, what="rigd.target is enabled")


CHECKS: tuple[Callable[[Machine, Plan], Iterator[Finding]], ...] = (
    realtime,
    locked_memory,
    out_of_memory,
    governor,
    voltage,
    other_users,
    usb_power,
    groups,
    disk,
    write_back,
    tape_room,
    clock,
    service_manager,
    kernel,
)


def examine(machine: Machine, plan: Plan) -> list[Finding]:
    """Every finding, in order."""
    return [finding for check in CHECKS for finding in check(machine, plan)]
