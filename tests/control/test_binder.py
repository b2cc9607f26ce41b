"""From moves to commands: a real thread, a clock of the test's own, a controller that only takes notes."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from msgspec.structs import replace

from rigd.control.binder import MOST_UNANSWERED, Binder
from rigd.hands.bindings import ONE_SWITCH, Binding, binding_of
from rigd.hands.surface import ControlInput, Motion
from rigd.model.channels import channels_of
from rigd.model.commands import (
    Accepted,
    AddMarker,
    CircleTake,
    Command,
    DiscardAndRestart,
    KeepLast,
    NextTake,
    NudgeGain,
    Rejected,
    Reply,
    SetGain,
    StartTake,
    ToggleTake,
)
from rigd.model.gain import PreampAbility, ReadBack
from rigd.model.levels import Levels
from rigd.model.roles import Role
from rigd.model.state import Channel, RigState, Setting, SurfaceStatus, Transport
from rigd.model.units import ChannelNumber, InputNumber, Ns, Origin
from rigd.rules.permissions import Gate, Principal, surface_principal
from tests.support.patience import wait_for

MS = 1_000_000
PEDAL, BOX = Origin("pedal"), Origin("box")
ABILITY = PreampAbility(min_db=0.0, max_db=60.0, step_db=0.5, read_back=ReadBack.PUSH)
BINDINGS = {
    "pedal": (
        binding_of(control="cc 80", **ONE_SWITCH),
        binding_of(control="cc 81 ch 2", tap="mark chorus"),
        binding_of(control="cc 83", press="start", release="stop", debounce_ms=0),
        Binding(control="cc 11", gain=ChannelNumber(1)),
    ),
    "box": (
        Binding(control="encoder 1", nudge=ChannelNumber(1), step_db=0.5),
        binding_of(control="button 1", mode="trigger", tap="toggle"),
    ),
}


PRINCIPALS = {name: surface_principal(name, Role.OWNER, of, None) for name, of in BINDINGS.items()}


def rig_state() -> RigState:
    kick = Channel(
        number=ChannelNumber(1),
        input=InputNumber(1),
        name="Kick",
        source="mic",
        armed=True,
        ability=ABILITY,
        gain=Setting(value=30.0, confirmed=True),
    )
    return RigState(
        number=1,
        transport=Transport.READY,
        session="s",
        session_folder="",
        song="",
        next_take_number=1,
        locked=False,
        sample_rate_hz=48_000,
        channels=(kick,),
        take=None,
        takes=(),
    )


class Clock:
    """Time that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> Ns:
        return Ns(self.now_ms * MS)


