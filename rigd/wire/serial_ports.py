"""The serial ports of this machine, and which one a surface means. Reads /sys through pyserial; any thread.

A port is known by what stays: the USB serial number, or the USB socket where the chip has none. The number in
/dev/ttyACM0 is only the order in which things were plugged in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from serial.tools import list_ports as pyserial_ports

from rigd.model.errors import SurfaceError
from rigd.model.plain_text import plain_line, toml_inside


class SerialPort(Struct, frozen=True, kw_only=True):
    """One port as the system describes it; empty where it says nothing."""

    device: str
    """/dev/ttyACM0: true today."""
    product: str = ""
    usb_serial: str = ""
    usb_path: str = ""
    usb_id: str = ""
    """VID:PID, as 2341:0043."""


class NamesAPort(Protocol):
    """Settings that name a port: exactly one of the three is given, the others are empty."""

    @property
    def port(self) -> str:
        """A path."""

    @property
    def usb_serial(self) -> str:
        """The USB serial number."""

    @property
    def usb_path(self) -> str:
        """The USB socket."""


_COUNTED = re.compile(r"/dev/tty(?:USB|ACM)\d+", re.ASCII)
SERIAL_PREFIX = "serial:"
"""Before the path of a line, where a port may be something else as well."""
LINKS = Path("/dev/serial")
"""udev's: by-id, by-path."""
_BY_ID = "/dev/serial/by-id/"
PortLister = Callable[[], Sequence[SerialPort]]


def list_ports() -> tuple[SerialPort, ...]:
    """Every serial port of this machine, by device name."""
    ports = [
        SerialPort(
            device=str(seen.device),
            product=str(seen.product or (seen.description if seen.description != "n/a" else "") or ""),
            usb_serial=str(seen.serial_number or ""),
            usb_path=str(seen.location or ""),
            usb_id=f"{seen.vid:04X}:{seen.pid:04X}" if seen.vid is not None else "",
        )
        for seen in pyserial_ports.comports()
    ]
    return tuple(sorted(ports, key=lambda port: port.device))


def config_for(port: SerialPort, ports: Sequence[SerialPort], *, name: str = "box") -> str:
    """The config to paste: by serial number where that is unique, else by USB socket, else by path."""
    place = _place(port, ports)
    seen = " ".join(part for part in (port.product, port.usb_id) if part)
    remark = plain_line(f"  # {' '.join(seen.split())}, now {port.device}") if seen else ""
    return f'[surface.{name}]\nkind = "serial"\n{place}{remark}\n'


def _place(port: SerialPort, ports: Sequence[SerialPort]) -> str:
    """The line of the config that means this one."""
    twins = [other for other in ports if other.usb_serial == port.usb_serial]
    if port.usb_serial and len(twins) == 1:
        return f'usb_serial = "{toml_inside(port.usb_serial)}"'
    if port.usb_path:
        return f'usb_path = "{toml_inside(port.usb_path)}"'
    return f'port = "{toml_inside(port.device)}"'


def is_counted(path: str) -> bool:
    """Whether a path is only the order in which things were plugged in: /dev/ttyUSB0."""
    return _COUNTED.fullmatch(path) is not None


def _driver(path: str) -> str:
    """/dev/ttyUSB: each driver counts its own."""
    return path.rstrip("0123456789")


def lasting_link(device: str, ports: Sequence[SerialPort], links: Path = LINKS) -> str:
    """udev's link that means this port tomorrow as well: by a serial number that no other has, else by the USB
    socket; empty where there is none."""
    same = [port for port in ports if port.device == device]
    serial = same[0].usb_serial if same else ""
    is_alone = len([port for port in ports if port.usb_serial == serial]) == 1
    for folder in ("by-id", "by-path") if serial and is_alone else ("by-path",):
        for link in sorted((links / folder).glob("*")):
            if str(link.resolve()) == device:
                return str(link)
    return ""


def lasting_path(path: str, ports: Sequence[SerialPort], links: Path = LINKS) -> tuple[str, str]:
    """The path of a port that the config is to have, and what to know where it does not last."""
    if not is_counted(path):
        return path, ""
    if link := lasting_link(path, ports, links):
        return link, ""
    return path, f"{path} is the order of plugging, so another device may have this name tomorrow"


def check_lasting(
    path: str, ports: PortLister, place: Callable[[SerialPort, Sequence[SerialPort]], str] = _place
) -> None:
    """Raises SurfaceError where the path may be another box tomorrow, and gives the choice: `place` is the line of
    the config that means a port. With one box there is nothing to take for it."""
    if is_counted(path):
        alike = [
            port for port in ports() if is_counted(port.device) and _driver(port.device) == _driver(path)
        ]
        why = "is the order of plugging"
    elif path.startswith(_BY_ID):
        # Links by id of equal boxes with equal serial numbers have one name: the last one plugged in has it.
        all_ports = ports()
        meant = [port for port in all_ports if port.device == str(Path(path).resolve()) and port.usb_id]
        alike = [
            port
            for port in all_ports
            if meant and (port.usb_id, port.usb_serial) == (meant[0].usb_id, meant[0].usb_serial)
        ]
        if len({port.usb_path.partition(":")[0] for port in alike}) < 2:
            return  # the lines of one box have names of their own
        why = "is the name of each of several equal boxes"
    else:
        return
    if len(alike) > 1:
        choice = ", ".join(f"{port.device} is {place(port, alike)}" for port in alike)
        raise SurfaceError(
            f"{path} {why}, and {len(alike)} are there: {choice}. Nothing was opened; write the one you mean in "
            "place of port (rigd devices)"
        )


def find_port(settings: NamesAPort, ports: PortLister = list_ports) -> str:
    """The path of the port that these settings mean. Raises SurfaceError: not there, or several fit."""
    if settings.port:
        if not Path(settings.port).exists():
            raise SurfaceError(f"{settings.port} is not there; plug the box in, or see: rigd devices")
        check_lasting(settings.port, ports)
        return settings.port
    if settings.usb_serial:
        wanted = f'usb_serial "{settings.usb_serial}"'
        found = [port for port in ports() if port.usb_serial == settings.usb_serial]
    else:
        wanted = f'usb_path "{settings.usb_path}"'
        found = [
            port for port in ports() if settings.usb_path in (port.usb_path, port.usb_path.partition(":")[0])
        ]
    if not found:
        raise SurfaceError(f"no serial port has {wanted}; plug the box in, or see: rigd devices")
    if len(found) > 1:
        listed = ", ".join(f"{port.device} (usb_path {port.usb_path or '-'})" for port in found)
        raise SurfaceError(f"{wanted} fits {len(found)} ports: {listed}; name one by usb_path or port")
    return found[0].device
