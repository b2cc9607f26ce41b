"""The owner of a box in a cellar asks `rigd health`, through all that happens to it: one line, one of three codes.

In a terminal over ssh, from a home without anything in it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.faults import FaultClient
from rigd.model.state import Transport
from tests.rig.test_full_disk import CONFIG, DISK_BYTES, ROOM_BYTES, fill
from tests.support.patience import wait_for
from tests.support.person import Person
from tests.support.rig import RigRun
from tests.support.writer_run import small_disk

pytestmark = pytest.mark.slow


class Owner:
    """At the far end of an ssh connection."""

    def __init__(self, home: Path, runtime: Path) -> None:
        self._home, self._runtime = home, runtime
        home.mkdir()

    def asks(self, *words: str) -> tuple[int, str]:
        """The exit code, and what stands in the terminal."""
        command = [sys.executable, "-m", "rigd", *words]
        with Person(command, home=self._home, RIGD_RUNTIME_DIR=str(self._runtime)) as person:
            code = person.ended()
        return code, person.shown.replace("\r\n", "\n").strip()

    def health(self) -> tuple[int, str]:
        code, line = self.asks("health", "--within", "2")
        assert "\n" not in line, "one line"
        return code, line

    def state_code(self) -> int:
        return self.asks("status", "--exit-code")[0]

    def hears(self, code: int, word: str) -> None:
        """The answer is, or soon becomes, that."""
        wait_for(
            lambda: self.health()[0] == code and word in self.health()[1],
            f'health {code} with "{word}"',
            every_s=0.2,
            instead=lambda: str(self.health()),
        )


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RigRun]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        library = f"rig.library={json.dumps(str(disk / 'takes'))}"
        with RigRun(CONFIG, overrides=[library, "disk.reserve_seconds=1"]) as rig:
            yield rig


def test_health_through_interface_off_disk_full_halted_and_restarted(rig: RigRun, tmp_path: Path) -> None:
    owner, card = Owner(tmp_path / "home", rig.runtime), FaultClient(rig.runtime)
    owner.hears(0, "could record: ready for")
    assert owner.state_code() == 10 and owner.asks("status")[0] == 0
    rig.say("start")
    rig.roll(0.5)
    owner.hears(0, "records: take 1")
    assert owner.state_code() == 0

    card.vanish()  # the interface is switched off in the take
    owner.hears(1, "not all of it is heard")
    card.come_back()
    owner.hears(0, "records: take 1")

    fill(tmp_path / "disk" / "filler", leave_bytes=ROOM_BYTES)
    rig.await_transport(Transport.HALTED)
    owner.hears(1, "recording is halted")
    assert owner.state_code() == 13
    rig.say("clear-fault")
    owner.hears(1, "does not record: ")
    assert owner.state_code() == 11, "READY, and a start would be refused"
    code, text = owner.asks("health", "--json")
    answer = json.loads(text)
    assert code == 1 and answer["verdict"] == "does not record" and answer["state"] == "ready"
    (tmp_path / "disk" / "filler").unlink()
    owner.hears(0, "could record")

    rig.say("start")
    rig.roll(0.5)
    os.kill(rig.daemon.pid, signal.SIGSTOP)  # nobody answers, and capture and writer go on
    try:
        assert owner.health()[0] == 2
    finally:
        os.kill(rig.daemon.pid, signal.SIGCONT)
    rig.kill_daemon()
    code, line = owner.health()
    assert code == 2 and "rigd-capture and rigd-writer still run, and a take may roll on" in line
    rig.start()
    owner.hears(0, "records: take 2")
    rig.say("stop")
    card.vanish()
    owner.hears(1, "does not record")
    assert owner.state_code() == 12


def test_where_no_rigd_runs_at_all_nothing_records(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "home", tmp_path)
    code, text = owner.asks("health", "--json")
    assert code == 1 and json.loads(text)["verdict"] == "does not record"
    assert owner.asks("health", "--no-such")[0] == 2
