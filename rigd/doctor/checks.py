"""All checks of `rigd doctor`, in the order in which they are told, and the one about the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.service import judged, rights, runs_systemd, service_manager
from rigd.doctor.sleep import sleep
from rigd.doctor.sound_devices import groups, other_users, usb_power
from rigd.doctor.storage import disk, tape_room, write_back
from rigd.doctor.time_and_memory import (
    governor,
    kernel,
    locked_memory,
    out_of_memory,
    realtime,
    voltage,
)
from rigd.doctor.units import reach


def clock(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Takes are stamped with the time of day; their length never depends on it."""
    if machine.clock_is_synchronised():
        yield Finding(topic="clock", grade=Grade.OK, what="the time of day is synchronised")
    elif machine.clock_is_synchronised() is False:
        yield Finding(
            topic="clock",
            grade=Grade.ADVICE,
            what="the time of day is not synchronised: takes may bear a wrong date",
            cure="sudo timedatectl set-ntp true" if runs_systemd(machine) else "sudo apt-get install chrony",
        )


CHECKS: tuple[Callable[[Machine, Plan], Iterator[Finding]], ...] = (
    judged,
    realtime,
    locked_memory,
    out_of_memory,
    governor,
    voltage,
    other_users,
    usb_power,
    groups,
    rights,
    reach,
    disk,
    write_back,
    tape_room,
    clock,
    sleep,
    service_manager,
    kernel,
)


def examine(machine: Machine, plan: Plan) -> list[Finding]:
    """Every finding, in order."""
    return [finding for check in CHECKS for finding in check(machine, plan)]
