"""The rig's parts that are about the machine it runs on, in the order in which they start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rigd.config.sections import HooksSection
from rigd.control.controller import Controller
from rigd.control.parts import DaemonPart, RigPart
from rigd.machine.awake import StaysAwake
from rigd.machine.hooks import HookPlan, Hooks
from rigd.machine.occasions import DISK_LOW, FAULT, FAULT_OVER, TAKE_CLOSED


def hooks_of(config: HooksSection, controller: Controller, *, runtime_dir: Path) -> Hooks:
    """Of a config. Another one may be given to it while it runs (`Hooks.use`)."""
    return Hooks(plan_of(config, runtime_dir), controller.listen)


def machine_parts(hooks: Hooks, controller: Controller) -> Iterator[RigPart]:
    """Stopped after whatever closes takes: what has happened until then is still acted on."""
    yield DaemonPart("staying awake", StaysAwake(lambda: controller.state, controller.watch))
    yield DaemonPart("hooks", hooks)


def plan_of(config: HooksSection, runtime_dir: Path) -> HookPlan:
    """What [hooks] says."""
    commands = {
        TAKE_CLOSED: config.take_closed,
        DISK_LOW: config.disk_low,
        FAULT: config.fault,
        FAULT_OVER: config.fault_over,
    }
    return HookPlan(commands=commands, timeout_s=config.timeout_seconds, runtime_dir=str(runtime_dir))
