"""Writes into a config what a person chose, and leaves all else in it as it is: comments, order, blank lines. Pure.

By tomlkit, which keeps the text of a file; a config that a person has written is theirs (docs/decisions/0046).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError

from rigd.model.errors import ConfigError
from rigd.model.plain_text import toml_inside

_HEADER = """\
# The config of this rig. `rigd check` says what is wrong with it, `rigd config` what differs from the defaults, and
# docs/config.md has every option. `rigd init` changes one thing at a time and leaves the rest as it is.

[rig]
name = "{name}"
library = "{library}"  # the folder of all sessions

[take]
preroll_seconds = 2  # a take begins so long before the press
"""


class NamedInput(Struct, frozen=True, kw_only=True):
    """What a person says of an input."""

    name: str
    armed: bool = True
    preamp: str = ""
    """"desk:1"; empty: what stands there stays."""


def new_config(*, name: str, library: str) -> str:
    """The text of a first config, with nothing of this machine in it yet."""
    return _HEADER.format(name=toml_inside(name), library=toml_inside(library))


def with_lines(text: str, lines: str) -> str:
    """The config with the sections of `lines`, as `rigd devices` and `rigd learn` print them.

    Of a section that is there already only the keys that `lines` has are changed; [surface.NAME] and [preamp.NAME]
    are replaced whole, because what is left of another kind of device would be wrong. Raises ConfigError.
    """
    document, new = _parsed(text), _parsed(lines)
    appended = lines
    for section in ("surface", "preamp"):
        for name in new.get(section, {}):
            if name in document.get(section, {}):
                del document[section][name]
                if not document[section]:
                    del document[section]
    for section, table in new.items():
        if section in ("surface", "preamp") or section not in document:
            continue
        for key, value in table.items():
            document[section][key] = value
        appended = _without(appended, section)
    whole = tomlkit.dumps(document)
    return _joined(whole, appended) if appended.strip() else whole


def with_inputs(text: str, inputs: Sequence[NamedInput]) -> str:
    """The config with these names for its inputs, from the first on; what else it says of each stays."""
    document = _parsed(text)
    here = document.get("channel", [])
    more: list[str] = []
    for place, each in enumerate(inputs):
        if place < len(here):
            table = here[place]
            table["name"] = each.name
            if each.preamp:
                table["preamp"] = each.preamp
            if each.armed:
                table.pop("armed", None)
            else:
                table["armed"] = False
            continue
        lines = ["[[channel]]", f'name = "{toml_inside(each.name)}"']
        lines += [f'preamp = "{toml_inside(each.preamp)}"'] if each.preamp else []
        lines += [] if each.armed else ["armed = false"]
        more.append("\n".join(lines) + "\n")
    whole = tomlkit.dumps(document)
    return _joined(whole, "\n".join(more)) if more else whole


def with_value(text: str, section: str, key: str, value: str | int | float | bool) -> str:
    """The config with this one option set."""
    document = _parsed(text)
    if section not in document:
        return _joined(tomlkit.dumps(document), f"[{section}]\n{key} = {tomlkit.item(value).as_string()}\n")
    document[section][key] = value
    return tomlkit.dumps(document)


def _parsed(text: str) -> Any:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"not TOML: {error}") from error


def _joined(text: str, more: str) -> str:
    return text.rstrip("\n") + "\n\n" + more.strip("\n") + "\n"


def _without(lines: str, section: str) -> str:
    """The lines but for those of [section], and of the comments above it."""
    document = _parsed(lines)
    del document[section]
    rest = tomlkit.dumps(document)
    return rest if any(True for _ in document) else ""