class Rig:
    """The controller's door."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.givers: list[Principal] = []
        self.reply: Reply = Accepted()
        self.blocked = threading.Event()
        self.blocked.set()

    def submit(self, command: Command, by: Principal) -> Future[Reply]:
        assert self.blocked.wait(20)
        self.commands.append(command)
        self.givers.append(by)
        future: Future[Reply] = Future()
        future.set_result(self.reply)
        return future


class Asking:
    """A surface that notes the answers it gets."""

    shows_levels = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.answers: list[tuple[str, bool, str]] = []

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def show(self, state: RigState, levels: Levels | None) -> None: ...

    def answered(self, control: str, accepted: bool, text: str) -> None:
        self.answers.append((control, accepted, text))


class Bench:
    def __init__(self) -> None:
        self.clock, self.rig, self.state = Clock(), Rig(), rig_state()
        self.pedal = Asking("pedal")
        self.reports: list[SurfaceStatus] = []
        self.refused: list[tuple[Command, Principal, str]] = []
        self.binder = Binder(
            bindings=BINDINGS,
            principals=PRINCIPALS,
            submit=self.rig.submit,
            state=lambda: self.state,
            report=self.reports.append,
            clock=self.clock,
            refused=lambda *refused: self.refused.append(refused),
        )
        self.binder.introduce(self.pedal)

    def move(
        self, control: str, motion: Motion, at_ms: int, *, value: float = 0.0, of: str = "pedal"
    ) -> None:
        self.binder.moved(
            ControlInput(surface=of, control=control, motion=motion, value=value, at_ns=Ns(at_ms * MS))
        )

    def press(self, at_ms: int, until_ms: int, control: str = "cc 80 ch 1") -> None:
        self.move(control, Motion.PRESS, at_ms)
        self.move(control, Motion.RELEASE, until_ms)

    def pass_time(self, until_ms: int) -> None:
        self.clock.now_ms = until_ms

    def all_done(self) -> None:
        """Everything given so far has been worked on: a command of another surface went through after it."""
        before = len(self.rig.commands)
        self.binder.said("flush", "mark flush", Ns(0))
        wait_for(lambda: any(c.origin == "flush" for c in self.rig.commands[before:]))
        self.rig.commands = [command for command in self.rig.commands if command.origin != "flush"]

    def time_was(self, at_ms: int) -> None:
        """Every deadline before `at_ms` was acted on: another switch was pressed then, and that was heard."""
        self.clock.now_ms = at_ms
        self.move("button 1", Motion.TRIGGER, at_ms, of="box")
        wait_for(lambda: any(c.at_ns == at_ms * MS and c.origin == "box" for c in self.rig.commands))
        self.rig.commands = [command for command in self.rig.commands if command.origin != "box"]

    def commands(self, count: int) -> list[Command]:
        wait_for(lambda: len(self.rig.commands) >= count)
        self.all_done()
        assert len(self.rig.commands) == count
        return [replace(command, control="", bound=False) for command in self.rig.commands]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.binder.start()
    yield bench
    bench.rig.blocked.set()
    bench.binder.stop()


def test_a_tap_is_a_command_at_the_time_of_the_press(bench: Bench) -> None:
    bench.press(100, 180)
    bench.pass_time(500)
    assert bench.commands(1) == [ToggleTake(origin=PEDAL, at_ns=Ns(100 * MS))]


def test_no_text_is_read_at_a_press_or_a_turn(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(text: str, **_: object) -> Command:
        raise AssertionError(f'"{text}" was read once more')

    for room in ("hands.bindings", "control.bound_controls"):
        monkeypatch.setattr(f"rigd.{room}.parse_command", read)
    bench.press(100, 180)
    bench.pass_time(500)
    bench.move("encoder 1", Motion.RELATIVE, 600, value=1.0, of="box")
    wait_for(lambda: len(bench.rig.commands) == 2)
    assert {type(command) for command in bench.rig.commands} == {ToggleTake, NudgeGain}


def test_a_double_is_one_command_at_the_time_of_the_first_press(bench: Bench) -> None:
    bench.press(100, 180)
    bench.press(300, 380)
    assert bench.commands(1) == [NextTake(origin=PEDAL, at_ns=Ns(100 * MS))]


def test_a_hold_says_that_it_was_held_and_is_no_tap(bench: Bench) -> None:
    bench.press(100, 900)
    bench.pass_time(5000)
    assert bench.commands(1) == [DiscardAndRestart(origin=PEDAL, at_ns=Ns(100 * MS), held=True)]


def test_a_long_hold_is_known_while_the_foot_is_down(bench: Bench) -> None:
    bench.move("cc 80 ch 1", Motion.PRESS, 100)
    bench.pass_time(2200)
    assert bench.commands(1) == [CircleTake(origin=PEDAL, at_ns=Ns(100 * MS), held=True)]


def test_a_gesture_waits_for_its_time_and_no_longer(bench: Bench) -> None:
    bench.press(100, 180)
    bench.time_was(390)
    assert bench.rig.commands == []
    bench.pass_time(400)
    bench.commands(1)


def test_a_fader_that_never_rests_does_not_keep_a_tap_waiting(bench: Bench) -> None:
    bench.press(100, 180)
    for at_ms in range(200, 600, 2):
        bench.move("cc 11 ch 1", Motion.ABSOLUTE, at_ms, value=0.0)
    bench.move("button 1", Motion.PRESS, 600, of="box")
    assert [type(command) for command in bench.commands(2)] == [ToggleTake, ToggleTake]


def test_a_binding_of_one_channel_hears_no_other(bench: Bench) -> None:
    bench.press(100, 180, "cc 81 ch 1")
    bench.press(1000, 1080, "cc 81 ch 2")
    assert bench.commands(1) == [AddMarker(origin=PEDAL, at_ns=Ns(1000 * MS), name="chorus")]


def test_a_control_that_is_bound_to_nothing_does_nothing(bench: Bench) -> None:
    bench.press(100, 180, "cc 99 ch 1")
    bench.move("cc 80 ch 1", Motion.ABSOLUTE, 100, value=1.0)
    bench.move("button 1", Motion.PRESS, 100, of="nobody")
    bench.all_done()
    assert bench.rig.commands == []


def test_a_switch_that_is_stuck_down_at_start_does_nothing_until_released(bench: Bench) -> None:
    bench.move("cc 80 ch 1", Motion.HELD, 0)
    bench.time_was(10_000)
    assert bench.rig.commands == []
    bench.move("cc 80 ch 1", Motion.RELEASE, 10_000)
    bench.press(10_500, 10_600)
    bench.pass_time(11_000)
    assert bench.commands(1) == [ToggleTake(origin=PEDAL, at_ns=Ns(10_500 * MS))]


def test_a_held_switch_on_a_vanished_port_is_released_without_an_action(bench: Bench) -> None:
    bench.move("cc 80 ch 1", Motion.PRESS, 100)
    bench.move("cc 83 ch 1", Motion.PRESS, 110)
    bench.binder.gone("pedal")
    bench.time_was(10_000)
    assert [type(command) for command in bench.commands(1)] == [StartTake]


def test_a_fader_sets_the_gain_once_it_has_passed_the_true_one(bench: Bench) -> None:
    for at_ms, place in enumerate((0.2, 0.4, 0.6)):
        bench.move("cc 11 ch 1", Motion.ABSOLUTE, at_ms, value=place)
        bench.all_done()
    assert bench.commands(1) == [
        SetGain(origin=PEDAL, at_ns=Ns(2 * MS), channels=channels_of([1]), gain_db=36.0)
    ]


def test_an_encoder_nudges_the_gain(bench: Bench) -> None:
    bench.move("encoder 1", Motion.RELATIVE, 5, value=3.0, of="box")
    assert bench.commands(1) == [
        NudgeGain(origin=BOX, at_ns=Ns(5 * MS), channels=channels_of([1]), delta_db=1.5)
    ]


def test_a_surface_can_name_a_command_itself(bench: Bench) -> None:
    bench.binder.said("pedal", "keep 20", Ns(9 * MS))
    assert bench.commands(1) == [KeepLast(origin=PEDAL, at_ns=Ns(9 * MS), seconds=20.0)]
    wait_for(lambda: bench.pedal.answers == [("", True, "")])


def test_a_named_command_that_is_none_is_answered_with_the_right_form(bench: Bench) -> None:
    bench.binder.said("pedal", "keep a while", Ns(9 * MS))
    wait_for(lambda: len(bench.pedal.answers) == 1)
    control, accepted, text = bench.pedal.answers[0]
    assert (control, accepted) == ("", False)
    assert "keep SECONDS" in text


def test_a_command_has_the_control_that_gave_it_and_the_surface_is_who_gives_it(bench: Bench) -> None:
    bench.binder.said("pedal", "keep 20", Ns(9 * MS))
    bench.move("encoder 1", Motion.RELATIVE, 10, value=3.0, of="box")
    bench.press(100, 180)
    bench.pass_time(500)
    bench.commands(3)
    assert [command.control for command in bench.rig.commands] == ["", "encoder 1", "cc 80 ch 1"]
    assert [command.bound for command in bench.rig.commands] == [False, True, True]
    assert [by.name for by in bench.rig.givers][:3] == ["pedal", "box", "pedal"]


def test_a_surface_that_the_config_has_not_may_do_nothing(bench: Bench) -> None:
    bench.binder.said("nobody", "start", Ns(0))
    wait_for(lambda: bench.rig.givers)
    who = bench.rig.givers[0]
    assert who.role is Role.WATCHER, "also where a gate knows no bindings and no allow"
    assert who.name == "nobody" and Gate().refusal(bench.rig.commands[0], who, Transport.READY)


def test_a_surface_with_banks_makes_its_commands_and_the_answer_finds_the_control(bench: Bench) -> None:
    bench.rig.reply = Rejected(reason="channel 11 has no preamp")
    made = SetGain(
        origin=Origin("somebody else"), at_ns=Ns(9 * MS), channels=(ChannelNumber(11),), gain_db=32.5
    )
    bench.binder.do("pedal", made, control="fader 3")
    wait_for(lambda: bench.pedal.answers == [("fader 3", False, "channel 11 has no preamp")])
    (command,) = bench.rig.commands
    assert command == replace(made, origin=PEDAL, control="fader 3", bound=False), (
        "by `allow`, and not by a binding"
    )


def test_the_same_refusal_is_logged_once_a_minute_with_how_often(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench.rig.reply = Rejected(reason="not allowed")
    for minute in (0, 1):
        bench.clock.now_ms = minute * 61_000
        for _ in range(100):
            bench.binder.said("pedal", "mark flood", Ns(0))
            bench.binder.said("pedal", "fly", Ns(0))
        wait_for(lambda minute=minute: len(bench.pedal.answers) == 200 * (minute + 1))  # type: ignore[misc]
    told = [record.getMessage() for record in caplog.records if "pedal do" in record.getMessage()]
    assert len(told) == 4
    assert sum("99 times since" in line for line in told) == 2


def test_one_surface_does_not_fill_the_controllers_queue(
    bench: Bench,
) -> None:
    unanswered: list[Command] = []

    def never(command: Command, by: Principal) -> Future[Reply]:
        unanswered.append(command)
        return Future()

    bench.binder._submit = never
    for number in range(MOST_UNANSWERED * 2):
        bench.binder.said("pedal", f"mark {number}", Ns(0))
    bench.binder.said("box", "mark box", Ns(0))
    wait_for(lambda: any(command.origin == "box" for command in unanswered))
    assert sum(command.origin == "pedal" for command in unanswered) == MOST_UNANSWERED
    assert {(accepted, text[:8]) for _, accepted, text in bench.pedal.answers} == {(False, "too many")}


def test_the_reply_returns_to_the_control_it_came_from(bench: Bench) -> None:
    bench.rig.reply = Rejected(reason="no channel is armed")
    bench.press(100, 180)
    bench.pass_time(500)
    wait_for(lambda: bench.pedal.answers == [("cc 80 ch 1", False, "no channel is armed")])


def test_an_error_of_a_surface_or_of_the_controller_does_not_end_the_pedal(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(control: str, accepted: bool, text: str) -> None:
        raise OSError("the display is gone")

    bench.pedal.answered = broken  # type: ignore[method-assign]
    bench.press(100, 180)
    bench.press(1100, 1180)
    bench.pass_time(2000)
    bench.commands(2)
    assert "the display is gone" in caplog.text


def test_in_a_press_storm_each_press_is_an_action_or_a_logged_refusal(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    presses = 500
    for number in range(presses):  # 100 a second
        bench.press(number * 10, number * 10 + 4)
        if number % 50 == 0:
            bench.all_done()  # no flood here: the queue's own bound has a test below
    bench.pass_time(presses * 10 + 5000)
    bench.binder.said("flush", "mark flush", Ns(0))
    wait_for(lambda: _spent(bench.rig.commands) + _refused(caplog) == presses)
    assert _refused(caplog) > 0


def _spent(commands: list[Command]) -> int:
    return sum(2 if isinstance(each, NextTake) else 1 for each in commands if each.origin == "pedal")


def _refused(caplog: pytest.LogCaptureFixture) -> int:
    counts = [re.search(r"(\d+) press\(es\) refused", record.getMessage()) for record in caplog.records]
    return sum(int(count[1]) for count in counts if count)
