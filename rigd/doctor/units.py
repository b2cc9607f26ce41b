"""What the units of the service are let reach: drop-ins for exactly what a config names, and whether they still are.

The units as they come let nothing out to the network and open no line of a UART, since only the config knows which;
a drop-in permits those, and takes away what this config does not need. `rigd units` writes it, as root, and never the
rig itself. Sources: systemd.resource-control(5), systemd.exec(5), the kernel's
Documentation/admin-guide/devices.txt.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from rigd.config.rig_config import RigConfig
from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.service import CAPTURE, UNITS_FOLDER
from rigd.model.access import Access
from rigd.model.errors import RigError
from rigd.model.plain_text import plain_line

DAEMON = "rigd.service"
FILE = "50-rigd-units.conf"
"""In the unit's folder of drop-ins. What `systemctl edit` writes comes after it."""
CURE = "sudo rigd units"

SOUND, CONSOLES, UART, USB_SERIAL, USB_MODEM, BLUETOOTH = 116, 4, 204, 188, 166, 216
LINE_MAJORS = {"ttyUSB": USB_SERIAL, "ttyACM": USB_MODEM, "ttyAMA": UART, "rfcomm": BLUETOOTH}
STATIC_MAJORS = frozenset(LINE_MAJORS.values())
"""Those that rigd.service permits by itself: what is plugged in later. Not 4, which the consoles have, too."""
PSEUDO_TERMINALS = range(136, 144)
"""Permitted by DevicePolicy=closed."""
LOCAL_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10", "fc00::/7")
SHARED_MEMORY = "/dev/shm"
_PATH = re.compile(r"/[\w./:+,@#=!-]{1,240}", re.ASCII)
"""Nothing that means something in a unit."""


def access_of(config: RigConfig, drivers: Mapping[str, type[BaseModel]]) -> dict[str, Access]:
    """Unit to what it needs for this config. `drivers` holds the settings model of each audio driver."""
    surfaces = [_said(surface.settings, surface.kind) for surface in config.surfaces]
    preamps = [_said(preamp.settings, preamp.kind) for preamp in config.preamps]
    faces = [_said(face.settings, face.name) for face in config.faces]
    return {
        DAEMON: Access.of_all((*surfaces, *preamps, *faces)),
        CAPTURE: _said(drivers[config.audio.driver], config.audio.driver, config.audio.device),
    }


def _said(settings: Any, kind: str, *about: str) -> Access:
    ask = getattr(settings, "access", None)
    said = ask(*about) if callable(ask) else None
    return said if isinstance(said, Access) else Access(unknown=(f'kind "{kind}"',))


def drop_ins(needs: Mapping[str, Access], config: str, machine: Machine) -> dict[str, str]:
    """Unit to the text of its drop-in, for the config at that path."""
    return {unit: _drop_in(access, config, machine) for unit, access in needs.items()}


def _drop_in(access: Access, config: str, machine: Machine) -> str:
    path = plain_line(config)
    lines = [
        f"# Written by rigd units from {path}. Run it again when a desk, a box, a pedal or the interface",
        "# there is another one. Lines of your own: systemctl edit, which comes after this.",
        _needs_line(access),
        "[Service]",
    ]
    if not access.unknown:
        lines += ["DeviceAllow=", *(f"DeviceAllow={device} rw" for device in _devices(access, machine))]
    if networks := _networks(access, machine):
        lines.append(f"IPAddressAllow={' '.join(networks)}")
    in_memory = access.shared_memory or any(line.startswith(f"{SHARED_MEMORY}/") for line in access.lines)
    if not access.unknown and not in_memory:
        lines.append(f"InaccessiblePaths={SHARED_MEMORY}")
    return "\n".join([*lines, ""])


def _needs_line(access: Access) -> str:
    """Says what the drop-in is for; by this it is known again. One line, whatever a config has for a path: nobody has
    checked it where another kind says nothing of what it opens, and root's manager runs what stands in a unit."""
    return f"# For: {plain_line(str(access))}"


def _devices(access: Access, machine: Machine) -> list[str]:
    """As DeviceAllow= takes them."""
    found = [f"char-{SOUND}"] if access.sound else []
    for line in access.lines:
        found += _line_devices(line, machine)
    if access.usb_line:
        found += _usb_lines()
    return list(dict.fromkeys(found))


def _usb_lines() -> list[str]:
    return [f"char-{USB_SERIAL}", f"char-{USB_MODEM}"]


