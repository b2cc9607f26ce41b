"""The channels that a person means at a terminal: by number, range, list, name, or all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rigd.cli.exit_codes import ExitCode
from rigd.cli.terminal import fail, refuse
from rigd.model.channels import FORM, Channels, channels_of, read_channels
from rigd.model.command_text import ALL
from rigd.model.errors import CommandError
from rigd.model.state import Channel
from rigd.model.units import ChannelNumber

WHICH_CHANNELS = f'Channels: {FORM}, a name ("Kick In", or the beginning of one), or all.'
MOST_LISTED = 8


class NoChannel(CommandError):
    """The word names none, as a number or as a name: the command line has not the command's form."""


def channels_meant(words: Sequence[str], there: Sequence[Channel], *, has_preamp: bool) -> Channels:
    """Of a word each: numbers and names, commas between them. "all" is every channel; `has_preamp`: every one that
    has a preamp. A number stays as it is, whether or not there is such a channel. What is none or several is an error
    that says so, and nothing is guessed."""
    numbers: set[int] = set()
    for word in words:
        parts = [word] if _called(word, there) else word.split(",")
        for part in filter(None, map(str.strip, parts)):
            numbers.update(_meant(part, there, has_preamp=has_preamp))
    if not numbers:
        raise NoChannel(
            f'"{" ".join(words)[:40]}" is not a channel; channels are named as {FORM}, or by name'
        )
    return channels_of(numbers)


def named_channels(
    words: Sequence[str], there: Sequence[Channel], *, verb: str, as_json: bool, has_preamp: bool
) -> Channels:
    """As `channels_meant`; what is none, or several, ends the command."""
    try:
        return channels_meant(words, there, has_preamp=has_preamp)
    except NoChannel as error:
        fail(ExitCode.USAGE, f"{verb}: {error}")
    except CommandError as error:
        refuse(f"{verb}: {error}", as_json=as_json)


def channel_called(word: str, there: Sequence[Channel]) -> ChannelNumber:
    """The one of that number or name."""
    numbers = channels_meant([word], there, has_preamp=False)
    found = [channel for channel in there if channel.number in numbers]
    if len(found) != 1:
        raise CommandError(
            f'"{word[:60]}" is {len(found) or "none"} of the channels: {_listed(found or there)}'
        )
    return found[0].number


def _meant(word: str, there: Sequence[Channel], *, has_preamp: bool) -> Iterable[int]:
    called = _called(word, there)
    if word.casefold() == ALL and not called:
        return [channel.number for channel in there if channel.preamp or not has_preamp] or [
            channel.number for channel in there
        ]
    try:
        numbers = read_channels(word)
    except CommandError:
        found = called or [
            channel for channel in there if channel.name.casefold().startswith(word.casefold())
        ]
        if len(found) == 1:
            return [found[0].number]
        if not found:
            raise NoChannel(f'"{word[:40]}" is no channel: {_listed(there)}; see: rigd status') from None
        raise CommandError(f'"{word[:40]}" is {len(found)} channels: {_listed(found)}') from None
    others = [channel for channel in called if channel.number not in numbers]
    if others:
        also = f"and the name of {_listed(others)}"
        number = numbers[0]
        raise CommandError(
            f'"{word[:40]}" is a number {also}. For the number write {number}-{numbers[-1]}, for the name '
            f"write {others[0].number}"
        )
    return numbers


def _called(word: str, there: Sequence[Channel]) -> list[Channel]:
    return [channel for channel in there if channel.name.casefold() == word.strip().casefold()]


def _listed(channels: Sequence[Channel]) -> str:
    listed = ", ".join(f'{channel.number} "{channel.name}"' for channel in channels[:MOST_LISTED])
    more = len(channels) - MOST_LISTED
    return f"{listed} and {more} more" if more > 0 else listed
