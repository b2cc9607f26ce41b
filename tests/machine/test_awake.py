"""While a take rolls the machine does not suspend, and it is switched off where the config says so: by systemd's own
tools, that ask a login manager on a bus of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.config.sections import HooksSection
from rigd.machine import logind
from rigd.machine.logind import Inhibitor, NotHeld, switch_off
from rigd.machine.parts import hooks_of, machine_parts
from rigd.model.commands import Accepted, Rejected, parse_command
from rigd.model.units import Origin
from rigd.rules.permissions import RIG_ITSELF
from tests.support.desk import Desk
from tests.support.logind import LoginManager, login_manager
from tests.support.parts import ObedientParts, WoundTape, running_controller
from tests.support.patience import PATIENCE_S, wait_for

ALL = "sleep:idle:handle-lid-switch"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoginManager]:
    with login_manager(tmp_path) as manager:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", manager.address)
        yield manager


def test_from_the_start_of_a_take_until_it_is_safe(manager: LoginManager, tmp_path: Path) -> None:
    tape, writer = WoundTape(), ObedientParts()
    writer.closes_takes = False
    with running_controller(tape, writer) as controller:
        parts = list(machine_parts(hooks_of(HooksSection(), controller, runtime_dir=tmp_path), controller))
        for part in parts:
            part.start()

        def do(text: str) -> None:
            command = parse_command(text, origin=Origin("test"), at_ns=tape.clock_ns())
            assert isinstance(controller.submit(command, RIG_ITSELF).result(PATIENCE_S), Accepted)

        assert manager.held() == []
        do("start")
        wait_for(lambda: manager.held() == [ALL], "it is held")
        tape.now_s += 5.0
        take = controller.state.take
        assert take is not None
        do("stop")
        controller.probe(lambda: None)
        assert manager.held() == [ALL], "until it is safe"
        end = controller.state.takes[-1].end_frame
        assert end is not None
        writer.close(take.take_id, end)
        wait_for(lambda: manager.held() == [], "it is let go")
        do("start")
        wait_for(lambda: manager.held() == [ALL], "it is held again")
        for part in reversed(parts):
            part.stop(leave_running=False)
        wait_for(lambda: manager.held() == [], "the rig's end lets go")


def test_who_may_hold_off_less_holds_off_less(manager: LoginManager) -> None:
    manager.grants = frozenset({"sleep", "idle"})
    with Inhibitor("a test") as inhibitor:
        assert inhibitor.what == "sleep:idle" and manager.held() == ["sleep:idle"]
    manager.grants = frozenset()
    with pytest.raises(NotHeld, match=r"denied.*50-rigd\.rules"):
        Inhibitor("a test")
    assert manager.asked[-1] == "idle"


def test_it_goes_with_the_daemon_however_that_ends(manager: LoginManager) -> None:
    script = "from rigd.machine.logind import Inhibitor; held = Inhibitor('a test'); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as daemon:
        wait_for(lambda: manager.held() == [ALL], "it is held")
        os.kill(daemon.pid, signal.SIGKILL)
    wait_for(lambda: manager.held() == [], "nobody holds it")


def test_without_a_login_manager_the_rig_says_so_once_and_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    tape = WoundTape()
    with running_controller(tape, ObedientParts()) as controller, caplog.at_level(logging.WARNING):
        parts = list(machine_parts(hooks_of(HooksSection(), controller, runtime_dir=tmp_path), controller))
        for part in parts:
            part.start()
        for text in ("start", "stop", "start", "stop"):
            tape.now_s += 5.0
            command = parse_command(text, origin=Origin("test"), at_ns=tape.clock_ns())
            assert isinstance(controller.submit(command, RIG_ITSELF).result(PATIENCE_S), Accepted)
            if text == "start":
                wait_for(lambda: "nothing keeps this machine" in caplog.text, "it is told")
        for part in reversed(parts):
            part.stop(leave_running=False)
    assert caplog.text.count("nothing keeps this machine") == 1


def test_no_tool_at_all_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logind, "INHIBIT", "no-such-tool")
    with pytest.raises(NotHeld, match="is not here"):
        Inhibitor("a test")


def test_the_machine_is_switched_off_or_the_reason_told(manager: LoginManager) -> None:
    assert switch_off() == "" and manager.power_offs == 1
    manager.may_power_off = False
    said = switch_off()
    assert "stays on" in said and "50-rigd.rules" in said and said.endswith("Every take is safe")


def test_only_where_the_config_lets_it_and_only_once_takes_are_safe() -> None:
    desk = Desk()
    desk.ok("start")
    reply = desk.do("shut-down power-off")
    assert (
        isinstance(reply, Rejected) and "[control] power_off" in reply.reason and desk.state.take is not None
    )
    desk = Desk(power_off=True)
    desk.ok("start")
    assert "switched off" in desk.ok("shut-down power-off")
    assert desk.state.power_off and desk.state.ending == "closing"
    desk = Desk(power_off=True)
    desk.ok("shut-down")
    assert not desk.state.power_off
