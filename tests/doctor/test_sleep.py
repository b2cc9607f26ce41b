"""`rigd doctor` says where nothing keeps the machine from suspending in a take, each with its cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.sleep import sleep

SYSTEMD = ("run/systemd/system/x", "usr/bin/systemd-inhibit")
POLKIT = "usr/lib/polkit-1/polkitd"
RULES = "etc/polkit-1/rules.d/50-rigd.rules"
MASKED = ("etc/systemd/system/sleep.target", "etc/systemd/system/suspend.target")


def found(root: Path, *files: str, of_service: bool = False) -> Finding:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (finding,) = sleep(Machine(root=root), Plan(of_service=of_service))
    return finding


@pytest.mark.parametrize(
    ("files", "of_service", "grade", "word"),
    [
        ((), False, Grade.ADVICE, "logind does not run here"),
        (SYSTEMD, False, Grade.OK, "held off"),
        (SYSTEMD, True, Grade.ADVICE, "without polkit"),
        ((*SYSTEMD, POLKIT), True, Grade.ADVICE, "may not keep this machine"),
        ((*SYSTEMD, POLKIT, RULES), True, Grade.OK, "held off"),
        (MASKED, True, Grade.OK, "never suspends"),
    ],
)
def test_sleep(tmp_path: Path, files: tuple[str, ...], of_service: bool, grade: Grade, word: str) -> None:
    finding = found(tmp_path, *files, of_service=of_service)
    assert finding.grade is grade and word in finding.what and bool(finding.cure) is (grade is Grade.ADVICE)
