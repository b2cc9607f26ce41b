"""docs/config.md: every option with default, unit, range and meaning, from the models themselves. Pure."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping

from msgspec import Struct
from pydantic import BaseModel

from rigd.config.faults import shown
from rigd.config.options import range_of, unit_of
from rigd.config.sections import (
    PLAIN_SECTIONS,
    BindingSection,
    ChannelSection,
    FaceSection,
    PreampSection,
    SurfaceSection,
)
from rigd.config.taken_up import WHEN
from rigd.hands.showing import CHANNEL_LAMPS, HALF_BLINK_NS, LAMPS, LampWord
from rigd.model.state import Transport

_OPENING = """# The config

One TOML file, read at the start and by `rigd reload`. `rigd check FILE` tells every mistake at once, with its line.
An option that rigd does not know is a mistake. `--set audio.channels=64` wins over the file, and may be given more
than once; `--set channel.3.name=Snare` means the third channel. Examples are in `configs/`.

This page is made from the program itself (`rigd.config.option_reference`).
"""


class OptionRow(Struct, frozen=True, kw_only=True):
    """One option as the table shows it."""

    section: str
    key: str
    default: str
    unit: str
    range: str
    meaning: str


def describe(section: str, model: type[BaseModel]) -> Iterator[OptionRow]:
    """A row for each option of a section."""
    for key, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        yield OptionRow(
            section=section,
            key=key,
            default="needed" if field.is_required() else _shown_default(default),
            unit=unit_of(field),
            range=range_of(field),
            meaning=field.description or "",
        )


def config_page(
    *,
    drivers: Mapping[str, type[BaseModel]],
    preamps: Mapping[str, type[BaseModel]],
    surfaces: Mapping[str, type[BaseModel]],
    faces: Mapping[str, type[BaseModel]],
) -> str:
    """The whole of docs/config.md; the mappings hold the settings model of each kind by name."""
    parts = [_OPENING]
    for name, model in PLAIN_SECTIONS.items():
        parts.append(_section(f"[{name}]", model))
        if name == "audio":
            parts += [_section(f"[audio.{driver}]", drivers[driver]) for driver in sorted(drivers)]
    parts.append(_section("[NAME] of a face", FaceSection))
    parts += [_section(f"[{face}]", faces[face]) for face in sorted(faces)]
    parts.append(_section("[[channel]]", ChannelSection))
    parts.append(_section("[preamp.NAME]", PreampSection))
    parts += [_section(f'[preamp.NAME] of kind "{kind}"', preamps[kind]) for kind in sorted(preamps)]
    parts.append(_section("[surface.NAME]", SurfaceSection))
    for kind in sorted(surfaces):
        parts.append(_section(f'[surface.NAME] of kind "{kind}"', surfaces[kind]))
        for key, inner in tables_in(surfaces[kind]):
            parts.append(_section(f'[[surface.NAME.{key}]] of kind "{kind}"', inner))
    parts.append(_section("[[surface.NAME.binding]]", BindingSection))
    parts.append(_lamps())
    parts.append(_what_waits())
    return "\n".join(parts)


def tables_in(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The options that are lists of tables, each with the model of a table."""
    for key, field in model.model_fields.items():
        for inner in typing.get_args(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield key, inner


def _what_waits() -> str:
    """From the table that `rigd reload` goes by."""
    lines = [
        "## Read again",
        "",
        "`rigd reload` takes up every option at once, also while a take rolls, but these, which wait for a restart "
        "of rigd. `preroll_seconds` waits, too, where the tape has no room for it, and `sample` where there is a "
        "black box.",
        "",
        "| option | because |",
        "|---|---|",
    ]
    lines += [f"| `{option}` | {why} |" for option, why in WHEN.items() if why]
    return "\n".join(lines) + "\n"


def _lamps() -> str:
    """What each lamp word shows in each state, from the list that every surface reads."""
    lines = [
        "## Lamps",
        "",
        "What a lamp shows is the same on every kind of surface. A light in a state's column is always that; "
        f"\\* is as its meaning says. A lamp that blinks is lit for {HALF_BLINK_NS / 1e9:g} s and dark for as long.",
        "",
        "| lamp | " + " | ".join(state.value for state in Transport) + " | meaning |",
        "|---|" + "---|" * (len(Transport) + 1),
    ]
    for word, lamp in LAMPS.items():
        lines.append(f"| `{word}` | " + " | ".join(_lights(lamp)) + f" | {_cell(lamp.meaning)} |")
    for word, of_channel in CHANNEL_LAMPS.items():
        lines.append(f"| `{word} CHANNEL` |" + r" \* |" * len(Transport) + f" {_cell(of_channel.meaning)} |")
    return "\n".join([*lines, ""])


def _lights(lamp: LampWord) -> Iterator[str]:
    only_named = lamp.otherwise is None and bool(lamp.in_state)
    for state in Transport:
        named = lamp.in_state.get(state)
        yield named.value if named is not None else "off" if only_named else r"\*"


def _section(title: str, model: type[BaseModel]) -> str:
    lines = [f"## {title}", "", " ".join((model.__doc__ or "").split()), ""]
    rows = list(describe(title, model))
    if rows:
        lines += ["| option | default | unit | allowed | meaning |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (f"`{row.key}`", row.default, row.unit, row.range, row.meaning)
        lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _shown_default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(shown(entry) for entry in value)}]`" if value else "`[]`"
    if isinstance(value, Mapping):
        return "`{}`"
    return f"`{shown(value)}`"
