"""A config with kinds of somebody else is read again: one that breaks as it is made changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rigd.cli.exit_codes import ExitCode
from rigd.model.state import RigState, Transport
from tests.outside.far_ends import FeedClient
from tests.outside.installed import CONFIG, install, path_with, rigd, write_metadata
from tests.support.patience import wait_for
from tests.support.rig import RigRun

pytestmark = pytest.mark.slow
FRAGILE = """
from rigd.config.options import Options, option
from rigd.model.errors import SurfaceError
class Settings(Options):
    breaks: str = option("", "When")
class Fragile:
    settings_model = Settings
    def __init__(self, settings, door):
        self.breaks = settings.breaks
        if self.breaks == "made":
            raise RuntimeError("no memory for it")
    def start(self):
        if self.breaks == "started":
            raise SurfaceError("its port is taken")
    def stop(self):
        if self.breaks == "stopped":
            raise RuntimeError("it does not let go")
"""


def seen_by(state: RigState) -> list[str]:
    return [surface.name for surface in state.surfaces]


def test_kinds_of_somebody_else_are_exchanged_whole_or_not_at_all(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    (site / "outside_fragile.py").write_text(FRAGILE)
    write_metadata(site, "outside-fragile", "1.0", {"rigd.faces": {"fragile": "outside_fragile:Fragile"}})
    config = tmp_path / "rig.toml"

    def say(name: str, *, feed: str = "", breaks: str = "") -> None:
        text = f'{CONFIG}[[channel]]\nname = "{name}"\n'
        text += f"[feed]\npath = {json.dumps(str(tmp_path / feed))}\n" if feed else ""
        config.write_text(text + (f'[fragile]\nbreaks = "{breaks}"\n' if breaks else ""), "utf-8")

    def reload() -> tuple[int, str]:
        done = rigd(site, "reload", "--runtime-dir", str(rig.runtime))
        return done.returncode, done.stdout + done.stderr

    say("Voice", feed="one")
    with RigRun("", config_file=config, environment=path_with(site)) as rig:
        rig.say("start")
        wait_for((tmp_path / "one").exists, "the feed's socket")
        with FeedClient(tmp_path / "one") as feed:
            feed.until("snapshot")
            say("Choir", feed="two", breaks="made")
            code, said = reload()
            assert code == ExitCode.CONFIG and 'kind "fragile" cannot be made: no memory for it' in said
            assert rig.state().channels[0].name == "Voice" and seen_by(rig.state()) == ["feed"]
            assert not (tmp_path / "two").exists()
            feed.until("event", what="config refused")

            say("Choir", feed="one", breaks="started")
            code, said = reload()
            assert code == ExitCode.FAILED
            assert "trouble    [fragile] cannot be started: its port is taken" in said
            feed.until("event", what="config read")
        assert rig.state().channels[0].name == "Choir"

        say("Choir", feed="two", breaks="stopped")
        code, said = reload()
        assert code == ExitCode.DONE and "taken up   [feed] path" in said
        wait_for((tmp_path / "two").exists, "the feed is elsewhere")
        with FeedClient(tmp_path / "two") as feed:
            feed.until("snapshot")
        rig.await_state(
            lambda state: (
                {each.name: each.connected for each in state.surfaces} == {"feed": True, "fragile": False}
            ),
            "both faces",
        )
        say("Choir")
        code, said = reload()
        assert code == ExitCode.DONE, "what does not stop keeps nobody"
        assert said.splitlines() == ["taken up   [feed] is gone", "taken up   [fragile] is gone"]
        assert seen_by(rig.state()) == []
        state = rig.state()
        assert state.transport is Transport.ROLLING and state.take is not None and not state.take.gaps
