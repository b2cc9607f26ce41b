"""What a surface may do: by its controls, and by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rigd.hands.bindings import ONE_SWITCH, Binding, binding_of
from rigd.model.command_text import parse_command
from rigd.model.commands import COMMANDS, Command
from rigd.model.errors import CommandError
from rigd.model.roles import Role
from rigd.model.state import Transport
from rigd.model.units import NS_PER_SECOND, ChannelNumber, Ns, Origin
from rigd.rules.permissions import (
    GRAVE,
    TAKES_AT_ONCE,
    TAKES_PER_S,
    Gate,
    Principal,
    SurfaceRights,
    read_permissions,
    surface_principal,
)

ONE_FADER = (Binding(control="fader 1", gain=ChannelNumber(1)),)
BUSY = (
    *ONE_FADER,
    Binding(control="encoder 1", nudge=ChannelNumber(8)),
    binding_of(control="button 1", press="mark here"),
    binding_of(control="button 2", tap="keep 10", hold="phantom 1 off"),
    binding_of(control="button 3", **ONE_SWITCH),
)
EXAMPLES = {
    "keep": "keep 20", "note": "note x", "rate": "rate 3", "song": "song x", "session": "session x",
    "rename": "rename x", "number": "number 3", "gain": "gain 1 20", "nudge": "nudge 8 1", "pad": "pad 1 on",
    "phantom": "phantom 1 on confirm", "polarity": "polarity 1 on", "set": "set 1 gain 20",
    "restore": "restore 00ff",
}  # fmt: skip


def command(text: str, *, bound: bool = False, control: str = "", at_ns: int = 0) -> Command:
    command = parse_command(text, origin=Origin("whatever"), at_ns=Ns(at_ns))
    return replace(command, bound=bound, control=control)


def may(rights: SurfaceRights, text: str, **how: Any) -> bool:
    return rights.refusal(command(text, **how), "box") == ""


def surface(name: str, *allow: str, role: Role = Role.OWNER) -> Principal:
    return surface_principal(name, role, (), allow)


def test_a_box_with_one_fader_may_name_its_gain_and_nothing_else() -> None:
    rights = SurfaceRights.of(ONE_FADER, None)
    allowed = {verb for verb in COMMANDS if may(rights, EXAMPLES.get(verb, verb))}
    assert allowed == {"gain"}
    assert not may(rights, "gain 2 20")


def test_what_is_bound_may_be_named_and_nothing_grave() -> None:
    rights = SurfaceRights.of(BUSY, None)
    for text in ("keep 3", "mark chorus", "circle", "toggle", "next", "nudge 8 -1"):
        assert may(rights, text), text
    for text in ("phantom 1 off", "again", "nudge 1 1", "start", "arm", "unlock"):
        assert not may(rights, text), text


def test_a_control_may_do_what_it_is_bound_to_whatever_may_be_named() -> None:
    rights = SurfaceRights.of(BUSY, [])
    assert rights.named == ()
    for text in ("phantom 1 off", "again", "keep 10", "gain 1 12"):
        assert may(rights, text, bound=True), text
    assert not may(rights, "shut-down", bound=True)


def test_a_surface_that_says_a_control_gave_what_it_made_itself_has_no_more_right_for_it() -> None:
    rights = SurfaceRights.of(BUSY, [])
    assert not may(rights, "phantom 1 off", control="button 2")
    assert may(rights, "phantom 1 off", control="button 2", bound=True)


def test_what_is_allowed_by_name_may_be_named_and_takes_the_place_of_what_is_bound() -> None:
    rights = SurfaceRights.of(BUSY, ["take", "discard", "phantom 3"])
    for text in ("start", "stop", "toggle", "next", "discard", "phantom 3 on confirm"):
        assert may(rights, text), text
    for text in ("phantom 1 on confirm", "mark", "again", "session x"):
        assert not may(rights, text), text


@given(st.lists(st.sampled_from(sorted({*COMMANDS, "take"} - set(GRAVE)))), st.sampled_from(GRAVE))
def test_nothing_grave_is_ever_named_unless_it_is_allowed_in_so_many_words(
    allow: list[str], verb: str
) -> None:
    bindings = (*BUSY, binding_of(control="button 9", tap=EXAMPLES.get(verb, verb)))
    for rights in (SurfaceRights.of(bindings, None), SurfaceRights.of(bindings, allow)):
        assert not may(rights, EXAMPLES.get(verb, verb))
    assert may(SurfaceRights.of(bindings, [*allow, verb]), EXAMPLES.get(verb, verb))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("fly", "not a command"),
        ("", "not a command"),
        ("mark chorus", "as a whole"),
        ("gain 1 20", 'such as "gain 3"'),
        ("gain -1", 'such as "gain 3"'),
        ("take 3", "not a command"),
    ],
)
def test_an_entry_that_is_none_is_told(entry: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        read_permissions(entry)


def begun(text: str, *, every_ms: int, seconds: float, transport: Transport) -> int:
    gate, box = Gate(), surface("box", "take", "keep")
    times = range(0, round(seconds * 1e9), every_ms * 1_000_000)
    return sum(not gate.refusal(command(text, at_ns=at_ns), box, transport) for at_ns in times)


def test_a_surface_begins_no_more_takes_than_a_hand_would() -> None:
    most = TAKES_AT_ONCE + 6 * TAKES_PER_S
    assert most < 30
    for text in ("next", "keep 3"):
        assert begun(text, every_ms=7, seconds=6, transport=Transport.ROLLING) <= most
    for text in ("start", "toggle"):
        assert begun(text, every_ms=7, seconds=6, transport=Transport.READY) <= most


def test_a_hand_is_never_held_up() -> None:
    assert (
        begun("next", every_ms=1000 // TAKES_PER_S, seconds=600, transport=Transport.ROLLING)
        == 600 * TAKES_PER_S
    )
    assert begun("start", every_ms=100, seconds=1, transport=Transport.READY) == TAKES_AT_ONCE


def test_a_stop_is_never_refused_for_its_pace() -> None:
    for text in ("stop", "toggle"):
        assert begun(text, every_ms=1, seconds=1, transport=Transport.ROLLING) == 1000


def test_a_clock_that_goes_back_gives_no_takes_away() -> None:
    gate, box = Gate(), surface("box", "next")
    begun = [
        not gate.refusal(command("next", at_ns=(number % 2) * NS_PER_SECOND), box, Transport.ROLLING)
        for number in range(100)
    ]
    assert sum(begun) <= TAKES_AT_ONCE + TAKES_PER_S


def test_one_surface_does_not_use_up_anothers_takes() -> None:
    gate = Gate()
    for _ in range(100):
        gate.refusal(command("next"), surface("box", "next"), Transport.ROLLING)
    assert gate.refusal(command("next"), surface("box", "next"), Transport.ROLLING)
    assert gate.refusal(command("next"), surface("pedal", "next"), Transport.ROLLING) == ""


def test_a_person_is_asked_for_his_role_alone() -> None:
    gate, ann = Gate(), Principal(name="ann", role=Role.PLAYER, role_set_by="[control] group_role")
    for _ in range(100):
        assert gate.refusal(command("next"), ann, Transport.ROLLING) == ""
    refused = gate.refusal(command("gain 1 20"), ann, Transport.ROLLING)
    assert refused == (
        'not allowed: "ann" is here as player, and gain is for the engineer; that is set by [control] group_role'
    )


# The table of roles and commands, as a person would write it. A new command has to be put in one of these rows.
FOR: dict[Role, set[str]] = {
    Role.WATCHER: set(),
    Role.PLAYER: {
        "clear-clips",
        "start",
        "stop",
        "toggle",
        "next",
        "keep",
        "mark",
        "discard",
        "again",
        "undo",
        "restore",
        "clear-fault",
    },
    Role.ASSISTANT: {"circle", "note", "rate", "rename", "number", "song", "session", "continue-session"},
    Role.ENGINEER: {"arm", "disarm", "gain", "nudge", "pad", "phantom", "polarity", "set"},
    Role.OWNER: {"lock", "unlock", "measure", "reload", "shut-down", "empty-trash"},
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verb", COMMANDS)
def test_the_table_of_roles_and_commands(role: Role, verb: str) -> None:
    """A role may do what each lesser one may, and what is its own; whoever gives it, by whatever way in."""
    least = next(each for each in Role if verb in FOR[each])
    may = list(Role).index(role) >= list(Role).index(least)
    given = command(EXAMPLES.get(verb, verb))
    person = Principal(name="ann", role=role)
    box = surface("box", verb, role=role)
    for who in (person, box):
        refused = Gate().refusal(given, who, Transport.READY)
        assert (refused == "") is may, refused
        assert may or f"{verb} is for the {least}" in refused


def test_what_a_client_writes_as_its_origin_gives_it_no_right() -> None:
    ann = Principal(name="ann", role=Role.WATCHER)
    for origin in ("rigd", "root", "pedal", "owner"):
        given = replace(command("stop"), origin=Origin(origin))
        assert Gate().refusal(given, ann, Transport.ROLLING)
