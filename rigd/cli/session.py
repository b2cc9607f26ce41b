"""`rigd session ...`: the folder of a day's work, and the song that takes are takes of."""

from __future__ import annotations

from typing import Annotated

import typer

from rigd.cli.terminal import AsJson, RuntimeDir, daemon, do, out, print_json
from rigd.cli.view import take_count

app = typer.Typer(help="The session and its songs.", no_args_is_help=True)
Name = Annotated[list[str], typer.Argument(show_default=False)]


@app.command()
def show(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Which session, which song, which number comes next, and where it all is."""
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
    out.print(f"{state.song}, next take {state.next_take_number:03}", markup=False)
    out.print(state.session_folder, markup=False)


@app.command()
def new(name: Name, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Open a session folder for today; one of that name is opened again."""
    do(runtime_dir, as_json, lambda client: client.command("session", name=" ".join(name)))


@app.command("continue")
def go_on(
    name: Annotated[list[str] | None, typer.Argument(show_default=False)] = None,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """Go on with the last session of that name (none: of this one's), whatever its day."""
    do(runtime_dir, as_json, lambda client: client.command("continue-session", name=" ".join(name or [])))


@app.command()
def song(name: Name, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """What follows are takes of this song."""
    do(runtime_dir, as_json, lambda client: client.command("song", name=" ".join(name)))
