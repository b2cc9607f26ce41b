"""F6 and the rest of supervision on the real systemd, units as they are installed: user, sandbox and all.

One boot for all of them; the tests come in the order in which they stand.
"""

from __future__ import annotations

import json
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rigd.cli.terminal import ExitCode
from rigd.model.state import Take, Transport
from rigd.takefile.journal import read_journal
from tests.proof.figures import Figures
from tests.support.counter import check_counter
from tests.support.patience import wait_for
from tests.support.systemd_run import SystemdRun
from tests.support.tools import CAP_SYS_RESOURCE, has_capability

CONFIG = """
[audio]
driver = "simulated"
channels = 4
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 30
keep_seconds = 10
"""
LOAD = "4 ch/48 kHz/24 bit"
PIDS = ("rigd-capture.service", "rigd-writer@writer.service")


@pytest.fixture(scope="module")
def systemd() -> Iterator[SystemdRun]:
    with SystemdRun(CONFIG) as systemd:
        wait_for(
            lambda: systemd.state().transport is Transport.READY and systemd.state().session_folder != "",
            "a rig that is ready",
        )
        yield systemd


def roll(systemd: SystemdRun, seconds: float) -> None:
    take = systemd.state().take
    assert take is not None
    until = take.durable_frames + seconds * 48_000

    def is_there() -> bool:
        now = systemd.state().take
        return now is not None and now.durable_frames >= until

    wait_for(is_there, f"{seconds} s more on disk", within_s=60)


def start(systemd: SystemdRun) -> dict[str, str]:
    # What the test before this one killed has been started again, and is heard.
    wait_for(lambda: systemd.state().transport is Transport.READY, "a rig that is ready")
    systemd.say("start")
    roll(systemd, 1)
    return {unit: systemd.shown(unit, "MainPID") for unit in PIDS}


def stop(systemd: SystemdRun) -> Take:
    roll(systemd, 1)
    systemd.say("stop")
    wait_for(lambda: all(take.closed for take in systemd.state().takes), "the take is closed")
    return systemd.state().takes[-1]


def check_whole(systemd: SystemdRun, take: Take) -> None:
    assert not take.gaps
    codes = []
    for path in sorted(Path(systemd.inside(take.folder)).glob("*.wav")):
        samples, _ = soundfile.read(path, dtype="int32")
        codes.append(samples.astype("int64") >> 8)
    check_counter(np.stack(codes), what=take.folder)


