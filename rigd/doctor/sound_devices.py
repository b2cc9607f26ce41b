"""Sound cards: who else has them, whether they are put to sleep, and whether this user may open them. Sources:
Documentation/sound/designs/procfile.rst and Documentation/driver-api/usb/power-management.rst of the kernel."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from rigd.config.runtime_dir import SERVICE_RUNTIME_DIR
from rigd.config.shipped import shipped
from rigd.doctor.finding import Finding, Grade, Machine, Plan

SOUND_SERVERS = {
    "pulseaudio": "systemctl --user mask --now pulseaudio.socket pulseaudio.service",
    "pipewire": "systemctl --user mask --now pipewire.socket pipewire.service wireplumber.service",
}
OURS = ("rigd-capture", "rigd")
JACK = "jackd"
AUDIO_CLASS = "01"


def other_users(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """An interface that another program has open is not to be had by ALSA."""
    names = dict(machine.processes())
    ours = set(_ours(machine, plan, names))
    busy = []
    inputs = machine.glob("/proc/asound/card*/pcm*c/sub*/status")
    for status in inputs:
        text = machine.text(str(status.relative_to(machine.root)))
        owner = next((line.split(":")[1] for line in text.splitlines() if line.startswith("owner_pid")), "")
        if owner.strip().isdecimal() and text != "closed":
            pid = process_of_thread(machine, int(owner))
            if pid not in ours:
                busy.append(f"{status.parts[-4]} by {names.get(pid) or 'a process'} ({pid})")
    if busy:
        yield Finding(
            topic="card in use",
            grade=Grade.PROBLEM,
            what=f"recording is taken: {'; '.join(busy)}",
            cure=f"end that program, or record through it: {shipped('configs/jack.toml')}",
        )
    holders = sorted({name for pid, name in _holders(machine) if pid not in ours})
    servers = [name for name in SOUND_SERVERS if name in names.values()]
    for name in servers:
        yield Finding(
            topic="sound server",
            grade=Grade.ADVICE,
            what=f"{name} runs: it opens cards that rigd is to open, unless you record through JACK",
            cure=SOUND_SERVERS[name],
        )
    cards = any(machine.glob("/proc/asound/card[0-9]*"))
    if not inputs and (cards or servers):
        what = "none that records is plugged in; what else brings sound is listed by: rigd devices"
        yield Finding(topic="sound cards", grade=Grade.FACT, what=what)
    elif not inputs:
        yield from _no_card(names.values())
    elif not busy and not servers:
        told = f"; opened by {', '.join(holders)}" if holders else ""
        yield Finding(topic="sound cards", grade=Grade.OK, what=f"nobody else records from them{told}")


def _no_card(running: Collection[str]) -> Iterator[Finding]:
    if any(name.startswith(JACK) for name in running):
        yield Finding(topic="sound cards", grade=Grade.OK, what="none is here; a JACK server runs")
        return
    yield Finding(
        topic="sound cards",
        grade=Grade.ADVICE,
        what="none is here, and no JACK server runs: there is nothing to record from",
        cure="plug the interface in and switch it on; then: rigd devices",
    )


def process_of_thread(machine: Machine, thread: int) -> int:
    """ALSA notes the thread that opened a card; /proc lists processes. The number itself where it is gone."""
    for line in machine.text(f"/proc/{thread}/status").splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    return thread


def _ours(machine: Machine, plan: Plan, names: dict[int, str]) -> Iterator[int]:
    """Processes of rigd, by the locks that they hold and, where those may not be read, by how they were started."""
    for folder in {plan.runtime_dir, SERVICE_RUNTIME_DIR} - {""}:
        if (pid := machine.number(f"{folder}/capture.lock")) is not None:
            yield pid
    for pid, name in names.items():
        words = machine.text(f"/proc/{pid}/cmdline").split("\0")
        if name.startswith(OURS) or any(
            word.rpartition("/")[2] == "rigd-capture" or word == "rigd.capture" for word in words[:4]
        ):
            yield pid


def _holders(machine: Machine) -> Iterator[tuple[int, str]]:
    for pid, name in machine.processes():
        try:
            links = list((machine.root / "proc" / str(pid) / "fd").iterdir())
            if any(os.readlink(link).startswith("/dev/snd/pcm") for link in links):
                yield pid, name
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
    if plan.of_service:
        return  # its units say in which groups they are
    if machine.uid == 0:
        yield Finding(topic="groups", grade=Grade.OK, what="root may open every device")
        return
    known = {line.partition(":")[0] for line in machine.text("/etc/group").splitlines()}
    for name, grade, what in (
        ("audio", Grade.PROBLEM, "sound cards and MIDI cannot be opened"),
        ("dialout", Grade.ADVICE, "boxes on serial lines cannot be opened"),
    ):
        if name in known and not machine.is_in_group(name):
            yield Finding(
                topic="groups",
                grade=grade,
                what=f"{machine.user} is not in the group {name}: {what}",
                cure=f"sudo usermod -aG {name} {machine.user}  # then log in again",
            )
        else:
            yield Finding(topic="groups", grade=Grade.OK, what=f"{machine.user} is in the group {name}")
