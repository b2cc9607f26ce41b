"""What a service manager is told, and asked, when the config of a service is read again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.patience import wait_for
from tests.support.supervised_rig import SupervisedRig

HOUSE = Path(__file__).resolve().parents[2]
CONFIG = """
[audio]
driver = "simulated"
channels = 2
[tape]
stall_seconds = 5
keep_seconds = 5
"""


def test_every_unit_that_runs_the_daemon_has_it_reload() -> None:
    """As somebody who is let in: with the same program, and where it runs."""
    pages = [*HOUSE.glob("systemd/*.service"), HOUSE / "docs" / "living-with-it.md"]
    found = {}
    for page in pages:
        text = page.read_text("utf-8")
        if started := re.search(r"^ *ExecStart=(\S+) run\b", text, re.M):
            asked = re.search(r"^ *ExecReload=(\S+) reload\b.*$", text, re.M)
            assert asked is not None and asked[1] == started[1], page
            found[page.name] = asked[0]
    assert set(found) == {"rigd.service", "living-with-it.md"}
    assert found["rigd.service"].endswith(" --runtime-dir /run/rigd")


@pytest.mark.slow
def test_the_service_manager_is_told_when_it_begins_and_when_it_is_over() -> None:
    with SupervisedRig(CONFIG) as rig:
        unit = rig.units["rigd"]
        assert unit.states == ["READY"]
        for count in (1, 2):
            rig.say("reload")
            rig.await_state(
                lambda state, count=count: state.config is not None and state.config.reads == count,  # type: ignore[misc]
                "the config was read again",
            )
            said = ["READY", *["RELOADING", "READY"] * count]
            wait_for(lambda said=said: unit.states == said, "it is ready again")  # type: ignore[misc]
        wait_for(lambda: unit.statuses[-1].startswith("ready for"), "and its status is the rig's")
        assert unit.starts == 1
