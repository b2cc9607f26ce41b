"""`rigd arm`, `disarm`, `lock` and the commands that have no group of their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command
from rigd.cli.rig_commands import rig_command
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, out, print_json, refuse, tell
from rigd.model.errors import CommandError
from rigd.wire.codec import to_plain

MOST_CHANNELS = 1024
ALL = "all"


def channel_span(word: str) -> range | None:
    """What "3" or "1-4" means; None for all. Raises ValueError, with a sentence."""
    if word == ALL:
        return None
    first, dash, last = word.partition("-")
    try:
        span = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise ValueError(f'"{word[:40]}" is not a channel number or a span such as 1-4') from None
    if not span or len(span) > MOST_CHANNELS:
        raise ValueError(f'"{word[:40]}" is not a span of channels')
    return span


def each_channel(
    verb: str, channels: Sequence[range | None], runtime_dir: Path | None, as_json: bool
) -> None:
    spans = [span for span in channels if span is not None]
    everything = len(spans) < len(channels) or not channels
    numbers: list[int | None] = [None] if everything else [number for span in spans for number in span]
    with daemon(runtime_dir) as client:
        there = {channel.number for channel in client.status().state.channels}
        missing = [str(number) for number in numbers if number is not None and number not in there]
        if missing:
            refuse(
                f"there is no channel {', '.join(missing[:8])}; nothing was {verb}ed. See: rigd status",
                as_json=as_json,
            )
        answers = [client.command(verb, channel=number) for number in numbers]
    if as_json:
        print_json({"type": "CommandAnswers", "answers": [to_plain(answer) for answer in answers]})
    else:
        for answer in answers:
            out.print(answer.text)
    if not all(answer.accepted for answer in answers):
        raise SystemExit(ExitCode.REFUSED)


def any_command(words: Sequence[str], runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        try:
            answer = client.say(" ".join(words))
        except CommandError as error:
            refuse(str(error), as_json=as_json)
    tell(answer, as_json=as_json)


def _of_channels(verb: str, about: str) -> Command:
    """It takes several, where the rig's own command takes one."""
    channels = Argument(
        name="channels",
        read=channel_span,
        shown="CHANNEL",
        about='"3", "1-4", several of them; none: all.',
        is_required=False,
        takes_rest=True,
    )
    return Command(
        name=verb,
        run=partial(each_channel, verb),
        about=about,
        parts=(channels, RUNTIME_DIR, AS_JSON),
        verb=verb,
    )


ARM = _of_channels("arm", "Record these channels from the next take on.")
DISARM = _of_channels("disarm", "Leave these channels out of the next take.")
LOCK = rig_command("lock")
UNLOCK = rig_command("unlock")
CLEAR_FAULT = rig_command("clear-fault")
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