@pytest.mark.timeout(300)
def test_the_units_run_as_their_user_in_real_time_limits_and_with_their_scores(systemd: SystemdRun) -> None:
    wait_for(lambda: "ready for" in systemd.shown("rigd.service", "StatusText"), "the status line")
    assert "listening" in systemd.shown("rigd-capture.service", "StatusText")
    may_raise_limits = has_capability(CAP_SYS_RESOURCE)
    for unit, score in (("rigd.service", 300), *((unit, -900) for unit in PIDS)):
        pid = systemd.shown(unit, "MainPID")
        if may_raise_limits:
            assert systemd.inside(f"/proc/{pid}/oom_score_adj").read_text().strip() == str(score)
        status = systemd.inside(f"/proc/{pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert "Uid:\t0\t" not in status
    assert systemd.shown(PIDS[0], "LimitRTPRIO") == "95"
    assert systemd.shown(PIDS[0], "LimitMEMLOCK") == "infinity"
    limits = systemd.inside(f"/proc/{systemd.shown(PIDS[0], 'MainPID')}/limits").read_text()
    if may_raise_limits:
        assert "Max realtime priority     95" in limits
        assert "Max locked memory         unlimited" in limits


@pytest.mark.timeout(300)
def test_a_daemon_that_stands_still_is_started_again_and_no_frame_is_lost(
    systemd: SystemdRun, figures: Figures
) -> None:
    pids = start(systemd)
    restarts = int(systemd.shown("rigd.service", "NRestarts"))
    stopped_at = time.monotonic()
    systemd.control("kill", "--signal=STOP", "rigd.service")
    systemd.await_active("rigd.service", restarts=restarts + 1)
    figures.record(
        "F6",
        "the daemon is back, on systemd",
        bound="<= 13 s",
        measured=time.monotonic() - stopped_at,
        unit="s",
        count="1 stop; its watchdog has 10 s, a start 3 s",
        load=LOAD,
    )
    take = stop(systemd)
    check_whole(systemd, take)
    assert {unit: systemd.shown(unit, "MainPID") for unit in PIDS} == pids


@pytest.mark.timeout(300)
def test_restarting_the_daemon_leaves_a_take_rolling(systemd: SystemdRun) -> None:
    pids = start(systemd)
    systemd.control("restart", "rigd.service")
    take = stop(systemd)
    check_whole(systemd, take)
    assert {unit: systemd.shown(unit, "MainPID") for unit in PIDS} == pids


@pytest.mark.timeout(300)
def test_restarting_the_writer_leaves_the_same_take_rolling_and_whole(systemd: SystemdRun) -> None:
    pids = start(systemd)
    before = systemd.state().take
    systemd.control("restart", PIDS[1])
    systemd.await_active(PIDS[1])
    assert systemd.shown(PIDS[1], "MainPID") != pids[PIDS[1]]
    take = stop(systemd)
    assert before is not None and take.take_id == before.take_id
    check_whole(systemd, take)


@pytest.mark.timeout(300)
def test_a_killed_writer_and_a_killed_capture_are_back_in_the_same_take(
    systemd: SystemdRun, figures: Figures
) -> None:
    start(systemd)
    systemd.control("kill", "--signal=KILL", PIDS[1])
    systemd.await_active(PIDS[1], restarts=1)
    roll(systemd, 1)
    systemd.control("kill", "--signal=KILL", PIDS[0])
    systemd.await_active(PIDS[0], restarts=1)
    take = stop(systemd)
    assert len(take.gaps) == 1
    figures.record(
        "F3",
        "the gap, where systemd starts capture again",
        bound="<= 1.0 s",
        measured=take.gaps[0].length_frames / 48_000,
        unit="s",
        count="1 kill",
        load=LOAD,
    )


def person(systemd: SystemdRun, *words: str, groups: str) -> subprocess.CompletedProcess[str]:
    """Somebody without any right of root's does this."""
    as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", f"--groups={groups}", "--inh-caps=-all")
    return systemd.run("env", "-u", "XDG_RUNTIME_DIR", "-u", "RIGD_RUNTIME_DIR", *as_nobody, *words)


@pytest.mark.timeout(300)
def test_who_is_in_the_group_works_the_rig_and_reads_its_takes_and_others_are_told_why_not(
    systemd: SystemdRun,
) -> None:
    program = "/opt/rigd/bin/rigd"
    group = str(systemd.inside("/run/rigd").stat().st_gid)
    started = person(systemd, program, "take", "start", groups=group)
    assert started.returncode == 0, started.stderr
    roll(systemd, 0.5)
    stopped = person(systemd, program, "take", "stop", groups=group)
    assert stopped.returncode == 0 and "is safe" in stopped.stdout, stopped.stderr
    folder = systemd.state().takes[-1].folder
    read = person(systemd, "find", "/srv/takes", "-type", "f", "-not", "-readable", groups=group)
    assert (read.returncode, read.stdout) == (0, ""), read.stderr
    assert person(systemd, "touch", f"{folder}/mine", groups=group).returncode != 0
    for path in (systemd.inside(folder), *systemd.inside(folder).iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o2750 if path.is_dir() else 0o640), path

    refused = person(systemd, program, "status", groups="nogroup")
    assert refused.returncode == ExitCode.FAILED
    assert "sudo adduser nobody rigd" in refused.stderr
    assert person(systemd, "ls", "/srv/takes", groups="nogroup").returncode != 0


@pytest.mark.timeout(300)
def test_doctor_judges_the_units_and_the_config_that_they_run_with(systemd: SystemdRun) -> None:
    done = systemd.run("/opt/rigd/bin/rigd", "doctor", "--json")
    findings = {(each["topic"], each["what"]) for each in json.loads(done.stdout)["findings"]}
    assert any(topic == "judged" and "the service" in what for topic, what in findings), findings
    assert any(topic == "tape" and what.endswith("of /run") for topic, what in findings), findings
    assert any(topic == "disk" and "in /srv/takes" in what for topic, what in findings), findings
    if has_capability(CAP_SYS_RESOURCE):
        assert ("real time", "permitted, up to priority 95") in findings
    assert not [what for topic, what in findings if topic in ("takes", "groups")], findings


@pytest.mark.timeout(300)
def test_of_the_runtime_folder_the_group_gets_the_control_socket_and_no_more(systemd: SystemdRun) -> None:
    folder = systemd.inside("/run/rigd")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes.pop("rigd.sock") == 0o660
    private = {
        name: mode for name, mode in modes.items() if not name.endswith((".json", ".open", ".waiting"))
    }
    assert not {name: oct(mode) for name, mode in private.items() if mode & 0o077}
    assert not {name: oct(mode) for name, mode in modes.items() if mode & 0o027}


@pytest.mark.timeout(300)
def test_restarting_the_target_closes_the_take_and_brings_everything_back(systemd: SystemdRun) -> None:
    before = start(systemd)
    systemd.control("restart", "rigd.target")
    for unit in ("rigd.service", *PIDS):
        systemd.await_active(unit)
    assert not {systemd.shown(unit, "MainPID") for unit in PIDS} & set(before.values())
    wait_for(lambda: systemd.state().transport is Transport.READY, "a rig that is ready, and rolls nothing")
    assert all(take.closed for take in systemd.state().takes)


@pytest.mark.timeout(300)
def test_stopping_the_target_closes_the_take_and_ends_everything(systemd: SystemdRun) -> None:
    start(systemd)
    systemd.control("stop", "rigd.target")  # and from here on nothing is waited for: the disk may be pulled
    for unit in ("rigd.service", "rigd-close.service", *PIDS):
        assert systemd.shown(unit, "ActiveState") == "inactive", unit
    journals = sorted(systemd.inside("/srv/takes").rglob("take.journal"))
    assert len(journals) == 7, "one a test, and none that nobody asked for"
    for journal in journals:
        record = read_journal(journal)
        assert record.closed and not record.recovered, journal
        lengths = {soundfile.info(str(path)).frames for path in journal.parent.glob("*.wav")}
        assert lengths == {record.frames}, journal
