"""systemd's own opinion of the units: nothing to complain of, and little to attack (faults.md T19)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.figures import Figures
from tests.support.systemd_run import BOOT
from tests.support.tools import need_tool

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = {
    "rigd.service": 2.1,
    "rigd-capture.service": 1.0,
    "rigd-writer@writer.service": 0.7,
    "rigd-close.service": 0.5,
}
"""Unit to the exposure (0 to 10) that it stays under. Sound cards, serial lines and the network are the rest."""
MEANT = {
    "rigd.service": {"IPAddressDeny=any", "IPAddressAllow=localhost", "MemoryDenyWriteExecute=yes"},
    "rigd-capture.service": {
        "PrivateNetwork=yes", "IPAddressDeny=any", "ProtectClock=yes", "MemoryDenyWriteExecute=yes",
    },
    "rigd-writer@.service": {
        "PrivateNetwork=yes", "IPAddressDeny=any", "ProtectClock=yes", "MemoryDenyWriteExecute=yes",
        "InaccessiblePaths=/dev/shm",
    },
    "rigd-close.service": {
        "PrivateNetwork=yes", "IPAddressDeny=any", "ProtectClock=yes", "MemoryDenyWriteExecute=yes",
        "InaccessiblePaths=/dev/shm", "PrivateUsers=yes",
    },
}  # fmt: skip
"""What the exposure alone would not miss."""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units with the programs of this environment."""
    need_tool("systemd-analyze")
    for path in (*UNITS.glob("*.service"), *UNITS.glob("*.target"), *UNITS.glob("*.mount")):
        text = path.read_text("utf-8").replace("/opt/rigd/bin", str(Path(sys.prefix) / "bin"))
        (tmp_path / path.name).write_text(text, "utf-8")
    shutil.copy(tmp_path / "rigd-writer@.service", tmp_path / "rigd-writer@writer.service")
    return tmp_path


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True)


def test_systemd_finds_nothing_to_complain_of(installed: Path) -> None:
    done = analyze("verify", *(str(path) for path in installed.iterdir()))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_the_exposure_stays_under_its_bound(installed: Path, unit: str, figures: Figures) -> None:
    done = analyze("security", "--offline=true", str(installed / unit))
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    figures.record(
        "units",
        f"{unit}: exposure by systemd-analyze security",
        bound=f"<= {SERVICES[unit]}",
        measured=float(found[1]),
        unit="",
        count="1 unit",
        load="",
    )
    assert float(found[1]) <= SERVICES[unit]


def test_no_unit_can_give_up_or_be_pulled_down_by_another() -> None:
    for path in UNITS.glob("*.service"):
        text = path.read_text("utf-8")
        assert "StartLimitIntervalSec=0" in text
        assert not re.search(r"^(Requires|BindsTo|Requisite)=", text, re.M), path.name
        assert "WatchdogSec=" in text or "Type=oneshot" in text, path.name


def test_no_device_is_permitted_by_a_name_that_only_a_loaded_module_gives() -> None:
    for path in UNITS.glob("*.service"):
        for allowed in re.findall(r"^DeviceAllow=(\S+)", path.read_text("utf-8"), re.M):
            assert re.fullmatch(r"char-\d+", allowed), f"{path.name}: {allowed}"


@pytest.mark.parametrize("unit", MEANT)
def test_a_unit_reaches_no_network_no_shared_memory_and_makes_no_code_that_it_does_not_need(
    unit: str,
) -> None:
    lines = (UNITS / unit).read_text("utf-8").splitlines()
    assert set(lines) >= MEANT[unit]
    assert any(line.startswith("TasksMax=") for line in lines)
    assert not any(line.startswith("DeviceAllow=char-4 ") for line in lines), (
        "consoles are of that number, too"
    )


def test_the_readme_names_every_package_and_installs_by_make() -> None:
    house = UNITS.parent
    section = (house / "README.md").read_text("utf-8").partition("## As a service")[2].partition("\n## ")[0]
    install, *rest = [line.strip() for line in re.findall(r"^    (.*)$", section, re.M)]
    built = re.findall(
        r"(?:scripts=\"(?:\$\$scripts )?)([a-z0-9 -]+)\"", (house / "Makefile").read_text("utf-8")
    )
    needed = {package for each in built for package in each.split()} | {"libportaudio2", "make"}
    assert install.startswith("sudo apt-get install -y ") and needed <= set(install.split()), (
        "a prompt eats what is pasted"
    )
    assert rest == ["sudo make install CONFIG=my.toml"]


def test_by_hand_it_is_what_make_install_and_the_tests_lay_down() -> None:
    house = UNITS.parent
    page = (house / "docs" / "service.md").read_text("utf-8")
    script = (UNITS / "install.sh").read_text("utf-8")
    lines = [line.strip() for line in re.findall(r"^    (.*)$", page, re.M)]
    named = {
        word for line in lines for word in line.split() if word.startswith("systemd/") and "*" not in word
    }
    assert named == {
        f"systemd/{name}" for name in ("sysusers.conf", "tmpfiles.conf", "50-rigd.rules", "rigd.target")
    }
    assert all((house / name).exists() and name.removeprefix("systemd/") in script for name in named)
    assert "install -d -o rigd -g rigd -m 2750 /srv/takes" in lines
    assert "install -d -o rigd -g rigd -m 2750 /srv/takes" in BOOT


def test_the_runtime_folder_has_one_mode_wherever_it_comes_from() -> None:
    assert "d /run/rigd 0750 rigd rigd" in (UNITS / "tmpfiles.conf").read_text("utf-8")
    (options,) = re.findall(r"^Options=(.*)", (UNITS / "run-rigd.mount").read_text("utf-8"), re.M)
    assert {"mode=0750", "uid=rigd", "gid=rigd"} <= set(options.split(","))


def test_the_target_is_stopped_last_so_that_who_stops_it_waits_for_the_rest() -> None:
    for path in UNITS.glob("*.service"):
        (after,) = re.findall(r"^After=(.*)", path.read_text("utf-8"), re.M)
        assert "rigd.target" in after.split(), path.name
        assert not re.search(r"^Before=.*rigd\.target", path.read_text("utf-8"), re.M), path.name


def test_what_records_outlives_the_daemon_when_memory_runs_out() -> None:
    def score(name: str) -> int:
        return int(re.findall(r"^OOMScoreAdjust=(-?\d+)", (UNITS / name).read_text("utf-8"), re.M)[0])

    assert score("rigd-capture.service") == score("rigd-writer@.service") == -900
    assert score("rigd.service") > 0
