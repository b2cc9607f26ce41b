"""Every command and every refusal is in the audit, with who, when, what and the answer."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from msgspec.structs import replace

from rigd.control.binder import MOST_UNANSWERED, TOO_MANY, Binder
from rigd.control.controller import Controller
from rigd.control.inbox import MOST_COMMANDS_WAITING, Inbox
from rigd.model.audit import AuditEntry, audit_entry
from rigd.model.command_text import command_text, parse_command
from rigd.model.commands import COMMANDS, Accepted, Command, Rejected, Reply
from rigd.model.roles import Role
from rigd.model.state import first_state
from rigd.model.units import Ns, Origin
from rigd.rules.permissions import RIG_ITSELF, Principal, surface_principal
from tests.support.desk import RATE_HZ, channels, some_command
from tests.support.parts import ObedientParts, WoundTape, controller_of
from tests.support.patience import PATIENCE_S, wait_for

ANN = Principal(name="ann", role=Role.ASSISTANT)
BOX = surface_principal("box", Role.OWNER, (), ["mark", "start"])


def audited(tape: WoundTape, inbox: Inbox | None = None) -> tuple[Controller, list[AuditEntry]]:
    controller, written = controller_of(tape, ObedientParts(), inbox=inbox), []

    def audit(command: Command, by: Principal, reply: Reply) -> None:
        now_ns = tape.clock_ns()
        written.append(audit_entry(command, reply, who=by.name, role=by.role, unix_ns=1, answered_ns=now_ns))

    controller._ports = replace(controller._ports, audit=audit)
    return controller, written


def given(text: str, tape: WoundTape, *, origin: str = "cli", control: str = "") -> Command:
    command = parse_command(text, origin=Origin(origin), at_ns=tape.clock_ns())
    return replace(command, control=control)


def test_each_command_of_each_way_in_has_one_entry_with_its_answer() -> None:
    tape = WoundTape()
    controller, written = audited(tape)
    controller.start()
    try:
        asked: list[tuple[Command, Principal, Reply]] = []
        for by in (RIG_ITSELF, ANN, BOX):
            for verb in COMMANDS:
                command = given(some_command(verb), tape, origin="a label", control="button 1")
                asked.append((command, by, controller.submit(command, by).result(PATIENCE_S)))
    finally:
        controller.stop()
    assert len(written) == len(asked) == 3 * len(COMMANDS)
    for entry, (command, by, reply) in zip(written, asked, strict=True):
        assert (entry.who, entry.role, entry.label) == (by.name, by.role, "a label")
        assert (entry.command, entry.control) == (command_text(command), "button 1")
        assert entry.at_ns == command.at_ns and entry.answered_ns == tape.clock_ns() and entry.unix_ns
        assert entry.accepted is isinstance(reply, Accepted)
        assert entry.answer == (reply.message if isinstance(reply, Accepted) else reply.reason)
    assert any(entry.accepted for entry in written) and "not allowed" in written[-1].answer


def test_what_never_reaches_a_step_is_there_too() -> None:
    tape = WoundTape()
    controller, written = audited(tape)
    futures = [controller.submit(given("lock", tape), ANN) for _ in range(MOST_COMMANDS_WAITING + 2)]
    assert [entry.accepted for entry in written] == [False, False]
    controller.start()
    controller.stop()
    late = controller.submit(given("unlock", tape), ANN)
    assert all(future.result(PATIENCE_S) for future in (*futures, late))
    assert len(written) == len(futures) + 1
    assert "too many" in written[0].answer and "rigd is ending" in written[-1].answer


def test_a_step_that_breaks_is_there_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **more: object) -> None:
        raise RuntimeError("broken")

    tape = WoundTape()
    controller, written = audited(tape)
    monkeypatch.setattr("rigd.control.controller.step", broken)
    controller.start()
    reply = controller.submit(given("lock", tape), RIG_ITSELF).result(PATIENCE_S)
    controller.stop()
    assert isinstance(reply, Rejected)
    assert [(entry.accepted, entry.answer) for entry in written] == [(False, reply.reason)]


def test_what_a_surface_gives_faster_than_it_is_answered_is_there() -> None:
    tape, inbox = WoundTape(), Inbox()
    controller, written = audited(tape, inbox)
    binder = Binder(
        bindings={},
        principals={"box": BOX},
        submit=lambda command, by: Future(),
        state=lambda: first_state(channels=channels(), sample_rate_hz=RATE_HZ),
        report=lambda status: None,
        clock=lambda: Ns(0),
        refused=inbox.refused,
    )
    binder.start()
    try:
        for _ in range(MOST_UNANSWERED + 1):
            binder.said("box", "mark", Ns(0))
        wait_for(lambda: written)
    finally:
        binder.stop()
    controller.stop()
    (entry,) = written
    assert (entry.command, entry.who, entry.accepted, entry.answer) == ("mark", "box", False, TOO_MANY)


def test_who_has_the_answer_finds_it_in_the_audit() -> None:
    tape = WoundTape()
    controller, written = audited(tape)
    futures: list[Future[Reply]] = []
    seen: list[tuple[int, int]] = []

    def answered(future: Future[Reply]) -> None:
        seen.append((sum(each.done() for each in futures), len(written)))

    for verb in ("lock", "unlock", "stop", "lock"):
        futures.append(controller.submit(given(verb, tape), RIG_ITSELF))
        futures[-1].add_done_callback(answered)
    controller.start()
    controller.stop()
    late = controller.submit(given("lock", tape), RIG_ITSELF)
    futures.append(late)
    late.add_done_callback(answered)
    assert seen == [(count, count) for count in range(1, len(futures) + 1)]


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_is_written_as_it_is_read(verb: str) -> None:
    command = parse_command(some_command(verb), origin=Origin("x"), at_ns=Ns(0))
    assert parse_command(command_text(command), origin=Origin("x"), at_ns=Ns(0)) == command
