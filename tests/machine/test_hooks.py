"""Hooks: real commands, run at real events of a controller, that can do no harm to it."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rigd.config.load import load_config
from rigd.config.sections import HooksSection
from rigd.control.controller import Controller
from rigd.hands.face import Listening
from rigd.machine import hooks as hooks_module
from rigd.machine.hooks import AT_ONCE, MOST_WAITING, HookPlan, Hooks, run_hook
from rigd.machine.occasions import Occasion, occasion_of
from rigd.machine.parts import hooks_of, machine_parts, plan_of
from rigd.model.command_text import parse_command
from rigd.model.commands import Accepted
from rigd.model.errors import ConfigError
from rigd.model.inputs import CaptureLost
from rigd.model.state import Transport
from rigd.model.units import Origin
from rigd.rules.permissions import RIG_ITSELF
from tests.support.desk import LISTENING, OPENED
from tests.support.parts import ObedientParts, WoundTape, running_controller, until
from tests.support.patience import PATIENCE_S, wait_for

NOTES = """
import json, os, sys
given = json.load(sys.stdin)
variables = {key: value for key, value in os.environ.items() if key.startswith("RIGD_")}
with open(sys.argv[1], "a") as notes:
    notes.write(json.dumps({"given": given, "variables": variables, "words": sys.argv[2:]}) + "\\n")
"""
A_FAULT = Occasion(name="fault", facts={"event": "fault", "text": "it is hot", "fault": "heat"})


def notes_to(path: Path, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", NOTES, str(path), *words)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def rig_with(folder: Path, **commands: Any) -> Iterator[tuple[Controller, WoundTape]]:
    """A controller with hooks; what they have to do is done when it is over."""
    tape = WoundTape()
    with running_controller(tape, ObedientParts()) as controller:
        parts = list(
            machine_parts(hooks_of(HooksSection(**commands), controller, runtime_dir=folder), controller)
        )
        for part in parts:
            part.start()
        try:
            yield controller, tape
        finally:
            for part in reversed(parts):
                part.stop(leave_running=False)


def do(controller: Controller, text: str, tape: WoundTape) -> None:
    command = parse_command(text, origin=Origin("test"), at_ns=tape.clock_ns())
    assert isinstance(controller.submit(command, RIG_ITSELF).result(PATIENCE_S), Accepted)


def record(controller: Controller, tape: WoundTape) -> None:
    do(controller, "start", tape)
    tape.now_s += 4.0
    do(controller, "stop", tape)
    until(controller, lambda state: bool(state.takes) and state.takes[-1].closed)


def test_a_closed_take_is_told_by_variables_and_by_json_and_its_names_are_only_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks_module, "SHEET_WITHIN_S", 0.0)
    notes = tmp_path / "notes"
    with rig_with(tmp_path, take_closed=notes_to(notes, "$RIGD_SONG", ";")) as (controller, tape):
        do(controller, 'song "$(touch x)\\n; rm"', tape)
        record(controller, tape)
    (noted,) = read(notes)
    given, variables = noted["given"], noted["variables"]
    assert given["event"] == "take_closed" and given["take"] == 1 and given["duration_s"] == 6.0
    assert given["files"] == [] and given["failed"] == "" and given["time"].startswith("2023-11-14T")
    assert variables["RIGD_FOLDER"] == given["folder"] and variables["RIGD_TAKE"] == "1"
    assert variables["RIGD_SONG"] == given["song"] and "touch" in given["song"]
    assert variables["RIGD_GAPS"] == "0" and variables["RIGD_FALSE_TAKE"] == "0"
    assert variables["RIGD_RUNTIME_DIR"] == str(tmp_path)
    assert noted["words"] == ["$RIGD_SONG", ";"], "no shell reads the words"


def test_a_fault_and_its_end_are_each_told(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with rig_with(tmp_path, fault=notes_to(notes), fault_over=notes_to(notes)) as (controller, _):
        controller.post(CaptureLost(reason="the plug was pulled"))
        controller.post(LISTENING)
        wait_for(lambda: len(read(notes)) == 2, "both hooks")
    by_event = {noted["given"]["event"]: noted["given"] for noted in read(notes)}
    assert by_event["fault"]["fault"] == by_event["fault_over"]["fault"] == "interface"
    assert "the plug was pulled" in by_event["fault"]["text"]


def test_a_hook_of_a_take_is_run_once_its_take_json_says_that_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The take is safe in the state a moment before the library has written that down."""
    monkeypatch.setattr(hooks_module, "SHEET_WITHIN_S", 10 * PATIENCE_S)
    library, notes, looked = tmp_path / "takes", tmp_path / "notes", threading.Semaphore(0)
    sleep = time.sleep

    def looks(seconds: float) -> None:
        looked.release()
        sleep(seconds)

    monkeypatch.setattr(hooks_module, "time", Namespace(monotonic=time.monotonic, sleep=looks))
    with rig_with(tmp_path, take_closed=notes_to(notes)) as (controller, tape):
        controller.post(replace(OPENED, folder=str(library)))
        until(controller, lambda state: state.session_folder == str(library))
        record(controller, tape)
        folder = Path(controller.state.takes[-1].folder)
        assert library in folder.parents
        folder.mkdir(parents=True)
        for sheet in ("", '{"rolling": true}', '{"roll'):
            (folder / "take.json").write_text(sheet)
            for _ in range(3):
                assert looked.acquire(timeout=PATIENCE_S), "it looks again"
        assert not notes.exists()
        (folder / "take.json").write_text('{"rolling": false}')
        wait_for(lambda: len(read(notes)) == 1, "the hook")


