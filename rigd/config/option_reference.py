"""docs/config.md: every option with default, unit, range and meaning, from the models themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from pydantic import BaseModel

from rigd.config.faults import shown
from rigd.config.options import range_of, unit_of
from rigd.config.sections import (
    PLAIN_SECTIONS,
    BindingSection,
    ChannelSection,
    PreampSection,
    SurfaceSection,
)

_OPENING = """# The config

One TOML file, read once at start. `rigd check FILE` tells every mistake at once, with its line. An option
that rigd does not know is a mistake. `--set audio.channels=64` wins over the file, and may be given more than
once; `--set channel.3.name=Snare` means the third channel. Examples are in `configs/`.

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
) -> str:
    """The whole of docs/config.md; the mappings hold the settings model of each kind by name."""
    parts = [_OPENING]
    for name, model in PLAIN_SECTIONS.items():
        parts.append(_section(f"[{name}]", model))
        if name == "audio":
            parts += [_section(f"[audio.{driver}]", drivers[driver]) for driver in sorted(drivers)]
    parts.append(_section("[[channel]]", ChannelSection))
    parts.append(_section("[preamp.NAME]", PreampSection))
    parts += [_section(f'[preamp.NAME] of kind "{kind}"', preamps[kind]) for kind in sorted(preamps)]
    parts.append(_section("[surface.NAME]", SurfaceSection))
    parts += [_section(f'[surface.NAME] of kind "{kind}"', surfaces[kind]) for kind in sorted(surfaces)]
    parts.append(_section("[[surface.NAME.binding]]", BindingSection))
    return "\n".join(parts)


def _section(title: str, model: type[BaseModel]) -> str:
    lines = [f"## {title}", "", (model.__doc__ or "").strip(), ""]
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
