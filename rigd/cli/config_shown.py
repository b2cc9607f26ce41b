"""`rigd config`: which config is the one, and what it says that differs from the defaults. Main thread."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from rigd.cli.form import Command
from rigd.cli.terminal import AS_JSON, config_option, errors_told, out, print_json
from rigd.config.differences import differences, in_words
from rigd.config.kinds import AUDIO_DRIVERS, Kinds, SettingsModels
from rigd.config.load import config_text, load_config
from rigd.config.place import find_config

TABLES = ("channel", "preamp", "surface")
"""What a rig has of each is its own; there is no default to differ from."""


def config(config: Path | None, as_json: bool) -> None:
    with errors_told():
        place = find_config(config, os.environ)
        load_config(place.path)
        document = tomllib.loads(config_text(place.path))
    differing = dict(differences(document, SettingsModels(Kinds(AUDIO_DRIVERS))))
    if as_json:
        plain = {name: {"value": value, "default": default} for name, (value, default) in differing.items()}
        counts = {name: len(document.get(name, ())) for name in TABLES}
        print_json({"path": str(place.path.absolute()), "by": place.by, "differs": plain, **counts})
        return
    out.print((str(place.path.absolute()), "bold"), f" ({place.by})")
    for name, (value, default) in differing.items():
        out.print(f"  {name} = {in_words(value)}", (f"   default {in_words(default)}", "dim"))
    for name in TABLES:
        if table := document.get(name):
            names = ", ".join(table) if isinstance(table, dict) else f"{len(table)} with names"
            out.print(f"  {name}s: {names}")


CONFIG = Command(
    name="config",
    run=config,
    about="Which config is meant, and what it says that differs from the defaults.",
    parts=(config_option("Another one than the one that rigd finds."), AS_JSON),
)
