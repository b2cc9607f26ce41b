"""Whether the machine can fall asleep in a take. Sources: logind.conf(5), systemd-inhibit(1), polkit(8)."""

from __future__ import annotations

from collections.abc import Iterator

from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.service import UNITS_FOLDER, runs_systemd

RULES = "/etc/polkit-1/rules.d/50-rigd.rules"
POLKIT = ("/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd", "/usr/lib/policykit-1/polkitd")
TOOL = "/usr/bin/systemd-inhibit"
TARGETS = ("sleep.target", "suspend.target")
MASK = "sudo systemctl mask sleep.target suspend.target hibernate.target hybrid-sleep.target"


def sleep(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """While a take rolls rigd holds suspend off, where it may."""
    if all(machine.exists(f"{UNITS_FOLDER}/{target}") for target in TARGETS):
        yield Finding(
            topic="sleep", grade=Grade.OK, what="this machine never suspends: its sleep targets are masked"
        )
    elif not (runs_systemd(machine) and machine.exists(TOOL)):
        yield Finding(
            topic="sleep",
            grade=Grade.ADVICE,
            what="logind does not run here, so nothing keeps this machine from suspending while a take rolls",
            cure="switch suspend off in whatever suspends it",
        )
    elif plan.of_service and not any(machine.exists(path) for path in POLKIT):
        yield Finding(
            topic="sleep",
            grade=Grade.ADVICE,
            what="without polkit the service may not keep this machine from suspending, nor switch it off",
            cure=f"sudo apt-get install polkitd  # or, so that it never suspends: {MASK}",
        )
    elif plan.of_service and not machine.exists(RULES):
        yield Finding(
            topic="sleep",
            grade=Grade.ADVICE,
            what="the service may not keep this machine from suspending while a take rolls, nor switch it off",
            cure=f"sudo install -D -m 644 systemd/50-rigd.rules {RULES}",
        )
    else:
        yield Finding(topic="sleep", grade=Grade.OK, what="held off while a take rolls")