def _line_devices(path: str, machine: Machine) -> list[str]:
    """By the number of its driver where that is known, since what is plugged in later is permitted by no name; a
    line of a UART by its own name: it is there from the boot on, and shares its number with the consoles."""
    if not _PATH.fullmatch(path):
        raise RigError(
            f"{path!r} cannot be named in a unit: it is no plain path. Nothing was written. Name it "
            "by /dev/serial/by-path/... or its /dev/tty name"
        )
    major = _major(path, machine)
    if major in PSEUDO_TERMINALS:
        return []
    if major is not None:
        return [_real(path, machine)] if major == CONSOLES else [f"char-{major}"]
    name = path.rpartition("/")[2]
    if name.startswith("ttyS"):
        return [path]
    known = next((number for start, number in LINE_MAJORS.items() if name.startswith(start)), None)
    return [f"char-{known}"] if known is not None else _usb_lines()


def _real(path: str, machine: Machine) -> str:
    """Behind its links, as seen from the machine's root."""
    real = os.path.realpath(machine.root / path.lstrip("/"))
    return "/" + os.path.relpath(real, os.path.realpath(machine.root)).lstrip("/")


def _major(path: str, machine: Machine) -> int | None:
    """The number of the driver of a line that is there now."""
    try:
        found = os.stat(machine.root / path.lstrip("/"))
    except OSError:
        return None
    return os.major(found.st_rdev) if stat.S_ISCHR(found.st_mode) else None


def _networks(access: Access, machine: Machine) -> list[str]:
    """A desk by its address alone. One by its name may get another address from the network any day, so the local
    networks are open for it, and whoever is asked what the name stands for."""
    found: list[str] = []
    for host in access.hosts:
        address = _address(host)
        if address is None:
            found += [*LOCAL_NETWORKS, *_name_servers(machine)]
        elif not address.is_loopback:
            found.append(str(address))
    return list(dict.fromkeys(found))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Without its zone; None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _name_servers(machine: Machine) -> Iterator[str]:
    for line in machine.text("/etc/resolv.conf").splitlines():
        words = line.split()
        address = _address(words[1]) if len(words) > 1 and words[0] == "nameserver" else None
        if address is not None and not address.is_loopback:
            yield str(address)


def misfits(needs: Mapping[str, Access], machine: Machine) -> Iterator[Finding]:
    """Units that are not let reach what this config names, or reach what another one named."""
    for unit, access in needs.items():
        text = machine.text(_path(unit))
        cure = f"{CURE}; then: sudo systemctl restart {unit.removesuffix('.service')}"
        if text and _needs_line(access) not in text.splitlines():
            what = f"{unit} is let reach what another config named; this one needs: {access}"
            yield Finding(topic="reach", grade=Grade.PROBLEM, what=what, cure=cure)
        elif not text and (refused := list(_refused(access, machine))):
            what = f"{unit} is not let reach what the config names: {', '.join(refused)}"
            yield Finding(topic="reach", grade=Grade.PROBLEM, what=what, cure=cure)


def _refused(access: Access, machine: Machine) -> Iterator[str]:
    """What the unit as it comes refuses."""
    for host in access.hosts:
        address = _address(host)
        if address is None or not address.is_loopback:
            yield f"the network, {host}" if address is None else str(address)
    for line in filter(_PATH.fullmatch, access.lines):
        for device in _line_devices(line, machine):
            if device not in {f"char-{major}" for major in STATIC_MAJORS}:
                yield line


def _path(unit: str) -> str:
    return f"{UNITS_FOLDER}/{unit}.d/{FILE}"


def reach(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """For `rigd doctor`: whether the units reach what the config names, and no more."""
    if not plan.of_service or not plan.needs:
        return
    if found := list(misfits(plan.needs, machine)):
        yield from found
    elif missing := [unit for unit in plan.needs if not machine.exists(_path(unit))]:
        yield Finding(
            topic="reach",
            grade=Grade.ADVICE,
            what=f"{', '.join(missing)} may open more devices than the config names",
            cure=f"{CURE}; then: sudo systemctl restart {' '.join(u.removesuffix('.service') for u in missing)}",
        )
    else:
        yield Finding(
            topic="reach", grade=Grade.OK, what="the units reach what the config names, and no more"
        )


def changed(texts: Mapping[str, str], machine: Machine) -> dict[str, str]:
    """Of these drop-ins those that are not there as they should be: unit to path."""
    return {unit: _path(unit) for unit, text in texts.items() if machine.text(_path(unit)) != text.strip()}
