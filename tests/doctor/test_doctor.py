"""`rigd doctor` on machines made of files: each trouble is found, with its figure and its cure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.doctor.checks import examine
from rigd.doctor.finding import Finding, Grade, Machine, Plan, Space
from rigd.wire.own_folder import why_not_own

GB = 10**9
PLAN = Plan(
    tape_bytes=536_870_912,
    runtime_dir="/run/rigd",
    library="/srv/takes",
    bytes_per_second=9_216_000,
)
GOOD = {
    "proc/self/limits": (
        "Limit                     Soft Limit           Hard Limit           Units\n"
        "Max locked memory         unlimited            unlimited            bytes\n"
        "Max realtime priority     95                   95\n"
    ),
    "proc/self/status": "Name:\trigd\nGroups:\t29 20 \nCapEff:\t0000000000000000\n",
    "proc/self/mounts": (
        "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n"
        "tmpfs /run tmpfs rw,nosuid 0 0\n"
        "/dev/sda1 /srv ext4 rw,noatime 0 0\n"
    ),
    "proc/meminfo": "MemTotal:        8000000 kB\n",
    "proc/swaps": "Filename\tType\n",
    "proc/sys/kernel/sched_rt_runtime_us": "950000\n",
    "proc/sys/kernel/osrelease": "6.12.1-rt\n",
    "proc/version": "Linux version 6.12.1 SMP PREEMPT_RT\n",
    "proc/cmdline": "quiet threadirqs\n",
    "proc/sys/vm/dirty_bytes": "67108864\n",
    "proc/sys/vm/dirty_ratio": "20\n",
    "proc/asound/card1/pcm0c/sub0/status": "closed\n",
    "etc/group": "audio:x:29:\ndialout:x:20:\n",
    "etc/systemd/system/rigd.target": "",
    "etc/systemd/system/rigd.service": "",
    "etc/systemd/system/rigd-capture.service": "",
    "etc/systemd/system/rigd-writer@.service": "",
    "etc/systemd/system/rigd-close.service": "",
    "etc/systemd/system/multi-user.target.wants/rigd.target": "",
    "run/systemd/system/x": "",
    "usr/bin/systemd-inhibit": "",
    "usr/lib/polkit-1/polkitd": "",
    "etc/polkit-1/rules.d/50-rigd.rules": "",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/block/sda/queue/rotational": "0\n",
    "sys/bus/usb/devices/1-1:1.0/bInterfaceClass": "01\n",
    "sys/bus/usb/devices/1-1/power/control": "on\n",
    "sys/bus/usb/devices/1-1/product": "Scarlett 18i20\n",
}


def machine_of(
    root: Path, changes: dict[str, str | None] | None = None, *, free: float = 500 * GB
) -> Machine:
    """A good machine but for these files; None: it is not there."""
    for path, text in {**GOOD, **(changes or {})}.items():
        if text is not None:
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return Machine(
        root=root,
        user="eve",
        uid=1000,
        space=lambda path: Space(total_bytes=1000 * GB, free_bytes=int(free)),
        clock_is_synchronised=lambda: True,
    )


def found(findings: list[Finding], grade: Grade) -> list[tuple[str, str, str]]:
    return [(each.topic, each.what, each.cure) for each in findings if each.grade is grade]


def test_a_good_machine_has_nothing_to_cure(tmp_path: Path) -> None:
    findings = examine(machine_of(tmp_path), PLAN)
    assert found(findings, Grade.PROBLEM) == []
    assert found(findings, Grade.ADVICE) == []
    topics = {each.topic for each in findings if each.grade is Grade.OK}
    assert {"real time", "locked memory", "disk", "tape", "groups", "sound cards", "USB power"} <= topics
    assert ("kernel", "6.12.1-rt, PREEMPT_RT, threadirqs", "") in found(findings, Grade.FACT)


TROUBLES: list[tuple[str, dict[str, str | None], Grade, str, str]] = [
    (
        "real time",
        {"proc/self/limits": "Max realtime priority     0      0\n"},
        Grade.PROBLEM,
        "0",
        "rtprio 95",
    ),
    ("real time", {"proc/sys/kernel/sched_rt_runtime_us": "0"}, Grade.PROBLEM, "no time", "sysctl"),
    (
        "locked memory",
        {"proc/self/limits": "Max locked memory   8388608  8388608  bytes\nMax realtime priority  95  95\n"},
        Grade.ADVICE,
        "8 MB may be locked, the tape is 537 MB",
        "memlock unlimited",
    ),
    ("out of memory", {"etc/systemd/system/rigd-capture.service": None}, Grade.ADVICE, "spared", "units"),
    (
        "processor",
        {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand"},
        Grade.ADVICE,
        "ondemand",
        "tee /sys",
    ),
    (
        "power",
        {"sys/devices/platform/soc/soc:firmware/get_throttled": "50005"},
        Grade.PROBLEM,
        "under-voltage now",
        "supply",
    ),
    (
        "power",
        {"sys/devices/platform/soc/soc:firmware/get_throttled": "50000"},
        Grade.PROBLEM,
        "since the start",
        "supply",
    ),
    (
        "card in use",
        {
            "proc/asound/card1/pcm0c/sub0/status": "state: RUNNING\nowner_pid   : 77\n",
            "proc/77/comm": "audacity\n",
        },
        Grade.PROBLEM,
        "audacity (77)",
        "end that program",
    ),
    ("sound server", {"proc/78/comm": "pipewire\n"}, Grade.ADVICE, "pipewire", "systemctl --user mask"),
    (
        "USB power",
        {"sys/bus/usb/devices/1-1/power/control": "auto"},
        Grade.ADVICE,
        "Scarlett 18i20",
        "/sys/bus/usb/devices/1-1/power/control",
    ),
    (
        "groups",
        {"proc/self/status": "Groups:\t20 \nCapEff:\t0000000000000000\n"},
        Grade.PROBLEM,
        "not in the group audio",
        "usermod -aG audio eve",
    ),
    ("file system", {"proc/self/mounts": "/dev/sda1 /srv vfat rw 0 0\n"}, Grade.PROBLEM, "vfat", "ext4"),
    (
        "file system",
        {"proc/self/mounts": "srv:/x /srv nfs4 rw 0 0\n"},
        Grade.PROBLEM,
        "network",
        "disk of this",
    ),
    (
        "file system",
        {"proc/self/mounts": "/dev/sda1 /srv ext4 ro,noatime 0 0\n"},
        Grade.PROBLEM,
        "read-only",
        "remount,rw /srv",
    ),
    (
        "file system",
        {"proc/self/mounts": "/dev/sda1 /srv ext4 rw,noatime,nobarrier 0 0\n"},
        Grade.PROBLEM,
        "barriers",
        "barrier=1",
    ),
    (
        "write-back",
        {"proc/sys/vm/dirty_bytes": "0"},
        Grade.ADVICE,
        "1.6 GB",
        "vm.dirty_bytes=67108864",
    ),
    ("tape", {"proc/self/mounts": "/dev/sda1 / ext4 rw,noatime 0 0\n"}, Grade.PROBLEM, "ext4", "tmpfs"),
    (
        "systemd",
        {"etc/systemd/system/rigd.service": None},
        Grade.ADVICE,
        "not installed",
        "README",
    ),
    (
        "systemd",
        {"etc/systemd/system/multi-user.target.wants/rigd.target": None},
        Grade.ADVICE,
        "not enabled",
        "systemctl enable",
    ),
]


@pytest.mark.parametrize(("topic", "changes", "grade", "figure", "cure"), TROUBLES)
def test_a_trouble_is_told_with_its_figure_and_its_cure(
    tmp_path: Path, topic: str, changes: dict[str, str | None], grade: Grade, figure: str, cure: str
) -> None:
    findings = examine(machine_of(tmp_path, changes), PLAN)
    matching = [each for each in found(findings, grade) if each[0] == topic]
    assert matching, findings
    assert figure in matching[0][1]
    assert cure in matching[0][2]


def test_a_machine_without_a_sound_card_is_told_unless_a_jack_server_runs(tmp_path: Path) -> None:
    none = {"proc/asound/card1/pcm0c/sub0/status": None}
    findings = examine(machine_of(tmp_path, none), PLAN)
    (told,) = (what for topic, what, _ in found(findings, Grade.ADVICE) if topic == "sound cards")
    assert "nothing to record from" in told
    findings = examine(machine_of(tmp_path, {**none, "proc/88/comm": "jackd\n"}), PLAN)
    assert not [what for topic, what, _ in found(findings, Grade.ADVICE) if topic == "sound cards"]


BUSY = {"proc/asound/card1/pcm0c/sub0/status": "state: RUNNING\nowner_pid   : 4242\n"}
THREAD = {"proc/4242/status": "Name:\tpa-callback\nTgid:\t77\nPid:\t4242\n"}


@pytest.mark.parametrize(
    "process",
    [
        {"proc/77/comm": "python3\n", "run/rigd/capture.lock": "77\n"},
        {"proc/77/comm": "rigd-capture\n"},
        {
            "proc/77/comm": "python3\n",
            "proc/77/cmdline": "/opt/rigd/bin/python\0/opt/rigd/bin/rigd-capture\0/run/rigd\0",
        },
        {"proc/77/comm": "python\n", "proc/77/cmdline": "/x/python\0-m\0rigd.capture\0/dev/shm/rigd-1000\0"},
    ],
)
def test_a_card_that_a_thread_of_our_own_capture_has_open_is_not_taken(
    tmp_path: Path, process: dict[str, str]
) -> None:
    findings = examine(machine_of(tmp_path, {**BUSY, **THREAD, **process}), PLAN)
    assert found(findings, Grade.PROBLEM) == []


def test_a_stranger_is_told_by_its_process_and_not_by_its_thread(tmp_path: Path) -> None:
    strange = {
        "proc/77/comm": "audacity\n",
        "proc/77/cmdline": "audacity\0take.wav\0",
        "run/rigd/capture.lock": "78\n",
    }
    findings = examine(machine_of(tmp_path, {**BUSY, **THREAD, **strange}), PLAN)
    assert [what for topic, what, _ in found(findings, Grade.PROBLEM) if topic == "card in use"] == [
        "recording is taken: card1 by audacity (77)"
    ]


@pytest.mark.parametrize(
    ("free", "grade"), [(200 * GB, Grade.OK), (20 * GB, Grade.ADVICE), (2 * GB, Grade.PROBLEM)]
)
def test_the_disk_is_told_in_hours_of_this_rig(tmp_path: Path, free: float, grade: Grade) -> None:
    findings = examine(machine_of(tmp_path, free=free), PLAN)
    assert next(each.grade for each in findings if each.topic == "disk") is grade


def test_a_tmpfs_that_is_too_small_for_the_tape_is_a_problem(tmp_path: Path) -> None:
    machine = replace(
        machine_of(tmp_path), space=lambda path: Space(total_bytes=400_000_000, free_bytes=390_000_000)
    )
    findings = examine(machine, PLAN)
    (told,) = [each for each in found(findings, Grade.PROBLEM) if each[0] == "tape"]
    assert "591 MB" in told[1] and "390 MB of 400 MB" in told[1]
    assert "remount,size=" in told[2]


@pytest.mark.parametrize("folder", ["/run/user/1000/rigd", "/dev/shm/rigd-1000", "/dev/shm/the-rig"])
def test_a_runtime_folder_that_goes_at_log_out_is_told(folder: str, tmp_path: Path) -> None:
    plan = replace(PLAN, runtime_dir=folder)
    findings = examine(machine_of(tmp_path), plan)
    assert any("enable-linger eve" in cure for _, _, cure in found(findings, Grade.ADVICE))
    findings = examine(machine_of(tmp_path, {"var/lib/systemd/linger/eve": ""}), plan)
    assert not found(findings, Grade.ADVICE)


def test_a_runtime_folder_that_is_somebody_else_s_is_told_before_a_rig_is_started(tmp_path: Path) -> None:
    (tmp_path / "rigd").mkdir()
    (tmp_path / "rigd" / "rigd.log").symlink_to(tmp_path / "letter")
    for folder, fault in (("rigd", "/rigd/rigd.log is a link to"), ("none yet", "")):
        machine = replace(machine_of(tmp_path / "root"), folder_fault=lambda path: why_not_own(Path(path)))
        plan = replace(PLAN, runtime_dir=str(tmp_path / folder))
        told = [each for each in examine(machine, plan) if each.topic == "runtime folder"]
        assert [each.grade for each in told] == [Grade.PROBLEM] * bool(fault)
        assert all(fault in each.what and "runtime_dir" in each.cure for each in told)


def test_where_nobody_takes_the_runtime_folder_nothing_is_advised(tmp_path: Path) -> None:
    def advised(machine: Machine, plan: Plan) -> bool:
        return any("linger" in cure for _, _, cure in found(examine(machine, plan), Grade.ADVICE))

    usual = replace(PLAN, runtime_dir="/dev/shm/rigd-1000")
    machine = machine_of(tmp_path / "with", {})
    assert advised(machine, usual)
    assert not advised(machine, replace(usual, of_service=True))
    assert not advised(machine_of(tmp_path / "without", {"run/systemd/system/x": None}), usual), "no logind"


def test_a_clock_that_nobody_sets_is_advice_and_one_that_cannot_be_asked_is_none(tmp_path: Path) -> None:
    machine = machine_of(tmp_path)
    for answer, count in ((False, 1), (None, 0), (True, 0)):
        asked = replace(machine, clock_is_synchronised=lambda answer=answer: answer)
        assert len(found(examine(asked, PLAN), Grade.ADVICE)) == count


def test_where_no_card_is_plugged_in_nobody_is_said_to_leave_it_alone(tmp_path: Path) -> None:
    plays = {"proc/asound/card1/pcm0c/sub0/status": None, "proc/asound/card1/pcm0p/info": ""}
    findings = examine(machine_of(tmp_path, plays), PLAN)
    (cards,) = [each for each in findings if each.topic == "sound cards"]
    assert cards.grade is Grade.FACT and cards.what.startswith("none that records is plugged in")


def test_without_systemd_no_cure_is_one_of_systemds(tmp_path: Path) -> None:
    without = {path: None for path in GOOD if "systemd" in path}
    machine = replace(machine_of(tmp_path, without), clock_is_synchronised=lambda: False)
    cures = {each.topic: each.cure for each in examine(machine, PLAN) if each.cure}
    assert not [cure for cure in cures.values() if "systemd" in cure or "timedatectl" in cure], cures
    assert "chrony" in cures["clock"] and "choom" in cures["out of memory"]


def test_on_a_machine_where_nothing_can_be_read_it_still_answers(tmp_path: Path) -> None:
    assert examine(Machine(root=tmp_path, user="eve", uid=1000), PLAN)


def test_the_command_tells_the_truth_of_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "rig.toml"
    config.write_text(f'[rig]\nlibrary = "{tmp_path}"\n[audio]\ndriver = "simulated"\n')
    done = subprocess.run(
        [sys.executable, "-m", "rigd", "doctor", "--json", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    answer = json.loads(done.stdout)
    problems = [each for each in answer["findings"] if each["grade"] == "problem"]
    assert done.returncode == (1 if problems else 0), done.stderr
    assert answer["ok"] == (not problems)
    assert all(each["cure"] for each in problems)
    assert {"real time", "disk", "tape", "versions"} <= {each["topic"] for each in answer["findings"]}
