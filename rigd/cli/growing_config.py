"""A config on its way, while a person answers questions; and where takes and a config can be put on this machine.

Whatever a person types, nothing comes out but ValueError and ConfigError, each with a sentence. Main thread.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rigd.cli.asking import Asking
from rigd.cli.doctor import nearest
from rigd.cli.terminal import out
from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.doctor.service import unseen_by_units
from rigd.model.errors import ConfigError


class GrowingConfig:
    """The text so far, who is asked, and what is still missing."""

    def __init__(self, text: str, asking: Asking, *, of_service: bool) -> None:
        self.text = text
        self.ask = asking
        self.of_service = of_service
        self.is_silent = False
        """Nothing brings sound yet, so no levels can be shown."""
        self.missing: list[str] = []
        self._told: set[str] = set()

    def read(self) -> RigConfig:
        """What the text says. Raises ConfigError."""
        return checked(self.text)

    def take(self, text: str) -> None:
        """This is the text now. Raises ConfigError with the first fault where it would be wrong: whoever asks can ask
        once more then, where at the end it would cost all the other answers."""
        try:
            checked(text)
        except ConfigError as error:
            raise ConfigError(str(error).split("\n")[0]) from error
        self.text = text

    def tell_once(self, troubles: Iterable[str]) -> None:
        """Why something may be missing here; a kind that two questions ask says it to both."""
        for trouble in troubles:
            if trouble not in self._told:
                out.print(f"  {trouble}", style="yellow")
            self._told.add(trouble)

    def why_no_takes_in(self, folder: Path) -> str:
        """Empty where takes can be written there."""
        if not folder.is_absolute():
            return f"{folder} depends on where rigd is started; name the whole path, or begin with ~/"
        if self.of_service and (why := unseen_by_units([folder])):
            return why
        return why_not_writable(folder)


def checked(text: str) -> RigConfig:
    """What a config of this text says. Raises ConfigError, with the faults and no place: the text has none yet."""
    with tempfile.TemporaryDirectory(prefix="rigd-init-") as folder:
        path = Path(folder) / "rig.toml"
        path.write_text(text, encoding="utf-8")
        try:
            return load_config(path)
        except ConfigError as error:
            place = rf"^{re.escape(str(path))}:(?:\d+:)? "
            raise ConfigError(re.sub(place, "", str(error), flags=re.MULTILINE)) from error


def why_not_writable(folder: Path) -> str:
    """Empty where this user can write there, or make it."""
    place = nearest(folder)
    if not place.is_dir():
        return f"{place} is no folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} may not be written by this user"
