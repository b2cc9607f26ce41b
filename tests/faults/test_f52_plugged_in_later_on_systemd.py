"""F52, the units' half: a first USB interface, pedal or box brings its kernel module with it, after the service
started.

Most of these numbers have no driver here, as on a rig before the first plug. What systemd's device filter says of one
is asked from inside the unit's control group. The far half, real modules and USB, needs a machine of its own.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proof.figures import Figures
from tests.support import may_open
from tests.support.patience import wait_for
from tests.support.systemd_run import SystemdRun

CONFIG = """
[audio]
driver = "simulated"
channels = 2
[surface.box]
kind = "serial"
port = "/run/ttyLate0"
"""
SOUND = {
    "116:0": "ALSA's controls",
    "116:1": "the ALSA sequencer",
    "116:200": "PCM and raw MIDI of a late card",
}
LINES = {
    "188:0": "ttyUSB0",
    "166:3": "ttyACM3",
    "204:64": "ttyAMA0",
    "204:74": "ttyAMA10",
    "216:0": "rfcomm0",
}
OTHERS = {
    "4:1": "a console",
    "4:95": "ttyS31, whose number the consoles have, too: rigd units permits the one that a config names",
    "1:1": "mem",
    "10:1": "a misc device",
    "13:64": "an input",
    "189:0": "USB itself",
    "226:0": "graphics",
}
UNITS = {
    "rigd.service": {*SOUND, *LINES},
    "rigd-capture.service": {*SOUND},
    "rigd-writer@writer.service": set[str](),
}


@pytest.fixture(scope="module")
def systemd() -> Iterator[SystemdRun]:
    with SystemdRun(CONFIG) as systemd:
        yield systemd


@pytest.mark.timeout(300)
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_may_open_what_comes_later_and_nothing_that_it_does_not_need(
    systemd: SystemdRun, unit: str, figures: Figures
) -> None:
    numbers = (*SOUND, *LINES, *OTHERS)
    probe = str(Path(may_open.__file__))
    done = systemd.run(sys.executable, probe, "--folder", "/run", unit, *numbers)
    assert done.returncode == 0, done.stderr
    answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    allowed = {number for number, answer in answers.items() if answer.startswith("allowed")}
    assert set(answers) == set(numbers)
    figures.record(
        "F52",
        f"{unit}: device numbers refused that it needs, and permitted that it does not",
        bound="0",
        measured=len(allowed ^ UNITS[unit]),
        unit="",
        count=f"{len(numbers)} numbers",
        load="",
    )
    assert allowed == UNITS[unit], done.stdout


@pytest.mark.timeout(300)
def test_a_line_that_the_filter_refuses_is_told_with_what_opens_it_and_no_group_is_blamed(
    systemd: SystemdRun,
) -> None:
    node = systemd.inside("/run/ttyLate0")
    os.mknod(node, stat.S_IFCHR | 0o660, os.makedev(245, 0))  # a number that the kernel chose by itself
    os.chown(node, systemd.inside("/run/rigd").stat().st_uid, -1)

    def told() -> str:
        return " ".join(surface.detail for surface in systemd.state().surfaces)

    wait_for(lambda: "DeviceAllow=char-245 rw" in told(), "the filter is told", within_s=30)
    assert "group dialout" not in told()
