"""`rigd session ...`: the folder of a day's work, and the song that takes are takes of."""

from __future__ import annotations

from pathlib import Path

from rigd.cli.form import Command, Group
from rigd.cli.rig_commands import rig_command
from rigd.cli.session_opening import open_session
from rigd.cli.sessions import OPEN
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json
from rigd.cli.words import take_count


def show(runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
    if as_json:
        print_json(
            {
                "session": state.session,
                "folder": state.session_folder,
                "song": state.song,
                "next_take_number": state.next_take_number,
                "takes": take_count(state),
            }
        )
        return
    out.print(state.session)
    out.print(f"{state.song}, next take {state.next_take_number:03}")
    out.print(state.session_folder)


SESSION = Group(
    name="session",
    about="The session and its songs.",
    commands=(
        Command(
            name="show",
            run=show,
            about="Which session, which song, which number comes next, and where it all is.",
            parts=(RUNTIME_DIR, AS_JSON),
        ),
        rig_command("session", name="new", run=open_session),
        rig_command("continue-session", name="continue", run=open_session),
        OPEN,
        rig_command("song"),
    ),
)
