"""`rigd units` and what `rigd check` says of surfaces, as a person reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.by_hand import by_hand

CONFIG = """
[rig]
library = "{library}"

[audio]
driver = "simulated"
channels = 2

[surface.box]
kind = "serial"
port = "/dev/ttyS4"
{allow}

[[surface.box.binding]]
control = "button 1"
tap = "mark"
"""


def run(*words: str) -> list[str]:
    done = by_hand(*words)
    assert done.code == 0, done.output
    return done.output.splitlines()


def config_in(folder: Path, allow: str = "") -> str:
    path = folder / "rig.toml"
    path.write_text(CONFIG.format(library=folder / "takes", allow=allow), "utf-8")
    return str(path)


def test_a_drop_in_is_shown_line_by_line_as_it_would_be_written(tmp_path: Path) -> None:
    shown = run("units", "--show", "--config", config_in(tmp_path))
    assert "# rigd.service" in shown and "[Service]" in shown and "DeviceAllow=/dev/ttyS4 rw" in shown


@pytest.mark.parametrize(
    ("allow", "may"),
    [("", "mark"), ('allow = ["circle", "lock"]', "circle, lock"), ("allow = []", "nothing")],
)
def test_check_says_what_each_box_may_name(tmp_path: Path, allow: str, may: str) -> None:
    assert f'"box" may name by itself: {may}' in run("check", config_in(tmp_path, allow))


def test_check_says_what_each_is_here_for_that_is_no_owner(tmp_path: Path) -> None:
    config = config_in(tmp_path, 'role = "player"\nallow = ["take"]')
    shown = run("check", config)
    assert '"box" is here as player' in shown
    assert '"box" may name by itself: start, stop, toggle, next' in shown
    shown = run("check", config, "--set", "control.group_role=watcher")
    assert "members of the service's group are here as watcher" in shown
