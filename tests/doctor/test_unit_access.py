"""`rigd units`: drop-ins for exactly what a config names; whether those that are there fit; what is never written."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from rigd.cli.doctor import needs_of
from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.service import CAPTURE
from rigd.doctor.units import DAEMON, FILE, SOUND, STATIC_MAJORS, access_of, drop_ins, misfits, reach
from rigd.model.access import Access
from rigd.model.errors import RigError
from tests.support.tools import need_root

UNITS = Path(__file__).resolve().parents[2] / "systemd"
FOLDER = "etc/systemd/system"
NOTHING = Access()


def machine_of(root: Path, files: dict[str, str] | None = None) -> Machine:
    for name, text in (files or {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return Machine(root=root)


def config_of(folder: Path, text: str) -> RigConfig:
    path = folder / "rig.toml"
    path.write_text(text, "utf-8")
    return load_config(path)


def settings_of(access: Access, machine: Machine, unit: str = DAEMON) -> dict[str, list[str]]:
    """Directive to its values, in the order in which they stand."""
    text = drop_ins({unit: access}, "/etc/rigd/rig.toml", machine)[unit]
    found: dict[str, list[str]] = {}
    for line in text.partition("[Service]\n")[2].splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key, []).append(value)
    return found


BOX = '[surface.box]\nkind = "serial"\n'
PEDAL = '[surface.pedal]\nkind = "midi"\n'


@pytest.mark.parametrize(
    ("text", "unit", "access"),
    [
        (BOX + 'port = "/dev/ttyS0"', DAEMON, Access(lines=("/dev/ttyS0",))),
        (BOX + 'usb_serial = "85"', DAEMON, Access(usb_line=True)),
        (PEDAL + 'port = "serial:/dev/ttyAMA0"', DAEMON, Access(lines=("/dev/ttyAMA0",))),
        (PEDAL + 'port = "FS"\napi = "alsa"', DAEMON, Access(sound=True)),
        (PEDAL + 'port = "FS"\napi = "jack"', DAEMON, Access(shared_memory=True)),
        (PEDAL + 'port = "FS"', DAEMON, Access(sound=True, shared_memory=True)),
        ('[preamp.desk]\nkind = "xair"\nhost = "192.168.1.62"', DAEMON, Access(hosts=("192.168.1.62",))),
        ('[audio]\ndevice = "hw:CARD=RIG"', CAPTURE, Access(sound=True)),
        ('[audio]\ndevice = "usb:1-1.3"', CAPTURE, Access(sound=True)),
        ('[audio]\ndevice = ""', CAPTURE, Access(sound=True, shared_memory=True)),
        ('[audio]\ndriver = "simulated"', CAPTURE, NOTHING),
        ("", DAEMON, NOTHING),
    ],
)
def test_every_kind_says_what_it_opens(tmp_path: Path, text: str, unit: str, access: Access) -> None:
    assert needs_of(config_of(tmp_path, text))[unit] == access


def test_a_kind_that_does_not_say_it_leaves_its_unit_as_it_is(tmp_path: Path) -> None:
    class Silent(BaseModel):
        pass

    needs = access_of(config_of(tmp_path, ""), {"portaudio": Silent})
    assert needs[CAPTURE] == Access(unknown=('kind "portaudio"',))
    assert settings_of(needs[CAPTURE], machine_of(tmp_path)) == {}


@pytest.mark.parametrize(
    ("path", "devices"),
    [
        ("/dev/ttyUSB3", ["char-188"]),
        ("/dev/ttyACM0", ["char-166"]),
        ("/dev/ttyAMA0", ["char-204"]),
        ("/dev/rfcomm0", ["char-216"]),
        ("/dev/ttyS1", ["/dev/ttyS1"]),
        ("/dev/serial/by-id/usb-Arduino_8573-if00", ["char-188", "char-166"]),
        ("/dev/rig-box", ["char-188", "char-166"]),
    ],
)
def test_a_line_that_is_not_there_yet_is_permitted_by_what_its_name_says(
    tmp_path: Path, path: str, devices: list[str]
) -> None:
    allowed = settings_of(Access(lines=(path,)), machine_of(tmp_path))["DeviceAllow"]
    assert allowed == ["", *(f"{device} rw" for device in devices)]


@pytest.mark.parametrize(
    ("major", "device"), [(188, "char-188"), (245, "char-245"), (4, "/dev/ttyS7"), (136, None)]
)
def test_a_line_that_is_there_is_permitted_by_its_number_and_one_of_the_consoles_number_by_its_name(
    tmp_path: Path, major: int, device: str | None
) -> None:
    need_root("to make a device node")
    (tmp_path / "dev").mkdir()
    os.mknod(tmp_path / "dev/ttyS7", stat.S_IFCHR | 0o600, os.makedev(major, 71))
    (tmp_path / "dev/rig-box").symlink_to("ttyS7")
    allowed = settings_of(Access(lines=("/dev/rig-box",)), machine_of(tmp_path))["DeviceAllow"]
    assert allowed == ["", *([f"{device} rw"] if device else [])]


def test_desks_are_permitted_by_address_and_one_by_name_with_the_local_networks(tmp_path: Path) -> None:
    machine = machine_of(
        tmp_path, {"etc/resolv.conf": "# x\nnameserver 127.0.0.53\nnameserver 198.51.100.1\nnameserver\n"}
    )
    access = Access(hosts=("192.168.1.62", "127.0.0.1", "fe80::1%eth0"))
    assert settings_of(access, machine)["IPAddressAllow"] == ["192.168.1.62 fe80::1"]
    (by_name,) = settings_of(Access(hosts=("desk.local",)), machine)["IPAddressAllow"]
    assert {"192.168.0.0/16", "198.51.100.1"} < set(by_name.split()) and "127.0.0.53" not in by_name
    assert "IPAddressAllow" not in settings_of(Access(hosts=("127.0.0.1",)), machine)


def test_shared_memory_is_hidden_where_nothing_needs_it(tmp_path: Path) -> None:
    machine = machine_of(tmp_path)
    assert settings_of(Access(sound=True), machine)["InaccessiblePaths"] == ["/dev/shm"]
    for access in (Access(shared_memory=True), Access(lines=("/dev/shm/rigd-demo/box",))):
        assert "InaccessiblePaths" not in settings_of(access, machine)


@pytest.mark.parametrize(
    "path", ["/dev/x\n[Service]\nUser=root", "/dev/%n", "/dev/a b", "dev/ttyS0", "/dev/x\\x0a", '/dev/"']
)
def test_a_path_that_means_something_in_a_unit_is_refused_and_no_finding_trips_over_it(
    tmp_path: Path, path: str
) -> None:
    with pytest.raises(RigError, match="Nothing was written"):
        drop_ins({DAEMON: Access(lines=(path,))}, "/etc/rigd/rig.toml", machine_of(tmp_path))
    assert list(misfits({DAEMON: Access(lines=(path,))}, machine_of(tmp_path))) == []


def what(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings]


def test_where_a_kind_says_nothing_a_path_of_lines_is_no_line_of_the_unit_either(tmp_path: Path) -> None:
    access = Access(lines=("/dev/x\n[Service]\nExecStartPre=+/bin/true",), unknown=('kind "other"',))
    text = drop_ins({DAEMON: access}, "/etc/rigd/rig.toml", machine_of(tmp_path))[DAEMON]
    assert not [line for line in text.splitlines() if line.startswith("ExecStartPre")]
    path = f"{FOLDER}/{DAEMON}.d/{FILE}"
    assert list(misfits({DAEMON: access}, machine_of(tmp_path, {path: text}))) == []


def test_units_without_a_drop_in_are_told_of_what_they_refuse(tmp_path: Path) -> None:
    machine = machine_of(tmp_path)
    needs = {DAEMON: Access(hosts=("192.168.1.62", "desk.local"), lines=("/dev/ttyS0", "/dev/ttyUSB0"))}
    (found,) = misfits(needs, machine)
    assert found.what.endswith("names: 192.168.1.62, the network, desk.local, /dev/ttyS0")
    assert found.cure == "sudo rigd units; then: sudo systemctl restart rigd"
    for access in (NOTHING, Access(usb_line=True, sound=True, shared_memory=True, hosts=("127.0.0.1",))):
        assert list(misfits({DAEMON: access}, machine)) == []


def test_a_drop_in_fits_its_own_config_and_no_other(tmp_path: Path) -> None:
    access = Access(hosts=("192.168.1.62",), sound=True)
    text = drop_ins({DAEMON: access}, "/etc/rigd/rig.toml", machine_of(tmp_path))[DAEMON]
    machine = machine_of(tmp_path, {f"{FOLDER}/{DAEMON}.d/{FILE}": text})
    assert list(misfits({DAEMON: access}, machine)) == []
    for other in (replace(access, hosts=("192.168.1.6",)), replace(access, sound=False), NOTHING):
        assert "what another config named" in what(list(misfits({DAEMON: other}, machine)))[0]


def test_the_doctor_tells_of_the_units_of_a_service_only(tmp_path: Path) -> None:
    needs = {DAEMON: Access(hosts=("192.168.1.62",)), CAPTURE: NOTHING}
    machine = machine_of(tmp_path)
    assert list(reach(machine, Plan(needs=needs))) == []
    plan = Plan(of_service=True, needs=needs)
    assert "192.168.1.62" in what(list(reach(machine, plan)))[0]
    harmless = replace(plan, needs={DAEMON: NOTHING, CAPTURE: NOTHING})
    assert "more devices than the config names" in what(list(reach(machine, harmless)))[0]
    texts = drop_ins(needs, "/etc/rigd/rig.toml", machine)
    fitting = machine_of(tmp_path, {f"{FOLDER}/{unit}.d/{FILE}": text for unit, text in texts.items()})
    assert [finding.grade for finding in reach(fitting, plan)] == [Grade.OK]


def test_what_the_unit_itself_permits_is_what_the_findings_reckon_with() -> None:
    text = (UNITS / DAEMON).read_text("utf-8")
    allowed = {int(number) for number in re.findall(r"^DeviceAllow=char-(\d+)", text, re.M)}
    assert allowed == {SOUND, *STATIC_MAJORS}
    assert re.findall(r"^IPAddressAllow=(.*)", text, re.M) == ["localhost"]
