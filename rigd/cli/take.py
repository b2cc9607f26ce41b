"""`rigd take ...`: what a foot does, by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command, Group
from rigd.cli.rig_commands import rig_command
from rigd.cli.safe import NO_WAIT, WITHIN, end_take, wait_until_all_safe
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, fail, out, print_json


def wait(runtime_dir: Path | None, as_json: bool, within_s: float) -> None:
    with daemon(runtime_dir) as client:
        verdict = wait_until_all_safe(client, within_s=within_s)
    if as_json:
        print_json(msgspec.to_builtins(verdict))
    if not verdict.safe:
        fail(ExitCode.FAILED, verdict.text)
    if not as_json:
        out.print(verdict.text)


def _ending(verb: str, then: str, *, may_hold: bool = False) -> Command:
    """One that ends a take: it waits until that one is safe."""
    options = (NO_WAIT, WITHIN)
    return rig_command(verb, is_timed=True, may_hold=may_hold, run=end_take, options=options, then=then)


TAKE = Group(
    name="take",
    about="Start, stop and mark takes.",
    commands=(
        rig_command("start", is_timed=True),
        _ending("stop", ", and wait until every byte of it is on the disk", may_hold=True),
        Command(
            name="wait",
            run=wait,
            about="Wait until every take that was stopped is on the disk, on both where a mirror keeps up.",
            parts=(RUNTIME_DIR, AS_JSON, WITHIN),
        ),
        rig_command("toggle", is_timed=True, may_hold=True),
        _ending("next", "; wait until the kept one is on the disk", may_hold=True),
        _ending(
            "keep",
            "; wait until they are on the disk.\n\n"
            "What the tape no longer has comes from the black box, if there is one; that is put together by and by",
        ),
        rig_command("mark", is_timed=True),
        rig_command("discard", is_timed=True, may_hold=True),
        rig_command("again", is_timed=True, may_hold=True),
        rig_command("undo"),
        rig_command("circle"),
        rig_command("note"),
        rig_command("rate"),
        rig_command("rename"),
        rig_command("number"),
    ),
)