def test_a_take_whose_take_json_never_says_so_has_its_hook_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks_module, "SHEET_WITHIN_S", 0.1)
    notes = tmp_path / "notes"
    with rig_with(tmp_path, take_closed=notes_to(notes)) as (controller, tape):
        record(controller, tape)
        wait_for(lambda: len(read(notes)) == 1, "the hook")


def test_a_hook_runs_below_rigd_itself_in_processor_time() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    script = f"import os, time\nwhile os.nice(0) <= {ours}: time.sleep(0.01)\nsys.exit(os.nice(0) - {ours})"
    ended, complaint = run_hook(
        (sys.executable, "-c", f"import sys\n{script}"), A_FAULT, timeout_s=PATIENCE_S
    )
    assert ended == min(19 - ours, hooks_module.NICER), complaint


def test_hooks_that_are_too_far_behind_say_that_events_were_missed_and_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    notes, held_up, go_on = tmp_path / "notes", threading.Event(), threading.Event()
    listened: list[Listening] = []

    def hold_up(*arguments: Any, **more: Any) -> Occasion | None:
        held_up.set()
        assert go_on.wait(PATIENCE_S)
        return occasion_of(*arguments, **more)

    monkeypatch.setattr(hooks_module, "occasion_of", hold_up)
    with running_controller(WoundTape(), ObedientParts()) as controller, caplog.at_level(logging.WARNING):

        def listen() -> Listening:
            listened.append(controller.listen(longest=4))
            return listened[-1]

        hooks = Hooks(HookPlan(commands={"fault": notes_to(notes)}, timeout_s=PATIENCE_S), listen)
        hooks.start()
        wait_for(lambda: len(listened) == 1, "it listens")
        controller.post(CaptureLost(reason="the first"))
        assert held_up.wait(PATIENCE_S)
        for _ in range(8):
            controller.post(LISTENING)
            controller.post(CaptureLost(reason="missed"))
        wait_for(lambda: listened[0].is_over, "it is cut off")
        controller.post(LISTENING)
        until(controller, lambda state: state.transport is Transport.READY)
        go_on.set()
        wait_for(lambda: len(listened) == 2, "it listens again")
        controller.post(CaptureLost(reason="the last"))
        wait_for(lambda: len(read(notes)) == 2, "both hooks")
        hooks.stop()
    told = " ".join(noted["given"]["text"] for noted in read(notes))
    assert "the first" in told and "the last" in told
    assert caplog.text.count("events were missed") == 1


