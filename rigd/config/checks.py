"""What two sections of a config say together: references that must hold, things that exist once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from pydantic import BaseModel

from rigd.config.draft import Draft, SurfaceDraft, socket_of
from rigd.config.faults import ConfigFault, meant, shown
from rigd.config.lines import KeyPath
from rigd.config.sections import (
    BindingSection,
    BlackBoxSection,
    TapeSection,
)
from rigd.hands.bindings import COMMAND_FIELDS, check_binding, plain_control, prototype_of
from rigd.hands.surface import Motion
from rigd.model.channels import runs_text
from rigd.model.command_text import channels_named
from rigd.model.commands import (
    COMMANDS,
    Command,
    KeepLast,
    NudgeGain,
    SetGain,
    SetPad,
    SetPhantom,
    SetPolarity,
)
from rigd.model.errors import CommandError, SurfaceError
from rigd.model.roles import SCOPES, roles_for
from rigd.rules.permissions import GROUPS, read_permissions

_PREAMP_COMMANDS = (SetGain, NudgeGain, SetPad, SetPhantom, SetPolarity)


def check(draft: Draft) -> Iterator[ConfigFault]:
    """Every fault between sections; those of sections that could not be read are left alone."""
    yield from _check_inputs(draft)
    yield from _check_preamps(draft)
    yield from _check_gangs(draft)
    for name, surface in draft.surfaces.items():
        yield from _check_bindings(draft, ("surface", name, "binding"), surface.bindings)
        try:
            yield from _check_kind(draft, name, surface)
        except Exception as error:  # a stranger's code
            yield ConfigFault(path=("surface", name), text=f"cannot be checked: its kind broke ({error!r})")
        yield from _check_allow(draft, ("surface", name, "allow"), surface.allow or ())
        if name in draft.faces:
            text = (
                f'is the name of the face [{name}], too: what "{name}" asks for has to come from one of them'
            )
            yield ConfigFault(path=("surface", name), text=text)
        yield from _check_role(("surface", name), surface)


def _check_kind(draft: Draft, name: str, surface: SurfaceDraft) -> Iterator[ConfigFault]:
    """What the kind has to say of its controls and of the channels that its options name."""
    for place, binding in enumerate(surface.bindings):
        if binding is not None and binding.control.strip():
            yield from _check_control(("surface", name, "binding", place), binding, surface.settings)
    channels_shown = getattr(surface.settings, "channels_shown", tuple)
    for option, given, channel in channels_shown():
        yield from _check_channel(draft, ("surface", name, *option), given, channel, sets_preamp=False)


def _called(draft: Draft, place: int) -> str:
    channel = draft.channels[place]
    return f'channel {place + 1} "{channel.name}"' if channel and channel.name else f"channel {place + 1}"


def _check_inputs(draft: Draft) -> Iterator[ConfigFault]:
    most = draft.audio.channels if draft.audio else None
    if most is not None and len(draft.channels) > most:
        text = f"is one too many: there are {len(draft.channels)} [[channel]]s, but [audio] channels = {most}"
        yield ConfigFault(path=("channel", most), text=text)
    taken: dict[int, int] = {}
    for place, channel in enumerate(draft.channels[:most]):
        if channel is None:
            continue
        number = draft.input_of(place)
        path: KeyPath = ("channel", place, "input")
        if most is not None and number > most:
            yield ConfigFault(
                path=path, text=f"input = {number} must be 1 to {most}, because [audio] channels = {most}"
            )
        elif number in taken:
            text = f"input {number} is used twice ({_called(draft, taken[number])}, {_called(draft, place)})"
            yield ConfigFault(path=path, text=text)
        taken.setdefault(number, place)


def _sockets_text(sockets: Iterable[int]) -> str:
    """ "1 to 16, 33 to 128"."""
    return runs_text(sorted(sockets), to=" to ", between=", ")


def _check_preamps(draft: Draft) -> Iterator[ConfigFault]:
    taken: dict[tuple[str, int], int] = {}
    for place, channel in enumerate(draft.channels):
        if channel is None or not channel.preamp:
            continue
        path: KeyPath = ("channel", place, "preamp")
        given = f"preamp = {shown(channel.preamp)}"
        found = socket_of(channel.preamp)
        if found is None:
            yield ConfigFault(path=path, text=f'{given} must be of the form "name:socket", such as "desk:1"')
            continue
        name, socket = found
        if name not in draft.preamps:
            told = meant(name, draft.preamps) or "; there is no [preamp.<name>] at all"
            yield ConfigFault(path=path, text=f"{given}: there is no [preamp.{name}]{told}")
            continue
        if found in taken:
            text = f"{given} is used twice ({_called(draft, taken[found])}, {_called(draft, place)})"
            yield ConfigFault(path=path, text=text)
        taken.setdefault(found, place)
        preamp = draft.preamps[name]
        sockets = getattr(preamp.settings, "sockets", None) if preamp else None
        allowed = sockets() if callable(sockets) else None
        if allowed is not None and socket not in allowed:
            text = (
                f'{given}: [preamp.{name}] (kind "{preamp.kind}") has sockets {_sockets_text(allowed)}'
                if preamp
                else ""
            )
            yield ConfigFault(path=path, text=text)
        elif allowed is None and socket < 1:
            yield ConfigFault(path=path, text=f"{given}: sockets are counted from 1")


def _check_gangs(draft: Draft) -> Iterator[ConfigFault]:
    for place, channel in enumerate(draft.channels):
        if channel is not None and channel.gang and not channel.preamp:
            text = f'gang = "{channel.gang}": a gang shares its gain, and this channel has no preamp'
            yield ConfigFault(path=("channel", place, "gang"), text=text)


def _check_bindings(
    draft: Draft, path: KeyPath, bindings: tuple[BindingSection | None, ...]
) -> Iterator[ConfigFault]:
    first: dict[str, BindingSection] = {}
    for place, binding in enumerate(bindings):
        if binding is None:
            continue
        here: KeyPath = (*path, place)
        for wrong in check_binding(binding):
            yield ConfigFault(path=(*here, "control"), text=wrong)
        control = plain_control(binding.control)
        if control in first:
            both = f"{_doing(first[control])}, {_doing(binding)}"
            text = f'control "{control}" is bound twice ({both})'
            yield ConfigFault(path=(*here, "control"), text=text)
        first.setdefault(control, binding)
        for gesture in COMMAND_FIELDS:
            if getattr(binding, gesture):
                yield from _check_command(draft, (*here, gesture), gesture, getattr(binding, gesture))
        for key, channel in (("gain", binding.gain), ("nudge", binding.nudge)):
            if channel is not None:
                yield from _check_channel(
                    draft, (*here, key), f"{key} = {channel}", channel, sets_preamp=True
                )


def _check_control(
    path: KeyPath, binding: BindingSection, settings: BaseModel | None
) -> Iterator[ConfigFault]:
    """What the kind says of its controls: whether there is one of that name, and whether it can do what is bound to
    it. A kind that does not say takes every name."""
    motions_of: Callable[[str], frozenset[Motion]] | None = getattr(settings, "motions_of", None)
    if motions_of is None:
        return
    try:
        motions = motions_of(binding.control)
    except SurfaceError as error:
        yield ConfigFault(path=(*path, "control"), text=f"control {error}")
        return
    control = f'control "{plain_control(binding.control)}"'
    if binding.gain is not None and Motion.ABSOLUTE not in motions:
        text = f"gain = {binding.gain}: {control} has no place that could be a gain; bind a fader or a knob to it"
        yield ConfigFault(path=(*path, "gain"), text=text)
    sends_values = motions >= {Motion.PRESS, Motion.ABSOLUTE}  # whatever they mean
    if (
        binding.nudge is not None
        and Motion.RELATIVE not in motions
        and not (binding.encoder and sends_values)
    ):
        text = f"nudge = {binding.nudge}: {control} does not turn in steps; bind an encoder to it"
        how = (
            '; of a MIDI encoder write how it tells its turns: encoder = "..." (rigd learn)'
            if sends_values
            else ""
        )
        yield ConfigFault(path=(*path, "nudge"), text=text + how)
    for key, value in (("pressed", binding.pressed), ("released", binding.released)):
        if value is not None and not sends_values:
            text = f"{key} = {value}: {control} sends no values, it tells when it is down; leave {key} out"
            yield ConfigFault(path=(*path, key), text=text)
    if binding.encoder is not None and not sends_values:
        text = f'encoder = "{binding.encoder}": {control} tells no turns by its values; leave encoder out'
        yield ConfigFault(path=(*path, "encoder"), text=text)
    gestures = [gesture for gesture in COMMAND_FIELDS if getattr(binding, gesture)]
    if gestures and not motions & {Motion.PRESS, Motion.TRIGGER}:
        text = f"{gestures[0]} = {shown(getattr(binding, gestures[0]))}: {control} cannot be pressed"
        yield ConfigFault(path=(*path, gestures[0]), text=text)
    elif gestures and Motion.RELEASE not in motions and binding.mode == "momentary":
        text = f'{control} tells no release, so only its first press would count; write mode = "trigger"'
        yield ConfigFault(path=(*path, "control"), text=text)


def _check_allow(draft: Draft, path: KeyPath, allow: tuple[str, ...]) -> Iterator[ConfigFault]:
    for place, entry in enumerate(allow):
        here: KeyPath = (*path, place)
        given = f"allow = [{shown(entry)}]"
        try:
            permissions = read_permissions(entry)
        except CommandError as error:
            verb, known = (entry.lower().split() or [""])[0], (*COMMANDS, *GROUPS)
            is_known = verb in known
            yield ConfigFault(
                path=here,
                text=f"{given}: {error}" if is_known else f"{given} is not a command{meant(verb, known)}",
            )
            continue
        for each in permissions:
            sets_preamp = issubclass(COMMANDS[each.verb], _PREAMP_COMMANDS)
            yield from _check_channels(draft, here, given, each.channels or (), sets_preamp=sets_preamp)


def _check_role(path: KeyPath, surface: SurfaceDraft) -> Iterator[ConfigFault]:
    """What is bound or allowed and lies beyond the role would be refused each time."""
    for here, given, verb in _verbs_of(path, surface):
        scope = COMMANDS[verb].scope
        if scope not in SCOPES[surface.role]:
            wanted = " or ".join(f'"{role}"' for role in roles_for(scope))
            yield ConfigFault(
                path=here, text=f'{given}: role = "{surface.role}" may not {verb}; it wants {wanted}'
            )


def _verbs_of(path: KeyPath, surface: SurfaceDraft) -> Iterator[tuple[KeyPath, str, str]]:
    """Where each command stands that the surface is to give, how it reads there, and its verb."""
    for place, binding in enumerate(surface.bindings):
        for key in COMMAND_FIELDS if binding is not None else ():
            text = getattr(binding, key)
            with suppress(CommandError):
                if text:
                    yield (*path, "binding", place, key), f"{key} = {shown(text)}", prototype_of(text).verb
        for key in ("gain", "nudge"):
            if (channel := getattr(binding, key, None)) is not None:
                yield (*path, "binding", place, key), f"{key} = {channel}", key
    for place, entry in enumerate(surface.allow or ()):
        with suppress(CommandError):
            for each in read_permissions(entry):
                yield (*path, "allow", place), f"allow = [{shown(entry)}]", each.verb


def _doing(binding: BindingSection) -> str:
    """What a binding does, in a word or two."""
    for gesture in COMMAND_FIELDS:
        if text := getattr(binding, gesture):
            return str(text)
    if binding.gain is not None:
        return f"gain of channel {binding.gain}"
    return f"nudge of channel {binding.nudge}" if binding.nudge is not None else "nothing"


def _check_command(draft: Draft, path: KeyPath, gesture: str, text: str) -> Iterator[ConfigFault]:
    given = f"{gesture} = {shown(text)}"
    try:
        command: Command = prototype_of(text)
    except CommandError as error:
        verb = text.split(maxsplit=1)[0].lower() if text.split() else ""
        known = verb in COMMANDS
        yield ConfigFault(
            path=path,
            text=f"{given}: {error}" if known else f"{given} is not a command{meant(verb, COMMANDS)}",
        )
        return
    sets_preamp = isinstance(command, _PREAMP_COMMANDS)
    yield from _check_channels(draft, path, given, channels_named(command) or (), sets_preamp=sets_preamp)
    if isinstance(command, KeepLast) and draft.tape and draft.blackbox:
        yield from _check_keep(path, given, command.seconds, draft.tape, draft.blackbox)


def _check_keep(
    path: KeyPath, given: str, seconds: float, tape: TapeSection, blackbox: BlackBoxSection
) -> Iterator[ConfigFault]:
    longest = max(tape.keep_seconds, 60 * blackbox.minutes)
    if not 0 < seconds <= longest:
        why = f"[tape] keep_seconds = {tape.keep_seconds:g}"
        if blackbox.minutes:
            why += f" and [blackbox] minutes = {blackbox.minutes:g}"
        yield ConfigFault(
            path=path, text=f"{given} must be more than 0 and at most {longest:g} s, because {why}"
        )


def _check_channels(
    draft: Draft, path: KeyPath, given: str, channels: Iterable[int], *, sets_preamp: bool
) -> Iterator[ConfigFault]:
    for channel in channels:
        yield from _check_channel(draft, path, given, channel, sets_preamp=sets_preamp)


def _check_channel(
    draft: Draft, path: KeyPath, given: str, channel: int, *, sets_preamp: bool
) -> Iterator[ConfigFault]:
    if draft.audio is None:
        return
    if not 1 <= channel <= draft.audio.channels:
        yield ConfigFault(
            path=path,
            text=f"{given}: there is no channel {channel}; channels are 1 to {draft.audio.channels}",
        )
    elif sets_preamp and (channel > len(draft.channels) or _without_preamp(draft, channel - 1)):
        text = f"{given}: channel {channel} has no preamp that rigd can set ([[channel]] preamp)"
        yield ConfigFault(path=path, text=text)


def _without_preamp(draft: Draft, place: int) -> bool:
    channel = draft.channels[place]
    return channel is not None and not channel.preamp
