"""`rigd take ...`: what a foot does, by hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from rigd.cli.safe import LONGEST_CLOSE_S, NoWait, Within, end_take, wait_until_all_safe
from rigd.cli.started import STARTED_NS
from rigd.cli.terminal import AsJson, ExitCode, RuntimeDir, daemon, do, fail, out, print_json
from rigd.model.durations import seconds_of

app = typer.Typer(help="Start, stop and mark takes.", no_args_is_help=True)

Held = Annotated[
    bool, typer.Option("--hold", help="As a held switch: what a locked rig asks for before it lets go.")
]
Whole = Annotated[list[str], typer.Argument(show_default=False)]


def _length(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError:
        raise typer.BadParameter(f'"{text[:40]}" is no length of time, such as 20, 90s, 40m or 2h') from None


@app.command()
def start(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Start a take; inside the post-roll, go on with the same one."""
    do(runtime_dir, as_json, lambda client: client.command("start", at_ns=STARTED_NS))


@app.command()
def stop(
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
    hold: Held = False,
    no_wait: NoWait = False,
    within: Within = LONGEST_CLOSE_S,
) -> None:
    """Stop the take, and wait until every byte of it is on the disk."""
    end_take(
        runtime_dir,
        as_json,
        lambda client: client.command("stop", at_ns=STARTED_NS, held=hold),
        no_wait=no_wait,
        within_s=within,
    )


@app.command()
def wait(runtime_dir: RuntimeDir = None, as_json: AsJson = False, within: Within = LONGEST_CLOSE_S) -> None:
    """Wait until every take that was stopped is on the disk, on both where a mirror keeps up."""
    with daemon(runtime_dir) as client:
        verdict = wait_until_all_safe(client, within_s=within)
    if as_json:
        print_json(msgspec.to_builtins(verdict))
    if not verdict.safe:
        fail(ExitCode.FAILED, verdict.text)
    if not as_json:
        out.print(verdict.text, markup=False)


@app.command()
def toggle(runtime_dir: RuntimeDir = None, as_json: AsJson = False, hold: Held = False) -> None:
    """Start a take, or stop the one that rolls."""
    do(runtime_dir, as_json, lambda client: client.command("toggle", at_ns=STARTED_NS, held=hold))


@app.command("next")
def next_take(
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
    within: Within = LONGEST_CLOSE_S,
) -> None:
    """Keep this take and go on as the next, without a gap; wait until the kept one is on the disk."""
    end_take(
        runtime_dir,
        as_json,
        lambda client: client.command("next", at_ns=STARTED_NS),
        no_wait=no_wait,
        within_s=within,
    )


@app.command()
def keep(
    seconds: Annotated[float, typer.Argument(parser=_length, metavar="SECONDS", show_default=False)],
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
    within: Within = LONGEST_CLOSE_S,
) -> None:
    """Keep the last SECONDS (20, 90s, 40m, 2h) as a take, also while another rolls; wait until they are on the disk.

    What the tape no longer has comes from the black box, if there is one; that is put together by and by."""
    end_take(
        runtime_dir,
        as_json,
        lambda client: client.command("keep", at_ns=STARTED_NS, seconds=seconds),
        no_wait=no_wait,
        within_s=within,
    )


@app.command()
def mark(
    name: Annotated[list[str] | None, typer.Argument()] = None,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a marker here, with a name if one is given."""
    do(
        runtime_dir,
        as_json,
        lambda client: client.command("mark", at_ns=STARTED_NS, name=" ".join(name or ())),
    )


@app.command()
def discard(runtime_dir: RuntimeDir = None, as_json: AsJson = False, hold: Held = False) -> None:
    """False take: stop it if it rolls and put it in the trash; undo brings it back."""
    do(runtime_dir, as_json, lambda client: client.command("discard", at_ns=STARTED_NS, held=hold))


@app.command()
def again(runtime_dir: RuntimeDir = None, as_json: AsJson = False, hold: Held = False) -> None:
    """Discard the rolling take and start again at once."""
    do(runtime_dir, as_json, lambda client: client.command("again", at_ns=STARTED_NS, held=hold))


@app.command()
def undo(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Bring back the take that was discarded last."""
    do(runtime_dir, as_json, lambda client: client.command("undo"))


@app.command()
def circle(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Mark the rolling or last take as the good one; once more takes it back."""
    do(runtime_dir, as_json, lambda client: client.command("circle"))


@app.command()
def note(text: Whole, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Add a note to the rolling or last take."""
    do(runtime_dir, as_json, lambda client: client.command("note", text=" ".join(text)))


@app.command()
def rate(rating: int, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Rate the rolling or last take, 0 to 5."""
    do(runtime_dir, as_json, lambda client: client.command("rate", rating=rating))


@app.command()
def rename(name: Whole, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Rename the rolling or last take."""
    do(runtime_dir, as_json, lambda client: client.command("rename", name=" ".join(name)))


@app.command()
def number(number: int, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """The next take gets this number."""
    do(runtime_dir, as_json, lambda client: client.command("number", number=number))
