"""The thread that reads the config again: the order of what it does, and what it does when something breaks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.control.config_reader import ConfigReader, RigParts
from rigd.model.errors import ConfigError, RigError
from rigd.model.inputs import ConfigRead, ConfigTakenUp, Fact
from rigd.wire.notify import Notifier
from tests.support.desk import rules
from tests.support.patience import wait_for

TEXT = '[rig]\nname = "{name}"\n[audio]\nchannels = {channels}\n'


class Bench:
    """The controller's end, and one part of the rig."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "rig.toml"
        self.done: list[str] = []
        self.facts: list[Fact] = []
        self.breaks: dict[str, Exception] = {}
        self.full = 0
        """So many facts find no room."""
        self.takes_up = True
        self.write("one")
        self.config = load_config(self.path)
        self.reader = ConfigReader(
            self.config,
            read=self._read,
            tape_frames=self.config.tape_geometry().capacity_frames,
            post=self._post,
            notifier=Notifier({}),
        )
        self.reader.of(RigParts(exchanges=self._exchanges, rules=lambda config: rules()))

    def write(self, name: str, *, channels: int = 4) -> None:
        self.path.write_text(TEXT.format(name=name, channels=channels), "utf-8")

    def _note(self, what: str) -> None:
        self.done.append(what)
        if what in self.breaks:
            raise self.breaks[what]

    def _read(self) -> RigConfig:
        self._note("read")
        return load_config(self.path)

    def _post(self, fact: Fact) -> None:
        if self.full:
            self.full -= 1
            raise RigError("the controller does not keep up")
        self.done.append(type(fact).__name__)
        self.facts.append(fact)
        if isinstance(fact, ConfigTakenUp) and self.takes_up:
            threading.Thread(target=self.reader.take_up).start()

    def _exchanges(self, before: RigConfig, after: RigConfig) -> list[Bench]:
        self._note(f"make {after.rig.name} of {before.rig.name}")
        return [self]

    def end_old(self) -> None:
        self._note("end old")

    def take_up(self) -> None:
        self._note("take up")

    def begin_new(self) -> list[str]:
        self._note("begin new")
        return []

    @contextmanager
    def running(self) -> Iterator[Bench]:
        self.reader.start()
        try:
            yield self
        finally:
            self.reader.stop()

    def outcome(self, count: int = 1) -> ConfigRead:
        """Of a reading that is asked for now; it is the `count`th."""
        self.reader.read()

        def outcomes() -> list[ConfigRead]:
            return [fact for fact in self.facts if isinstance(fact, ConfigRead)]

        wait_for(lambda: len(outcomes()) == count, "what came of it", instead=lambda: self.done)
        return outcomes()[-1]


ALL = ["read", "make two of one", "end old", "ConfigTakenUp", "take up", "begin new", "ConfigRead"]


def test_what_is_new_is_made_first_and_begun_last_and_the_next_reading_goes_by_it(tmp_path: Path) -> None:
    with Bench(tmp_path).running() as bench:
        bench.write("two", channels=8)
        outcome = bench.outcome()
        assert bench.done == ALL
        assert outcome.taken_up == ('rig.name "one" -> "two"',)
        waits = ("audio.channels 4 -> 8: the interface is opened with it",)
        assert outcome.waits == waits
        bench.done.clear()
        again = bench.outcome(2)
        assert bench.done == ["read", "make two of two", "ConfigRead"], "nothing differs: nothing is touched"
        assert (again.taken_up, again.waits) == ((), waits)


def test_what_is_asked_for_before_the_rig_has_started_is_done_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.reader.read()
    with bench.running():
        wait_for(lambda: "ConfigRead" in bench.done, "it is done")


def test_what_breaks_before_the_first_part_has_ended_changes_nothing(tmp_path: Path) -> None:
    with Bench(tmp_path).running() as bench:
        bench.write("two")
        for count, (what, error, fault) in enumerate(
            (
                ("read", ConfigError("rig.toml:1: wrong\nrig.toml:2: wrong"), "rig.toml:1: wrong"),
                ("read", MemoryError("too much"), "this broke inside rigd; see its log: MemoryError"),
                ("make two of one", ConfigError("[x] cannot be made"), "[x] cannot be made"),
            ),
            start=1,
        ):
            bench.breaks = {what: error}
            bench.done.clear()
            outcome = bench.outcome(count)
            assert outcome.faults[0].startswith(fault) and outcome.taken_up == ()
            assert "end old" not in bench.done and "ConfigTakenUp" not in bench.done
        bench.breaks.clear()
        bench.done.clear()
        assert bench.outcome(4).faults == () and bench.done == ALL


def test_a_part_that_breaks_later_keeps_no_other_from_its_turn_and_is_told(tmp_path: Path) -> None:
    with Bench(tmp_path).running() as bench:
        bench.write("two")
        bench.breaks = {"end old": RuntimeError("stuck"), "begin new": OSError("no room")}
        outcome = bench.outcome()
        assert bench.done == ALL
        assert outcome.troubles == ("stuck; see the log", "no room; see the log")
        assert outcome.taken_up and not outcome.faults


def test_a_controller_that_does_not_keep_up_is_told_again(tmp_path: Path) -> None:
    with Bench(tmp_path).running() as bench:
        bench.write("two")
        bench.full = 2
        assert bench.outcome().taken_up
        assert bench.done == ALL


def test_a_rig_that_ends_meanwhile_waits_for_no_step(tmp_path: Path) -> None:
    with Bench(tmp_path).running() as bench:
        bench.write("two")
        bench.takes_up = False
        bench.reader.read()
        wait_for(lambda: "ConfigTakenUp" in bench.done, "it waits for the step")
    assert "begin new" not in bench.done
    assert not [thread for thread in threading.enumerate() if thread.name == "rigd-reload"]
