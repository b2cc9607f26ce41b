"""While a take rolls the machine does not suspend, and it is switched off where the config says so: by systemd's own
tools, that ask a login manager on a bus of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from rigd.config.sections import HooksSection
from rigd.control.controller import Controller
from rigd.machine import awake, logind
from rigd.machine.logind import Inhibitor, NotHeld, switch_off
from rigd.machine.parts import hooks_of, machine_parts
from rigd.model.command_text import parse_command
from rigd.model.commands import Accepted, Rejected
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


class Recording:
    """A rig whose takes are safe only when the test says so."""

    def __init__(self, controller: Controller, tape: WoundTape, writer: ObedientParts) -> None:
        self._controller, self._tape, self._writer = controller, tape, writer

    def do(self, text: str) -> None:
        command = parse_command(text, origin=Origin("test"), at_ns=self._tape.clock_ns())
        assert isinstance(self._controller.submit(command, RIG_ITSELF).result(PATIENCE_S), Accepted)
        self._tape.now_s += 5.0

    def close(self) -> None:
        """The last take is safe."""
        take = self._controller.state.takes[-1]
        assert take.end_frame is not None
        self._writer.close(take.take_id, take.end_frame)


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    tape, writer = WoundTape(), ObedientParts()
    writer.closes_takes = False
    with running_controller(tape, writer) as controller, ExitStack() as stack:
        for part in machine_parts(hooks_of(HooksSection(), controller, runtime_dir=folder), controller):
            part.start()
            stack.callback(part.stop, leave_running=False)
        yield Recording(controller, tape, writer)


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that ends
            found += map(int, (task / "children").read_text().split())
    return found


def name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def end_the_tool() -> None:
    """As somebody would who does not know what it is for; once it has said that it holds, and only waits."""

    def holding() -> list[int]:
        tools = [pid for pid in children(os.getpid()) if name(pid) == logind.INHIBIT]
        return [
            pid for pid in tools if any("cat" in map(name, (each, *children(each))) for each in children(pid))
        ]

    (tool,) = wait_for(holding, "the tool")
    os.kill(tool, signal.SIGKILL)


def test_from_the_start_of_a_take_until_it_is_safe(
    manager: LoginManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: the look in between never comes here."""
    monkeypatch.setattr(awake, "LOOK_EVERY_S", 10 * PATIENCE_S)
    with recording(tmp_path) as rig:
        assert manager.held() == []
        rig.do("start")
        wait_for(lambda: manager.held() == [ALL], "it is held")
        rig.do("stop")
        rig.close()
        wait_for(lambda: manager.held() == [], "it is let go")
        rig.do("start")
        wait_for(lambda: manager.held() == [ALL], "it is held again")
    wait_for(lambda: manager.held() == [], "the rig's end lets go")


def test_what_was_lost_is_taken_again_also_while_a_take_is_only_being_closed_and_told_once(
    manager: LoginManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(awake, "LOOK_EVERY_S", 0.02)
    with recording(tmp_path) as rig, caplog.at_level(logging.WARNING):
        rig.do("start")
        wait_for(lambda: manager.held() == [ALL], "it is held")
        end_the_tool()
        wait_for(lambda: len(manager.asked) == 2 and manager.held() == [ALL], "it is held again")
        rig.do("stop")
        end_the_tool()
        wait_for(lambda: len(manager.asked) == 3 and manager.held() == [ALL], "the take is not safe yet")
        rig.close()
        wait_for(lambda: manager.held() == [], "it is let go")
    assert caplog.text.count("was ended by somebody") == 1


def test_who_refuses_it_is_asked_again_while_the_take_rolls_and_it_is_told_once(
    manager: LoginManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(awake, "LOOK_EVERY_S", 0.02)
    manager.grants = frozenset()
    with recording(tmp_path) as rig, caplog.at_level(logging.WARNING):
        rig.do("start")
        wait_for(lambda: manager.asked.count(ALL) >= 3, "it is tried again and again")
        manager.grants = frozenset(ALL.split(":"))
        wait_for(manager.held, "it is held")
    assert caplog.text.count("nothing keeps this machine") == 1


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
    with recording(tmp_path) as rig, caplog.at_level(logging.WARNING):
        for _ in range(2):
            rig.do("start")
            wait_for(lambda: "nothing keeps this machine" in caplog.text, "it is told")
            rig.do("stop")
            rig.close()
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
