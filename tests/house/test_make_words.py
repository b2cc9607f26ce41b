"""What `make` would do for a person who types a word of README: nothing is made here (`make -n`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def would_do(*words: str, folder: Path = ROOT) -> str:
    plain = {name: value for name, value in os.environ.items() if name != "CONFIG"}
    return subprocess.run(
        ["make", "-n", *words], cwd=folder, env=plain, capture_output=True, text=True, check=True
    ).stdout


def test_without_a_config_of_yours_make_run_takes_what_rigd_finds() -> None:
    """And `make install` the one to begin with, in whatever way none is given."""
    assert re.search(r"/rigd run *$", would_do("run"), re.M)
    assert "/rigd run --config 'my own.toml'" in would_do("run", "CONFIG=my own.toml")
    assert 'CONFIG=""' in would_do("install") and 'CONFIG="my.toml"' in would_do("install", "CONFIG=my.toml")


def test_what_is_installed_is_not_fetched_again(tmp_path: Path) -> None:
    """The second `make demo` asks no network, also on a path with a blank; what changed is installed."""
    folder = tmp_path / "a checkout"
    (folder / "rigd" / "tape").mkdir(parents=True)
    (folder / ".venv").mkdir()
    for name in ("Makefile", "pyproject.toml", "rigd/tape/core_build.py"):
        shutil.copy(ROOT / name, folder / name)
    assert "pip install" in would_do("demo", folder=folder)
    for place, name in enumerate(
        ("pyproject.toml", "rigd/tape/core_build.py", ".venv/pyvenv.cfg", ".venv/.rigd")
    ):
        (folder / name).touch()
        os.utime(folder / name, (1_000_000 + place, 1_000_000 + place))
    assert "pip install" not in would_do("demo", folder=folder) + would_do("run", folder=folder)
    os.utime(folder / "pyproject.toml", (2_000_000, 2_000_000))
    assert "pip install" in would_do("run", folder=folder)