def test_a_hook_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """What it started has a pipe open as long as it lives; its number may be another's by then."""
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    script = f"trap '' TERM; exec 3> {tmp_path / 'pipe'}; sleep 600 & echo on >&3; echo gone wrong >&2; wait"
    try:
        ended, complaint = run_hook(("/bin/sh", "-c", script), A_FAULT, timeout_s=1.0)
        assert isinstance(ended, str) and "longer than 1 s" in ended and complaint == ': "gone wrong"'
        assert os.read(pipe, 100) == b"on\n"
        os.set_blocking(pipe, True)
        assert os.read(pipe, 100) == b"", "what it started is gone, too"
    finally:
        os.close(pipe)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/command",), "could not be run: No such file"),
        (("/etc/passwd",), "could not be run: Permission denied"),
        ((sys.executable, "-c", "import sys; sys.exit('no disk')"), 1),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), -9),
    ],
)
def test_what_a_hook_ends_with_is_told(command: tuple[str, ...], why: str | int) -> None:
    ended, _ = run_hook(command, A_FAULT, timeout_s=PATIENCE_S)
    assert ended == why if isinstance(why, int) else str(ended).startswith(why)


def test_a_hook_that_writes_for_ever_fills_nothing_and_one_that_reads_nothing_holds_up_nobody() -> None:
    big = Occasion(name="fault", facts={"text": "x" * (1 << 20)})
    script = "import sys\nfor _ in range(200): sys.stderr.write('y' * 100_000)\nprint('end', file=sys.stderr)"
    ended, complaint = run_hook((sys.executable, "-c", script), big, timeout_s=PATIENCE_S)
    assert ended == 0 and complaint.endswith('end"') and len(complaint) < 400


def test_hooks_are_bounded_and_what_is_too_much_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Hooks that hang: two at once, the queue behind them, and a rig that notices nothing of it."""
    go_on, begun = tmp_path / "go on", tmp_path / "begun"
    script = f"echo x >> {begun}; while [ ! -e '{go_on}' ]; do sleep 0.02; done"
    most = AT_ONCE + MOST_WAITING
    with caplog.at_level(logging.WARNING), rig_with(tmp_path, fault=("/bin/sh", "-c", script)) as (rig, _):

        def faults(count: int) -> None:
            for _ in range(count):
                rig.post(CaptureLost(reason="loose"))
                rig.post(LISTENING)

        faults(AT_ONCE)  # the queue is empty again before it is filled
        wait_for(lambda: begun.exists() and begun.read_text() == AT_ONCE * "x\n", "two run")
        faults(MOST_WAITING + 10)
        wait_for(lambda: "8 so far: too many wait" in caplog.text, "it is told")
        assert begun.read_text() == AT_ONCE * "x\n", "and no more than two"
        go_on.touch()
        wait_for(lambda: len(begun.read_text().split()) == most, "all that waited")


def test_without_a_command_there_is_no_thread(tmp_path: Path) -> None:
    with rig_with(tmp_path):
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("rigd-hook")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            'take_closed = ["copy-take --fast"]',
            'list of words, as no shell reads it: ["copy-take", "--fast"]',
        ),
        ('fault = ["bin/warn"]', "whole path"),
        ('fault = [""]', "begin with a command"),
        ('fault = "warn"', "must be a list"),
        ('stopped = ["warn"]', "has no option"),
    ],
)
def test_a_hook_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, line: str, why: str) -> None:
    config = tmp_path / "rig.toml"
    config.write_text(f'[rig]\nname = "x"\n[hooks]\n{line}\n')
    with pytest.raises(ConfigError, match=r"rig\.toml:4: ") as refused:
        load_config(config)
    assert why in str(refused.value)


def test_other_hooks_count_from_then_on_and_what_waits_has_the_one_that_it_was_given(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    tape = WoundTape()
    with running_controller(tape, ObedientParts()) as controller:
        hooks = hooks_of(HooksSection(), controller, runtime_dir=tmp_path)
        parts = list(machine_parts(hooks, controller))
        for part in parts:
            part.start()
        try:
            for section, notes in (
                (HooksSection(fault=notes_to(first)), first),
                (HooksSection(fault=notes_to(second)), second),
                (HooksSection(), None),
            ):
                hooks.use(plan_of(section, tmp_path))
                controller.post(CaptureLost(reason="the plug was pulled"))
                controller.post(LISTENING)
                if notes is not None:
                    wait_for(lambda notes=notes: len(read(notes)) == 1, "the hook")  # type: ignore[misc]
        finally:
            for part in reversed(parts):
                part.stop(leave_running=False)
    assert len(read(first)) == len(read(second)) == 1
