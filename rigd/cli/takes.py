"""`rigd takes`: what has been recorded, of the running rig or straight from the folders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Group, Option
from rigd.cli.meant import WHICH, known_take, meant
from rigd.cli.take_list import listed_line, sweep_text, sweeps, take_list
from rigd.cli.terminal import (
    AS_JSON,
    RUNTIME_DIR,
    config_option,
    daemon,
    errors_told,
    out,
    print_json,
)
from rigd.cli.words import count, how_it_ended, still_looking, take_title
from rigd.hands.showing import exact_time_text
from rigd.model.errors import LibraryError
from rigd.model.numbers import read_number
from rigd.model.plain_text import plain_line
from rigd.wire.codec import to_plain

if TYPE_CHECKING:
    from rigd.mirror.verify import Verified


def list_takes(runtime_dir: Path | None, as_json: bool, everything: bool, session: str | None) -> None:
    if everything or session is not None:
        list_library(session or "", runtime_dir, as_json=as_json)
        return
    with daemon(runtime_dir) as client:
        state = client.status().state
        found = client.takes()
    if as_json:
        print_json(
            {"type": "TakesAnswer", "session": state.session, "takes": [to_plain(take) for take in found]}
        )
        return
    if not found:
        out.print(f"no takes yet in {state.session}")
        return
    out.print_rows(take_list(found, state.sample_rate_hz, width=out.width()))
    out.print(state.session_folder, style="dim")


def list_library(session: str, runtime_dir: Path | None, *, as_json: bool, text: str = "") -> None:
    """Of all sessions, or of those of a name, or what has that text. Printed as it comes: there may be tens of
    thousands."""
    with daemon(runtime_dir) as client:
        pages = client.library(session, text=text)
        if as_json:
            whole = list(pages)
            takes = [to_builtins(take) for page in whole for take in page.takes]
            facts = {"library": whole[0].library, "complete": all(page.complete for page in whole)}
            print_json({"type": "LibraryTakes", **facts, "takes": takes})
            return
        folder, complete, listed = "", True, 0
        for page in pages:
            complete, listed = page.complete, listed + len(page.takes)
            for take in page.takes:
                if take.session_folder != folder:
                    folder = take.session_folder
                    out.print(folder, style="bold")
                out.print("  ", *listed_line(take))
                for found in take.found:
                    out.print(f"      {plain_line(found)}")
    if not listed:
        with_text = f' with "{text}"' if text else ""
        out.print(f"no takes{with_text}" + (f' in a session "{session}"' if session else " in the library"))
    if missing := still_looking(complete):
        out.print(missing, style="yellow")


def find(text: Sequence[str], session: str | None, runtime_dir: Path | None, as_json: bool) -> None:
    list_library(session or "", runtime_dir, as_json=as_json, text=" ".join(text))


def path(words: Sequence[str], runtime_dir: Path | None) -> None:
    """The folder and nothing else, for a command around this one: cd "$(rigd takes path 4)"."""
    with daemon(runtime_dir) as client:
        found = known_take(client, client.status().state, " ".join(words))
    out.print(found.folder)


def show(words: Sequence[str], runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
        found = meant(client, state, " ".join(words), as_json=as_json)
    take = found.take
    if as_json:
        print_json(take)
        return
    rate = found.sample_rate_hz
    out.print(take_title(take), style="bold")
    out.print(f"{take.started_at}   {take.folder}")
    if take.copy is not None:
        out.print(f"{take.copy.state.value:<26}{take.copy.folder}", style="dim")
    if ended := how_it_ended(take):
        whole = "" if ended == "FAILED" else "; whole up to there"
        out.print(f"  {ended}{whole}: {take.failure}", style="bold red" if not whole else "yellow")
    if take.kept:
        out.print("  kept from the past: nobody had pressed record")
    for file in take.files:
        out.print(f"  {file.name}  {exact_time_text(file.frames, rate)}  {file.size_bytes:,} bytes")
    for marker in take.markers:
        at = exact_time_text(marker.at_frame - take.first_frame, rate)
        out.print(f"  marker {at}  {marker.name}")
    for sweep in sweeps(take.gain_changes, rate):
        out.print(f"  {sweep_text(sweep, first_frame=take.first_frame, sample_rate_hz=rate)}")
    for clips in take.clips:
        at = exact_time_text(clips.last_frame - take.first_frame, rate)
        places = f"{count(clips.samples, 'sample')} in {count(clips.clip_count, 'place')}"
        out.print(
            f"  clipped {at}  channel {clips.channel}: {places}, this the last; all in take.json", style="red"
        )
    for gap in take.gaps:
        at, word = exact_time_text(gap.at_frame - take.first_frame, rate), "exactly" if gap.exact else "about"
        out.print(
            f"  gap    {at}  {word} {gap.length_frames:,} frames ({gap.cause.value})",
            style="red",
        )
    for note in take.slate.notes:
        for place, line in enumerate(note.split("\n")):
            out.print(f"  {'' if place else 'note':<4}   {line}")


def verify(numbers: Sequence[str], config: Path | None, runtime_dir: Path | None, as_json: bool) -> None:
    from rigd.mirror.verify import verify_take  # reads the library itself; who lists takes asks the rig

    found = list(_told_places(numbers, config, runtime_dir, as_json=as_json))
    outcomes: list[Verified] = []
    for folder, mirror in found:
        outcomes.append(verify_take(folder, mirror))
        if not as_json:
            _tell_verified(outcomes[-1])
    wrong = sum(bool(each.differs) for each in outcomes)
    if as_json:
        print_json({"ok": not wrong, "takes": [to_builtins(each) for each in outcomes]})
    elif not outcomes:
        out.print("no take to verify")
    if wrong:
        raise SystemExit(ExitCode.FAILED)


def _told_places(
    numbers: Sequence[str], config: Path | None, runtime_dir: Path | None, *, as_json: bool
) -> Iterator[tuple[Path, Path | None]]:
    """The folders of each take that is meant: of the running rig, or, with a config, of its library."""
    if config is None:
        with daemon(runtime_dir) as client:
            state = client.status().state
            chosen = (
                [meant(client, state, words, as_json=as_json).take for words in numbers]
                if numbers
                else list(client.takes())
            )
        chosen = [take for take in chosen if take.closed]
        for take in chosen:
            places = Path(take.folder), None if take.copy is None else Path(take.copy.folder)
            yield (places[1] or places[0], places[0]) if take.on_mirror else places
        return
    from rigd.config.load import load_config
    from rigd.mirror.verify import find_takes

    with errors_told():
        loaded = load_config(config)
    for here, there in find_takes(loaded.library, loaded.mirror):
        if not numbers or any(_is_called(folder, numbers) for folder in (here, there)):
            yield here, there


def _is_called(folder: Path | None, numbers: Sequence[str]) -> bool:
    from rigd.library.sheet_file import read_sheet

    with contextlib.suppress(LibraryError):
        sheet = None if folder is None else read_sheet(folder)
        if sheet is not None:
            ids = (sheet.take_id.startswith(word.lower()) for word in numbers)
            return str(sheet.number) in numbers or any(ids)
    return False


def _tell_verified(verified: Verified) -> None:
    where = "on both volumes" if verified.mirror else "in the library"
    word = "differs" if verified.differs else f"{verified.files} files as they were, {where}"
    out.print(f"{verified.title}  {word}", style="bold red" if verified.differs else "")
    for line in verified.differs:
        out.print(f"  {line}", style="red")
    if verified.unproved:
        text = (
            f"  {verified.unproved} files have no SHA-256 in take.json yet: only their copies were compared"
        )
        out.print(text if verified.mirror else f"  {verified.unproved} files have no SHA-256 yet")


EVERYTHING = Option(name="everything", flags=("--all",), about="The takes of all sessions of the library.")
SESSION = Option(
    name="session",
    flags=("--session",),
    read=str,
    shown="NAME",
    about="The takes of the sessions of that name, whatever their day.",
)

TAKE = Argument(name="words", shown="TAKE", about=WHICH, is_required=False, takes_rest=True)
CHANNEL = Option(
    name="channel",
    flags=("--channel",),
    read=str,
    shown="NUMBER|NAME",
    about="One channel; else a quick sum of all, with what is called ... L and ... R on its side.",
    default=None,
)
DEVICE = Option(
    name="device",
    flags=("--device",),
    read=str,
    shown="NAME",
    about="Another output than the machine's own; a part of its name will do.",
    default="",
)


def play(**given: Any) -> None:
    """Only who listens loads what plays."""
    from rigd.cli.play import play_take

    play_take(**given)


PLAY = Command(
    name="play",
    run=play,
    about="Listen to a take through this machine's own output, never through the interface that records.",
    parts=(
        TAKE,
        CHANNEL,
        Option(
            name="since",
            flags=("--from",),
            read=read_number,
            shown="SECONDS",
            about="From so far into the take on.",
            default=0.0,
        ),
        DEVICE,
        RUNTIME_DIR,
    ),
)
TAKES = Group(
    name="takes",
    about="What has been recorded. Without a word: the list.",
    commands=(
        Command(
            name="list",
            run=list_takes,
            about="The session's takes, oldest first.",
            parts=(RUNTIME_DIR, AS_JSON, EVERYTHING, SESSION),
        ),
        Command(
            name="show",
            run=show,
            about="One take, whole.",
            parts=(TAKE, RUNTIME_DIR, AS_JSON),
        ),
        Command(
            name="path",
            run=path,
            about="The folder of a take, and nothing else.",
            parts=(TAKE, RUNTIME_DIR),
        ),
        Command(
            name="find",
            run=find,
            about="Takes of all sessions with this in their name, song, notes or markers.",
            parts=(
                Argument(name="text", about="Whatever its capitals.", takes_rest=True),
                SESSION,
                RUNTIME_DIR,
                AS_JSON,
            ),
        ),
        PLAY,
        Command(
            name="verify",
            run=verify,
            about="Hash every file again, on both volumes, and name what differs by channel. Ends with 6 if anything "
            "does.",
            parts=(
                Argument(
                    name="numbers",
                    shown="TAKE",
                    about='A word each ("Blue Train 4" in quotes): its number in the current song, -1 for the last, '
                    "its folder, the beginning of its id. None: every take of the session.",
                    is_required=False,
                    takes_rest=True,
                ),
                config_option("Without a running rig: every take of its library."),
                RUNTIME_DIR,
                AS_JSON,
            ),
        ),
    ),
    alone=Command(name="takes", run=list_takes, about="", parts=(RUNTIME_DIR, AS_JSON, EVERYTHING, SESSION)),
)
