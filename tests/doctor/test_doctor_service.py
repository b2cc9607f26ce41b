"""`rigd doctor` where the rig's units are installed: they are judged, and not who asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.doctor.checks import examine
from rigd.doctor.finding import Grade, Machine, Space
from tests.doctor.test_doctor import GOOD, PLAN, found, machine_of

SERVICE_PLAN = replace(PLAN, of_service=True)
POOR = {
    "proc/self/limits": "Max locked memory  8388608  8388608  bytes\nMax realtime priority  0  0\n",
    "proc/self/status": "Name:\trigd\nGroups:\t1000 998 \nCapEff:\t0000000000000000\n",
    "etc/group": "audio:x:29:\ndialout:x:20:\nrigd:x:998:\n",
}
"""Somebody with no right but that of the group rigd."""
SETTINGS = {
    ("rigd-capture.service", "LoadState"): "loaded",
    ("rigd-capture.service", "MainPID"): "77",
    ("rigd-capture.service", "ActiveState"): "active",
    ("rigd-capture.service", "LimitRTPRIOSoft"): "95",
    ("rigd-capture.service", "LimitMEMLOCKSoft"): "infinity",
    ("rigd-capture.service", "SupplementaryGroups"): "audio",
    ("rigd.service", "SupplementaryGroups"): "audio dialout",
    ("rigd-writer@writer.service", "ReadWritePaths"): "/run/rigd /srv/takes -/media/disk",
    ("rigd-writer@writer.service", "ProtectHome"): "yes",
}
LIVING = {"proc/77/limits": GOOD["proc/self/limits"], "proc/77/comm": "rigd-capture\n"}


def service_of(
    root: Path, files: dict[str, str | None] | None = None, settings: dict[tuple[str, str], str] | None = None
) -> Machine:
    """A machine with a good service that somebody without rights asks about, but for these."""
    shown = {**SETTINGS, **(settings or {})}
    machine = machine_of(root, {**POOR, **LIVING, **(files or {})})
    return replace(machine, unit=lambda unit, setting: shown.get((unit, setting), ""))


@pytest.mark.parametrize("main_pid", ["77", "0"])
def test_of_a_service_its_units_are_judged_and_not_who_asks(tmp_path: Path, main_pid: str) -> None:
    machine = service_of(tmp_path, settings={("rigd-capture.service", "MainPID"): main_pid})
    findings = examine(machine, SERVICE_PLAN)
    assert found(findings, Grade.PROBLEM) == [] and found(findings, Grade.ADVICE) == []
    assert any("--own" in what for topic, what, _ in found(findings, Grade.FACT) if topic == "judged")
    of_who_asks = {topic for topic, _, _ in found(examine(machine, PLAN), Grade.PROBLEM)}
    assert {"real time", "groups"} <= of_who_asks


SERVICE_TROUBLES: list[tuple[str, dict[str, str | None], dict[tuple[str, str], str], Grade, str, str]] = [
    (
        "real time",
        {"proc/77/limits": POOR["proc/self/limits"]},
        {},
        Grade.PROBLEM,
        "rigd-capture.service may go up to priority 0",
        "systemctl restart rigd-capture.service",
    ),
    (
        "real time",
        {},
        {("rigd-capture.service", "MainPID"): "0", ("rigd-capture.service", "LimitRTPRIOSoft"): "0"},
        Grade.PROBLEM,
        "priority 0",
        "LimitRTPRIO=95",
    ),
    (
        "locked memory",
        {"proc/77/limits": POOR["proc/self/limits"]},
        {},
        Grade.ADVICE,
        "8 MB",
        "systemctl restart rigd-capture",
    ),
    (
        "locked memory",
        {},
        {("rigd-capture.service", "MainPID"): "0", ("rigd-capture.service", "LimitMEMLOCKSoft"): "8388608"},
        Grade.ADVICE,
        "8 MB",
        "LimitMEMLOCK=infinity",
    ),
    (
        "takes",
        {},
        {("rigd-writer@writer.service", "ReadWritePaths"): "/run/rigd"},
        Grade.PROBLEM,
        "may not write to /srv/takes, only to: /run/rigd",
        "systemctl edit",
    ),
    (
        "groups",
        {},
        {("rigd.service", "SupplementaryGroups"): "dialout"},
        Grade.PROBLEM,
        "MIDI",
        "systemctl edit rigd.service",
    ),
    (
        "groups",
        {"proc/self/status": "Groups:\t1000 29 20 \nCapEff:\t0000000000000000\n"},
        {},
        Grade.ADVICE,
        "eve is not in the group rigd",
        "sudo adduser eve rigd",
    ),
    (
        "systemd",
        {},
        {("rigd.service", "ActiveState"): "failed"},
        Grade.PROBLEM,
        "rigd.service failed",
        "journalctl -b -u rigd.service",
    ),
]


@pytest.mark.parametrize(("topic", "files", "settings", "grade", "figure", "cure"), SERVICE_TROUBLES)
def test_a_trouble_of_the_service_is_told_with_its_cure(
    tmp_path: Path,
    topic: str,
    files: dict[str, str | None],
    settings: dict[tuple[str, str], str],
    grade: Grade,
    figure: str,
    cure: str,
) -> None:
    findings = examine(service_of(tmp_path, files, settings), SERVICE_PLAN)
    matching = [each for each in found(findings, grade) if each[0] == topic]
    assert matching, findings
    assert figure in matching[0][1]
    assert cure in matching[0][2]


def test_where_systemd_tells_this_user_nothing_that_is_said_and_nothing_is_made_up(tmp_path: Path) -> None:
    machine = replace(service_of(tmp_path), unit=lambda unit, setting: "")
    findings = examine(machine, SERVICE_PLAN)
    assert found(findings, Grade.PROBLEM) == []
    ((topic, _, cure),) = found(findings, Grade.ADVICE)
    assert topic == "judged" and "sudo rigd doctor" in cure


def test_a_library_in_a_home_is_one_that_the_units_do_not_see(tmp_path: Path) -> None:
    machine = service_of(tmp_path, settings={("rigd-writer@writer.service", "ReadWritePaths"): "/home/eve"})
    findings = examine(machine, replace(SERVICE_PLAN, library="/home/eve/takes"))
    assert any("ProtectHome" in what for _, what, _ in found(findings, Grade.PROBLEM))


def test_a_tape_that_who_asks_may_not_see_is_not_missed(tmp_path: Path) -> None:
    machine = replace(
        service_of(tmp_path), space=lambda path: Space(total_bytes=900_000_000, free_bytes=350_000_000)
    )
    assert not [each for each in found(examine(machine, SERVICE_PLAN), Grade.PROBLEM) if each[0] == "tape"]
    machine = service_of(tmp_path, settings={("rigd-capture.service", "ActiveState"): "inactive"})
    machine = replace(machine, space=lambda path: Space(total_bytes=900_000_000, free_bytes=350_000_000))
    assert [each for each in found(examine(machine, SERVICE_PLAN), Grade.PROBLEM) if each[0] == "tape"]
