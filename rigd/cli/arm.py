"""`rigd arm`, `disarm`, `lock` and the commands that have no group of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from rigd.cli.terminal import AsJson, ExitCode, RuntimeDir, daemon, do, fail, out, print_json
from rigd.wire.codec import to_plain

Channels = Annotated[list[str] | None, typer.Argument(help='"3", "1-4", several of them; none: all.')]
MOST_CHANNELS = 1024


def channel_numbers(words: list[str] | None) -> list[int | None]:
    """What "1-4 7" means; [None] for all. Raises typer.BadParameter."""
    if not words or words == ["all"]:
        return [None]
    numbers: list[int | None] = []
    for word in words:
        first, dash, last = word.partition("-")
        try:
            span = range(int(first), int(last if dash else first) + 1)
        except ValueError:
            raise typer.BadParameter(f'"{word}" is not a channel number or a span such as 1-4') from None
        if not span or len(span) > MOST_CHANNELS:
            raise typer.BadParameter(f'"{word}" is not a span of channels')
        numbers += span
    return numbers


def _each(verb: str, channels: list[str] | None, runtime_dir: RuntimeDir, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        numbers = channel_numbers(channels)
        there = {channel.number for channel in client.status().state.channels}
        missing = [str(number) for number in numbers if number is not None and number not in there]
        if missing:
            fail(
                ExitCode.REFUSED,
                f"there is no channel {', '.join(missing[:8])}; nothing was {verb}ed. See: rigd status",
            )
        answers = [client.command(verb, channel=number) for number in numbers]
    if as_json:
        print_json({"type": "CommandAnswers", "answers": [to_plain(answer) for answer in answers]})
    else:
        for answer in answers:
            out.print(answer.text, markup=False)
    if not all(answer.accepted for answer in answers):
        raise typer.Exit(ExitCode.REFUSED)


def arm(channels: Channels = None, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Record these channels from the next take on."""
    _each("arm", channels, runtime_dir, as_json)


def disarm(channels: Channels = None, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Leave these channels out of the next take."""
    _each("disarm", channels, runtime_dir, as_json)


def lock(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """From now on a take only stops by a held control."""
    do(runtime_dir, as_json, lambda client: client.command("lock"))


def unlock(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """A take stops by a tap again."""
    do(runtime_dir, as_json, lambda client: client.command("unlock"))


def clear_fault(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """The trouble has been seen to; go on."""
    do(runtime_dir, as_json, lambda client: client.command("clear-fault"))


def shut_down(
    hold: Annotated[bool, typer.Option("--hold", help="Also when the rig is locked.")] = False,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """Close every take and end rigd."""
    do(runtime_dir, as_json, lambda client: client.command("shut-down", held=hold))


def any_command(
    words: Annotated[list[str], typer.Argument(help='As in a binding: "gain 3 -12.5", "mark chorus".')],
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """Any command in its text form, as a pedal's binding names it (docs/commands.md)."""
    do(runtime_dir, as_json, lambda client: client.say(" ".join(words)))
