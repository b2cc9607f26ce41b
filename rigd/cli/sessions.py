"""`rigd sessions` and `rigd session open`: which sessions the library has, and going on with an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import to_builtins

from rigd.api.client import ControlClient
from rigd.cli.form import Argument, Command
from rigd.cli.session_opening import open_session
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json, refuse
from rigd.cli.words import count, still_looking
from rigd.model.disk_words import bytes_text
from rigd.model.durations import clock_text
from rigd.model.library import ListedSession
from rigd.model.requests import CommandAnswer

MOST_LISTED = 8


def list_sessions(runtime_dir: Path | None, as_json: bool) -> None:
    """Printed as they come, oldest first."""
    with daemon(runtime_dir) as client:
        open_folder = Path(client.status().state.session_folder).name
        pages = client.sessions()
        if as_json:
            whole = list(pages)
            facts = {"library": whole[0].library, "complete": all(page.complete for page in whole)}
            found = [to_builtins(session) for page in whole for session in page.sessions]
            print_json({"type": "LibrarySessions", **facts, "sessions": found})
            return
        listed, complete = 0, True
        for page in pages:
            listed, complete = listed + len(page.sessions), page.complete
            for session in page.sessions:
                out.print(session_line(session, is_open=session.folder == open_folder))
    if not listed:
        out.print("no sessions in the library")
    if missing := still_looking(complete):
        out.print(missing, style="yellow")


def session_line(session: ListedSession, *, is_open: bool) -> str:
    """'2026-11-22  Rehearsal  12 takes  01:02:05  5.2 GB'; its folder where that is called otherwise."""
    pieces = [
        session.date,
        session.session,
        count(session.takes, "take"),
        clock_text(round(session.length_s)),
        bytes_text(session.size_bytes),
    ]
    if session.folder != f"{session.date} {session.session}":
        pieces.append(session.folder)
    return "  ".join([*pieces, "open now"] if is_open else pieces)


def open_named(words: Sequence[str], runtime_dir: Path | None, as_json: bool) -> None:
    def ask(client: ControlClient) -> CommandAnswer:
        return client.command(
            "continue-session", name=session_meant(client, " ".join(words), as_json=as_json)
        )

    open_session(runtime_dir, as_json, ask)


def session_meant(client: ControlClient, words: str, *, as_json: bool) -> str:
    """What the rig finds it by: its name, or, of one that is not the last of its name, its folder. Several names that
    begin so are listed."""
    wanted = words.strip().casefold()
    there = [session for page in client.sessions() for session in page.sessions]
    for found in (
        [each for each in there if wanted in (each.folder.casefold(), each.session.casefold())],
        [each for each in there if each.folder.casefold().startswith(wanted)],
        [each for each in there if each.session.casefold().startswith(wanted)],
    ):
        if not found:
            continue
        last = found[-1]
        others = {each.session for each in found} - {last.session}
        if others:
            listed = ", ".join(f'"{each.folder}"' for each in found[-MOST_LISTED:])
            refuse(f'"{words[:80]}" is {len(found)} sessions: {listed}. Say more of it', as_json=as_json)
        of_name = [each for each in there if each.session == last.session]
        return last.session if last is of_name[-1] else last.folder
    refuse(f'there is no session "{words[:80]}"; see: rigd sessions', as_json=as_json)


SESSIONS = Command(
    name="sessions",
    run=list_sessions,
    about="The sessions of the library, oldest first: day, name, takes, length, size.",
    parts=(RUNTIME_DIR, AS_JSON),
)
OPEN = Command(
    name="open",
    run=open_named,
    about="Go on with an earlier session, whatever its day, until another one is opened.",
    parts=(
        Argument(
            name="words",
            shown="NAME",
            about="Its name, for the last one that is called so; or its folder, as rigd sessions lists it; or the "
            "beginning of either.",
            takes_rest=True,
        ),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
