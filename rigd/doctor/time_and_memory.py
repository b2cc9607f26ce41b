"""Real time, memory that stays, the processor's clock, power, the kernel. Sources: sched(7), capabilities(7),
Documentation/scheduler/sched-rt-group.rst and Documentation/admin-guide/pm/cpufreq.rst of the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.service import CAPTURE, UNITS_FOLDER, cure_of_limit, limit_of_capture, runs_systemd
from rigd.model.disk_words import bytes_text

CALLBACK_PRIORITY = 70
CAP_SYS_NICE, CAP_IPC_LOCK, CAP_SYS_RESOURCE = 23, 14, 24
LIMITS_FILE = "/etc/security/limits.d/audio.conf"


def realtime(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """The callback's thread may run before everything else."""
    limit = _limit(machine, plan, "Max realtime priority", setting="LimitRTPRIO", capability=CAP_SYS_NICE)
    if limit is None:
        pass
    elif limit >= CALLBACK_PRIORITY:
        told = "without a limit" if limit == float("inf") else f"up to priority {limit:.0f}"
        yield Finding(topic="real time", grade=Grade.OK, what=f"permitted, {told}")
    elif plan.of_service:
        yield Finding(
            topic="real time",
            grade=Grade.PROBLEM,
            what=f"{CAPTURE} may go up to priority {limit:.0f}, wanted {CALLBACK_PRIORITY}: others may come first",
            cure=cure_of_limit(machine, setting="LimitRTPRIO", value="95", wanted=CALLBACK_PRIORITY),
        )
    else:
        yield Finding(
            topic="real time",
            grade=Grade.PROBLEM,
            what=f"permitted up to priority {limit:.0f}, wanted {CALLBACK_PRIORITY}: other programs may come first",
            cure=f"echo '@audio - rtprio 95' | sudo tee -a {LIMITS_FILE}  # then log in again",
        )
    runtime_us = machine.number("/proc/sys/kernel/sched_rt_runtime_us")
    if runtime_us == 0:
        yield Finding(
            topic="real time",
            grade=Grade.PROBLEM,
            what="the kernel gives real-time threads no time at all (sched_rt_runtime_us is 0)",
            cure="sudo sysctl kernel.sched_rt_runtime_us=950000",
        )


def locked_memory(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """The tape may be kept from being paged out."""
    limit = _limit(machine, plan, "Max locked memory", setting="LimitMEMLOCK", capability=CAP_IPC_LOCK)
    if limit is None:
        return
    cure = f"echo '@audio - memlock unlimited' | sudo tee -a {LIMITS_FILE}  # then log in again"
    if plan.of_service:
        cure = cure_of_limit(machine, setting="LimitMEMLOCK", value="infinity", wanted=plan.tape_bytes)
    if limit >= max(plan.tape_bytes, 1 << 26):
        told = "unlimited" if limit == float("inf") else bytes_text(limit)
        tape = f"; the tape is {bytes_text(plan.tape_bytes)}" if plan.tape_bytes else ""
        yield Finding(topic="locked memory", grade=Grade.OK, what=f"{told}{tape}")
        return
    tape = f"the tape is {bytes_text(plan.tape_bytes)}: it" if plan.tape_bytes else "a tape is more: it"
    yield Finding(
        topic="locked memory",
        grade=Grade.PROBLEM if _has_swap(machine) else Grade.ADVICE,
        what=f"{bytes_text(limit)} may be locked, {tape} may be paged out",
        cure=cure,
    )


def _limit(machine: Machine, plan: Plan, name: str, *, setting: str, capability: int) -> float | None:
    """Of the process that is to record: the service's, or one that this user starts. None: it is not told."""
    if plan.of_service:
        return limit_of_capture(machine, name=name, setting=setting)
    return float("inf") if machine.may(capability) else machine.limit(name)


def _has_swap(machine: Machine) -> bool:
    return len(machine.text("/proc/swaps").splitlines()) > 1


def out_of_memory(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """What is killed first when memory runs out."""
    if plan.of_service or machine.may(CAP_SYS_RESOURCE) or machine.exists(f"{UNITS_FOLDER}/{CAPTURE}"):
        yield Finding(topic="out of memory", grade=Grade.OK, what="capture and writer are killed last")
    else:
        yield Finding(
            topic="out of memory",
            grade=Grade.ADVICE,
            what="this user cannot have capture and writer spared when memory runs out",
            cure=(
                "run rigd by its systemd units (README, systemd/)"
                if runs_systemd(machine)
                else "once rigd runs: sudo choom -n -900 -p PID, with the PID of rigd-capture and of rigd-writer"
            ),
        )


def governor(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """A processor that sleeps deeply wakes late."""
    files = machine.glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    found = {machine.text(str(file.relative_to(machine.root))) for file in files}
    if not found:
        yield Finding(topic="processor", grade=Grade.OK, what="its clock is not governed by Linux")
    elif found <= {"performance"}:
        yield Finding(topic="processor", grade=Grade.OK, what=f"governor performance on {len(files)} cores")
    else:
        yield Finding(
            topic="processor",
            grade=Grade.ADVICE,
            what=f"governor {', '.join(sorted(found))}: late wake-ups under light load",
            cure="echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        )


def voltage(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """A Raspberry Pi that is short of power resets its USB sockets."""
    throttled = None
    for path in machine.glob("/sys/devices/platform/soc/*firmware/get_throttled"):
        words = machine.text(str(path.relative_to(machine.root)))
        throttled = int(words, 16) if words else None
    alarms = [
        path.with_name("in0_lcrit_alarm")
        for path in machine.glob("/sys/class/hwmon/hwmon*/name")
        if machine.text(str(path.relative_to(machine.root))) == "rpi_volt"
    ]
    now = any(machine.text(str(path.relative_to(machine.root))) == "1" for path in alarms)
    if throttled is None and not alarms:
        return
    before = throttled is not None and bool(throttled & 1 << 16)
    if now or (throttled is not None and throttled & 1):
        what, grade = "under-voltage now: USB devices will be reset", Grade.PROBLEM
    elif before:
        what, grade = "there was under-voltage since the start", Grade.PROBLEM
    else:
        yield Finding(topic="power", grade=Grade.OK, what="no under-voltage since the start")
        return
    yield Finding(
        topic="power",
        grade=grade,
        what=what,
        cure="a stronger supply and a short cable; SSD on its own supply",
    )


def kernel(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """For a report of trouble."""
    version = machine.text("/proc/sys/kernel/osrelease")
    preemption = "PREEMPT_RT" if "PREEMPT_RT" in machine.text("/proc/version") else "not PREEMPT_RT"
    threads = "threadirqs" if "threadirqs" in machine.text("/proc/cmdline") else "no threadirqs"
    yield Finding(topic="kernel", grade=Grade.FACT, what=f"{version}, {preemption}, {threads}")
