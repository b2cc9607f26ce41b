"""What `rigd init` asks: one thing of a config after the other. Each question puts its answer into the text.

What there is to choose from, and the lines for it, the kinds say (`rigd/model/found.py`); none is known by name here.
Main thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from rigd.cli.asking import Asking
from rigd.cli.devices import found_by_kinds
from rigd.cli.doctor import space_of
from rigd.cli.growing_config import GrowingConfig
from rigd.cli.input_levels import peaks_in_words, show_levels
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.cli.terminal import out
from rigd.cli.trial_rig import TrialRig
from rigd.config.kinds import AUDIO_DRIVERS, PREAMPS, SURFACES, Kinds
from rigd.config.writing import NamedInput, new_config, with_inputs, with_lines, with_value
from rigd.model.errors import RigError, SurfaceError
from rigd.model.found import FoundPreamp, FurtherQuestion, OfferedInterface, OfferedSurface

OWN_LIBRARY = "~/rigd-takes"
LIBRARY_OF_THE_MACHINE = "/srv/takes"
FIRST_PRESS_WITHIN_S = 20.0
MOST_INPUTS = 512
USUAL_RATE_HZ, MOST_RATE_HZ = 48_000, 1_000_000
NOT_RECORDED = "-"
THE_REST = "."
NO_INTERFACE = """\
[audio]
# driver = "...", device = "...": see rigd devices
channels = 2
"""


class Question(Struct, frozen=True):
    """One thing that a config says, and that a person may want to change."""

    word: str
    about: str
    ask: Callable[[GrowingConfig], None]


def begun(asking: Asking, *, of_service: bool) -> GrowingConfig:
    """A first config, before anything is asked."""
    text = new_config(name="Rehearsal", library=LIBRARY_OF_THE_MACHINE if of_service else OWN_LIBRARY)
    return GrowingConfig(text, asking, of_service=of_service)


def _rig(growing: GrowingConfig) -> None:
    before, here = growing.text, growing.read().rig.name

    def called(name: str) -> None:
        growing.take(before if name == here else with_value(before, "rig", "name", name))

    growing.ask.read("What is this rig called? Its sessions have this name", here, called)


def _takes(growing: GrowingConfig) -> None:
    before, here = growing.text, growing.read().rig.library

    def usable(folder: str) -> Path:
        growing.take(before if folder == here else with_value(before, "rig", "library", folder))
        place = Path(folder).expanduser()
        if why := growing.why_no_takes_in(place):
            if growing.ask.answers_itself:
                growing.missing.append(f"takes: {why}")
            else:
                growing.take(before)
                raise ValueError(why)
        return place

    place = growing.ask.read("Takes go to", here, usable)
    if (space := space_of(str(place))) is not None:
        free = space.free_bytes
        out.print(f"  {free / 1e9:,.0f} GB are free there, {_hours(free)} of 8 inputs at 48 kHz")


def _interface(growing: GrowingConfig) -> None:
    offered: list[OfferedInterface] = []
    for found in found_by_kinds([AUDIO_DRIVERS]):
        offered += found.interfaces
        growing.tell_once(found.troubles)
    real = [each for each in offered if not each.simulated]
    real.sort(key=lambda each: (bool(each.trouble), -each.inputs))
    if not real:
        _no_interface(growing, offered)
        return
    out.print("Audio interfaces:")
    chosen = real[growing.ask.choice("Which one records", [each.called for each in real])]
    _put_interface(growing, chosen)
    if chosen.trouble:
        growing.missing.append(chosen.trouble)


def _put_interface(growing: GrowingConfig, chosen: OfferedInterface) -> None:
    """What its own lines leave open is asked."""
    before = growing.text

    def with_options(**options: int) -> str:
        text = with_lines(before, chosen.lines)
        for option, value in options.items():
            text = with_value(text, "audio", option, value)
        growing.take(text)
        return text

    rate = {} if chosen.rate_hz else {"sample_rate_hz": USUAL_RATE_HZ}

    def with_count(word: str) -> int:
        count = _number(word, most=chosen.inputs or MOST_INPUTS)
        with_options(channels=count, **rate)
        return count

    if chosen.inputs == 1:
        count = with_count("1")
    else:
        question = "How many of its inputs does rigd listen to" if chosen.inputs else "How many inputs has it"
        count = growing.ask.read(question, str(chosen.inputs or 2), with_count)
    if rate:
        growing.ask.read(
            "Its sample rate",
            str(USUAL_RATE_HZ),
            lambda word: with_options(channels=count, sample_rate_hz=_number(word, most=MOST_RATE_HZ)),
        )


def _no_interface(growing: GrowingConfig, simulated: Sequence[OfferedInterface]) -> None:
    out.print("No audio interface is there.", style="yellow")
    for each in () if growing.ask.answers_itself else simulated:
        if growing.ask.yes(f"Take {each.called}, to try rigd out", proposed=False):
            growing.take(with_lines(growing.text, each.lines))
            return
    growing.missing.append("no interface: plug it in, then: rigd init interface")
    growing.is_silent = True
    if "[audio]" not in growing.text:
        growing.take(with_lines(growing.text, NO_INTERFACE))


def _names(growing: GrowingConfig) -> None:
    if growing.ask.answers_itself:
        return
    peaks = () if growing.is_silent else _levels(growing)
    out.print(
        "What is plugged into each input? Several names with commas; - for an input that is not recorded;"
    )
    out.print(". leaves the rest as it is.")
    inputs = [NamedInput(name=each.name, armed=each.armed) for each in growing.read().channels]
    place = 0

    def named(answer: str) -> int:
        """The place of the next input that is asked for."""
        if answer == THE_REST:
            return len(inputs)
        changed = list(inputs)
        words = [answer] if answer == inputs[place].name else answer.split(",")
        for at, word in enumerate(map(str.strip, words[: len(inputs) - place]), place):
            if word == NOT_RECORDED:
                changed[at] = NamedInput(name=inputs[at].name, armed=False)
            elif word:
                changed[at] = NamedInput(name=word)
        if changed != inputs:
            growing.take(with_inputs(growing.text, changed))
        inputs[:] = changed
        return place + len(words)

    while place < len(inputs):
        here = inputs[place]
        about = [peaks_in_words(peaks[place])] if place < len(peaks) else []
        about += [] if here.armed else [f"{here.name}, not recorded"]
        question = f"  input {place + 1}" + (f" ({'; '.join(about)})" if about else "")
        # Enter leaves an input as it is: one that is not recorded too.
        place = growing.ask.read(question, here.name if here.armed else NOT_RECORDED, named)


def _levels(growing: GrowingConfig) -> Sequence[float]:
    """What is heard while the person plays; nothing where no sound comes."""
    try:
        out.print("The inputs are listened to ...", style="dim")
        with TrialRig(growing.text) as trial:
            if trial.levels(within_s=5.0) is None:
                raise RigError(trial.trouble())
            return show_levels(trial, growing.ask)
    except RigError as error:
        out.print(f"  no levels: {error}", style="yellow")
        growing.missing.append(f"nothing was heard from the interface: {error}")
        return ()


def _pedal(growing: GrowingConfig) -> None:
    learnt = [each.called for each in _offered_surfaces(growing) if not each.lines]
    if not learnt:
        out.print("No pedal is plugged in; with one: rigd init pedal")
        return
    out.print(f"Plugged in: {', '.join(learnt)}")
    while not growing.ask.answers_itself and growing.ask.yes("Is one of them a pedal", proposed=True):
        try:
            _, learned = learn(
                kinds_that_learn(), "", seconds=FIRST_PRESS_WITHIN_S, say=lambda text: out.print(f"  {text}")
            )
        except SurfaceError as error:
            out.print(f"  {error}", style="yellow")
            continue
        out.print_lines("\n".join(f"    {line}" for line in learned.lines.rstrip("\n").split("\n")))
        growing.take(with_lines(growing.text, learned.lines))
        return
    if growing.ask.answers_itself:
        growing.missing.append("which switch starts a take is for your foot to say: rigd init pedal")


def _desk(growing: GrowingConfig) -> None:
    if growing.ask.answers_itself:
        return
    while host := growing.ask.line("The network address of a desk whose preamps rigd sets; Enter for none"):
        found = _preamp_at(host)
        if found is None:
            out.print(
                f"  no desk that rigd knows answers at {host[:60]}; its network page shows its address",
                style="yellow",
            )
            continue
        out.print(f"  {found.called} answers", style="green")
        growing.take(with_lines(growing.text, f"[preamp.desk]\n{found.lines}"))
        config = growing.read()
        sockets = min(config.audio.channels, found.sockets)
        if sockets and growing.ask.yes(f"Is input 1 its socket 1, and so on to {sockets}", proposed=True):
            inputs = [
                NamedInput(
                    name=each.name,
                    armed=each.armed,
                    preamp=f"desk:{each.number}" if each.number <= sockets else "",
                )
                for each in config.channels
            ]
            growing.take(with_inputs(growing.text, inputs))
        return


def _box(growing: GrowingConfig) -> None:
    boxes = [each for each in _offered_surfaces(growing) if each.lines]
    if not boxes:
        out.print("No box is plugged in by USB; with one: rigd init box")
        return
    if growing.ask.answers_itself:
        return
    out.print("Plugged in:")
    names = [*(each.called for each in boxes), "none"]
    chosen = growing.ask.choice("Which of them is a fader box", names, proposed=len(boxes))
    if chosen == len(boxes):
        return
    lines = boxes[chosen].lines
    growing.take(with_lines(growing.text, lines))
    for further in boxes[chosen].questions:
        lines = _with_answer(growing, lines, further)


def _with_answer(growing: GrowingConfig, lines: str, further: FurtherQuestion) -> str:
    """The lines, and what the answer brings."""

    def so_often(number: int) -> str:
        more = "".join(further.lines.replace("{n}", str(each)) for each in range(1, number + 1))
        growing.take(with_lines(growing.text, lines + more))
        return lines + more

    if not further.most:
        return so_often(1) if growing.ask.yes(further.question, proposed=False) else lines
    return growing.ask.read(
        further.question, "0", lambda word: so_often(_number(word, least=0, most=further.most))
    )


QUESTIONS = (
    Question("rig", "what it is called", _rig),
    Question("takes", "where takes go", _takes),
    Question("interface", "what brings the sound", _interface),
    Question("names", "what is plugged into each input, with its levels", _names),
    Question("pedal", "a switch: step on it", _pedal),
    Question("desk", "a desk whose preamps rigd sets", _desk),
    Question("box", "a box of faders and buttons", _box),
)
"""In the order of a first config: a fader sets the gain of a preamp, so what has preamps comes before it."""


def _offered_surfaces(growing: GrowingConfig) -> list[OfferedSurface]:
    """Why there may be more is told."""
    offered: list[OfferedSurface] = []
    for found in found_by_kinds([SURFACES]):
        offered += found.surfaces
        growing.tell_once(found.troubles)
    return offered


def _preamp_at(host: str) -> FoundPreamp | None:
    """What answers there, by the first kind that knows it."""
    for _, find_at in Kinds(PREAMPS).that_have("find_at"):
        with contextlib.suppress(Exception):  # a stranger's code; one that is broken is no answer
            found: FoundPreamp | None = find_at(host)
            if found is not None:
                return found
    return None


def _number(word: str, *, least: int = 1, most: int) -> int:
    """Raises ValueError."""
    if word.isascii() and word.isdigit() and len(word) < 10 and least <= int(word) <= most:
        return int(word)
    raise ValueError(f"a number from {least} to {most}")


def _hours(free: int) -> str:
    hours = free / (8 * 48_000 * 3 * 3600)
    return f"{hours:,.0f} hours" if hours >= 2 else f"{hours * 60:,.0f} minutes"
