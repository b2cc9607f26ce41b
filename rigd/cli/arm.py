"""`rigd arm`, `disarm`, `lock` and the commands that have no group of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.cli.form import Argument, Command
from rigd.cli.rig_commands import rig_command
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, print_json, refuse, tell
from rigd.model.errors import CommandError
from rigd.model.requests import CommandAnswer
from rigd.wire.codec import to_plain


def _told(runtime_dir: Path | None, as_json: bool, ask: Callable[[ControlClient], CommandAnswer]) -> None:
    with daemon(runtime_dir) as client:
        answer = ask(client)
    if as_json and answer.accepted:
        print_json({"type": "CommandAnswers", "answers": [to_plain(answer)]})
    else:
        tell(answer, as_json=as_json)


def any_command(words: Sequence[str], runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        try:
            answer = client.say(" ".join(words))
        except CommandError as error:
            refuse(str(error), as_json=as_json)
    tell(answer, as_json=as_json)


ARM = rig_command("arm", run=_told)
DISARM = rig_command("disarm", run=_told)
LOCK = rig_command("lock")
UNLOCK = rig_command("unlock")
CLEAR_FAULT = rig_command("clear-fault")
CLEAR_CLIPS = rig_command("clear-clips")
SHUT_DOWN = rig_command(
    "shut-down",
    may_hold=True,
    switches={"power_off": "Then switch the machine off, where [control] power_off lets it."},
)
DO = Command(
    name="do",
    run=any_command,
    about="Any command in its text form, as a pedal's binding names it (docs/commands.md).",
    parts=(
        Argument(
            name="words",
            shown="COMMAND",
            about='As in a binding: "gain 3 -12.5", "mark chorus".',
            takes_rest=True,
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
