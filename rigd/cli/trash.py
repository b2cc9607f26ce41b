"""`rigd trash`: what was discarded, bringing one take back, and deleting for good."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import to_builtins

from rigd.api.client import ControlClient
from rigd.cli.asking import Asking, NoAnswer
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Group, Option
from rigd.cli.meant import known_of_library
from rigd.cli.take_list import listed_line
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, fail, out, print_json, refuse, socket_path, tell
from rigd.cli.words import count, still_looking
from rigd.model.commands import COMMANDS
from rigd.model.disk_words import bytes_text
from rigd.model.durations import seconds_of
from rigd.model.errors import CommandError
from rigd.model.events import Event, Happening
from rigd.model.library import ListedTake
from rigd.model.units import Ns
from rigd.model.which_take import which_take
from rigd.wire.codec import to_plain

RESTORED = "Its number, SONG NUMBER, -1 for the one that was discarded last, yesterday 4, or the beginning of its id."


def list_trash(runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        pages = client.library(in_trash=True)
        if as_json:
            whole = list(pages)
            facts = {"library": whole[0].library, "complete": all(page.complete for page in whole)}
            takes = [to_builtins(take) for page in whole for take in page.takes]
            print_json({"type": "Trash", **facts, "takes": takes})
            return
        listed, size_bytes, complete = 0, 0, True
        for page in pages:
            complete = page.complete
            for take in page.takes:
                listed, size_bytes = listed + 1, size_bytes + take.size_bytes
                when = take.discarded_at[:16].replace("T", " ") or "nobody knows when"
                size = bytes_text(take.size_bytes)
                out.print(f"{when}  {size}  {take.session_folder}: ", *listed_line(take))
    out.print(f"{count(listed, 'take')}, {bytes_text(size_bytes)}" if listed else "the trash is empty")
    if missing := still_looking(complete):
        out.print(missing, style="yellow")


def restore(take_id: Sequence[str], runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
        there = [*known_of_library(client, in_trash=True)]
        if not there:
            refuse("the trash is empty", as_json=as_json)
        try:
            found = which_take(" ".join(take_id), there, song=state.song, today=datetime.now().date())
        except CommandError as error:
            refuse(f"in the trash: {error}", as_json=as_json)
        answer = client.command("restore", take_id=found.take_id)
    tell(answer, as_json=as_json)


def empty(seconds: float, yes: bool, runtime_dir: Path | None, as_json: bool) -> None:
    """What is discarded after the list was made stays: the rig gets the time of the list."""
    at_ns = Ns(time.monotonic_ns())
    before_s = time.time() - seconds
    with daemon(runtime_dir) as client:
        takes = [take for take in _trash(client) if _is_older(take, before_s, any_age=not seconds)]
        what = (
            f"{count(len(takes), 'take')} of the trash, {bytes_text(sum(take.size_bytes for take in takes))}"
        )
        if not takes:
            refuse("nothing in the trash is that old" if seconds else "the trash is empty", as_json=as_json)
        if not yes and not _is_sure(what, as_json=as_json):
            fail(ExitCode.REFUSED, "nothing was deleted")
        with ControlClient(socket_path(runtime_dir)) as watcher:
            happens = watcher.events()
            next(happens)  # what there is; from here on nothing is missed
            answer = client.command("empty-trash", at_ns=at_ns, seconds=seconds)
            if not answer.accepted:
                tell(answer, as_json=as_json)
            emptied = next(
                news for news in happens if isinstance(news, Event) and news.what is Happening.TRASH_EMPTIED
            )
        left = {take.take_id for take in _trash(client)} & {take.take_id for take in takes}
    if as_json:
        print_json({**to_plain(answer), "text": emptied.text, "left": sorted(left)})
    elif not left:
        out.print(emptied.text)
    if left:
        fail(ExitCode.FAILED, emptied.text)


def _trash(client: ControlClient) -> Iterator[ListedTake]:
    for page in client.library(in_trash=True):
        yield from page.takes


def _is_older(take: ListedTake, before_s: float, *, any_age: bool) -> bool:
    try:
        return datetime.fromisoformat(take.discarded_at).timestamp() <= before_s
    except ValueError:
        return any_age


def _is_sure(what: str, *, as_json: bool) -> bool:
    if not as_json:
        with contextlib.suppress(NoAnswer):
            return Asking().yes(f"{what}: deleted for good", proposed=False)
    refuse(f"{what}, would be deleted for good. To do that without a question: --yes", as_json=as_json)


TRASH = Group(
    name="trash",
    about="What was discarded, of all sessions. Without a word: the list.",
    commands=(
        Command(
            name="list",
            run=list_trash,
            about="When each take was discarded, how large it is, and what it is.",
            parts=(RUNTIME_DIR, AS_JSON),
        ),
        Command(
            name="restore",
            run=restore,
            about=f"{COMMANDS['restore'].summary}.",
            parts=(
                Argument(name="take_id", shown="TAKE", about=RESTORED, takes_rest=True),
                RUNTIME_DIR,
                AS_JSON,
            ),
            verb="restore",
        ),
        Command(
            name="empty",
            run=empty,
            about=f"{COMMANDS['empty-trash'].summary}. It asks first, with how many takes and how much that is.",
            parts=(
                Option(
                    name="seconds",
                    flags=("--older-than",),
                    read=seconds_of,
                    shown="TIME",
                    about="Only what was discarded longer ago than this: 30d, 12h.",
                    default=0.0,
                ),
                Option(name="yes", flags=("--yes",), about="Without the question."),
                RUNTIME_DIR,
                AS_JSON,
            ),
            verb="empty-trash",
        ),
    ),
    alone=Command(name="trash", run=list_trash, about="", parts=(RUNTIME_DIR, AS_JSON)),
)
