"""Sound cards: who else has them, whether they are put to sleep, and whether this user may open them. Sources:
Documentation/sound/designs/procfile.rst and Documentation/driver-api/usb/power-management.rst of the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rigd.control.machine.finding import Finding, Grade, Machine, Plan

SOUND_SERVERS = {
    "pulseaudio": "systemctl --user mask --now pulseaudio.socket pulseaudio.service",
    "pipewire": "systemctl --user mask --now pipewire.socket pipewire.service wireplumber.service",
}
OURS = ("rigd-capture", "rigd")
AUDIO_CLASS = "01"


def other_users(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """An interface that another program has open is not to be had by ALSA."""
    names = dict(machine.processes())
    busy = []
    for status in machine.glob("/proc/asound/card*/pcm*c/sub*/status"):
        text = machine.text(str(status.relative_to(machine.root)))
        owner = next((line.split(":")[1] for line in text.splitlines() if line.startswith("owner_pid")), "")
        if owner.strip().isdecimal() and text != "closed":
            name = names.get(int(owner), "")
            if not name.startswith(OURS):
                busy.append(f"{status.parts[-4]} by {name or 'a process'} ({owner.strip()})")
    if busy:
        yield Finding(
            topic="card in use",
            grade=Grade.PROBLEM,
            what=f"recording is taken: {'; '.join(busy)}",
            cure="end that program, or record through it: configs/jack.toml",
        )
    holders = sorted(set(_holders(machine)) - set(OURS))
    servers = [name for name in SOUND_SERVERS if name in names.values()]
    for name in servers:
        yield Finding(
            topic="sound server",
            grade=Grade.ADVICE,
            what=f"{name} runs: it opens cards that rigd is to open, unless you record through JACK",
            cure=SOUND_SERVERS[name],
        )
    if not busy and not servers:
        told = f"; opened by {', '.join(holders)}" if holders else ""
        yield Finding(topic="sound cards", grade=Grade.OK, what=f"nobody else records from them{told}")


def _holders(machine: Machine) -> Iterator[str]:
    for pid, name in machine.processes():
        try:
            links = list((machine.root / "proc" / str(pid) / "fd").iterdir())
            if any(os.readlink(link).startswith("/dev/snd/pcm") for link in links):
                yield name
        except OSError:
            continue  # gone, or somebody else's


def usb_power(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """A USB device that is put to sleep comes back late, or not at all."""
    sleepy: set[tuple[str, str]] = set()
    awake: set[tuple[str, str]] = set()
    for path in machine.glob("/sys/bus/usb/devices/*/bInterfaceClass"):
        if machine.text(str(path.relative_to(machine.root))) != AUDIO_CLASS:
            continue
        device = path.parent.name.partition(":")[0]
        control = machine.text(f"/sys/bus/usb/devices/{device}/power/control")
        name = machine.text(f"/sys/bus/usb/devices/{device}/product") or device
        (sleepy if control == "auto" else awake).add((name, device))
    for name, device in sorted(sleepy):
        yield Finding(
            topic="USB power",
            grade=Grade.ADVICE,
            what=f"{name} may be put to sleep (power/control is auto)",
            cure=f"echo on | sudo tee /sys/bus/usb/devices/{device}/power/control  # lasting: systemd/80-rigd.rules",
        )
    if awake and not sleepy:
        yield Finding(
            topic="USB power",
            grade=Grade.OK,
            what=f"{', '.join(name for name, _ in sorted(awake))} stays awake",
        )


def groups(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Sound cards belong to the group audio, serial lines to dialout."""
    if machine.uid == 0:
        yield Finding(topic="groups", grade=Grade.OK, what="root may open every device")
        return
    mine = next(
        (
            line.split()[1:]
            for line in machine.text("/proc/self/status").splitlines()
            if line.startswith("Groups:")
        ),
        [],
    )
    numbers = {
        fields[0]: fields[2]
        for line in machine.text("/etc/group").splitlines()
        if len(fields := line.split(":")) > 2
    }
    for name, grade, what in (
        ("audio", Grade.PROBLEM, "sound cards and MIDI cannot be opened"),
        ("dialout", Grade.ADVICE, "boxes on serial lines cannot be opened"),
    ):
        if name in numbers and numbers[name] not in mine:
            yield Finding(
                topic="groups",
                grade=grade,
                what=f"{machine.user} is not in the group {name}: {what}",
                cure=f"sudo usermod -aG {name} {machine.user}  # then log in again",
            )
        else:
            yield Finding(topic="groups", grade=Grade.OK, what=f"{machine.user} is in the group {name}")
