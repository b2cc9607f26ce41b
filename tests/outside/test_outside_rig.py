"""A real rig with a console, a feed and a box of preamps that are none of rigd's own: nothing in rigd is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rigd.cli.exit_codes import ExitCode
from rigd.model.state import Transport
from tests.outside.far_ends import Console, FeedClient, PreampBox
from tests.outside.installed import CONFIG, install, path_with, rigd, write_metadata
from tests.support.listens import listens
from tests.support.patience import wait_for
from tests.support.rig import RigRun

pytestmark = pytest.mark.slow


class Stage:
    """The rig, and what is plugged into it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.site = install(folder / "site")
        self.console = stack.enter_context(Console())
        self.box = stack.enter_context(PreampBox())
        self.feed_path = folder / "feed.sock"
        config = CONFIG + "".join(
            f'[[channel]]\nname = "Voice {number}"\npreamp = "box:{number}"\n' for number in range(1, 9)
        )
        config += f"""
[surface.console]
kind = "strips"
host = "127.0.0.1"
port = {self.console.port}
allow = ["gain 2", "arm", "disarm"]
[[surface.console.binding]]
control = "button 1"
press = "toggle"
debounce_ms = 0
[preamp.box]
kind = "fourbox"
host = "127.0.0.1"
port = {self.box.port}
[feed]
path = {json.dumps(str(self.feed_path))}
"""
        self.rig = stack.enter_context(RigRun(config, environment=path_with(self.site)))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path_factory.mktemp("stage"), stack)


@pytest.fixture
def feed(stage: Stage) -> Iterator[FeedClient]:
    wait_for(lambda: listens(stage.feed_path), "the feed's socket")
    with FeedClient(stage.feed_path) as client:
        client.until("snapshot")
        yield client


def test_status_shows_all_three(stage: Stage) -> None:
    def shown() -> str:
        return rigd(stage.site, "status", "--runtime-dir", str(stage.rig.runtime)).stdout

    wait_for(lambda: "surface    console: connected" in shown(), "the console", instead=shown)
    wait_for(lambda: "preamp     box: answers  FourBox 8 at 127.0.0.1" in shown(), "the box", instead=shown)
    wait_for(lambda: "surface    feed: connected" in shown(), "the feed", instead=shown)


def test_a_fader_on_the_console_turns_the_box_and_its_motor_follows_the_truth(
    stage: Stage, feed: FeedClient
) -> None:
    wait_for(lambda: stage.console.shown("display", 2) == "Voice 2 +0.0", instead=stage.console.texts)
    stage.console.fader(2, 0.5)
    wait_for(lambda: stage.box.value(2, "gain") == 30.0, "the box")
    wait_for(lambda: stage.console.shown("motor", 2) == 0.5, "the motor")
    wait_for(lambda: stage.console.shown("display", 2) == "Voice 2 +30.0", instead=stage.console.texts)
    feed.until("event", what="setting changed", subject="2")
    stage.box.turn(2, "gain", 12.0)
    wait_for(lambda: stage.console.shown("display", 2) == "Voice 2 +12.0", "a hand at the box")


def test_phantom_power_goes_by_fours_and_all_four_are_said(stage: Stage, feed: FeedClient) -> None:
    feed.say(do="phantom 6 on confirm", id=1)
    answer = feed.until("id", id=1)
    assert answer["accepted"], answer
    wait_for(lambda: stage.box.value(8, "phantom") == 1.0, "the box")

    def lit() -> list[bool]:
        return [bool(channel.phantom.value) for channel in stage.rig.client().status().state.channels[:8]]

    wait_for(lambda: lit() == [False] * 4 + [True] * 4, "sockets 5 to 8, and no other", instead=lit)


def test_the_console_arms_in_its_bank_and_records_and_the_feed_serves_each_change(
    stage: Stage, feed: FeedClient
) -> None:
    stage.console.bank(1)
    wait_for(lambda: stage.console.shown("display", 1) == "Input 17 --", instead=stage.console.texts)
    stage.console.arm(1)
    wait_for(lambda: stage.console.shown("lamp", "arm 1") == "off", "channel 17 is disarmed")
    (channel,) = feed.until("change")["change"]["items"]["channels"]
    assert (channel["number"], channel["armed"]) == (17, False)
    stage.console.press(1)
    wait_for(lambda: stage.console.shown("lamp", "recording") == "on", "a take rolls")
    assert feed.until("event", what="take started")["event"]["origin"] == "console"
    wait_for(lambda: isinstance(stage.console.shown("meter", 2), float), "levels on the console")
    feed.say(levels=True)
    assert len(feed.until("levels")["levels"]["peak_dbfs"]) == 24
    stage.console.press(1, down=False)
    stage.console.press(1)
    wait_for(lambda: stage.console.shown("lamp", "recording") == "off", "the take is closed")
    feed.until("event", what="take closed")
    (take,) = stage.rig.await_closed(1)
    assert len(list(Path(take.folder).glob("*.wav"))) == 23
    stage.console.bank(-1)


def test_what_the_config_does_not_allow_is_refused_at_the_console(stage: Stage, feed: FeedClient) -> None:
    stage.console.fader(3, 0.25)
    wait_for(lambda: stage.console.refused, "a word at the fader")
    ((control, text),) = stage.console.refused
    assert control == "fader 3" and '[surface.console] does not allow "gain 3"' in text
    assert stage.box.value(3, "gain") == 0.0
    feed.say(do="no such thing", id=8)
    refused = feed.until("id", id=8)
    assert not refused["accepted"] and '"no" is not a command' in refused["text"]


BRICK = """
from rigd.config.options import Options
from rigd.model.errors import SurfaceError
class Settings(Options):
    pass
class Brick:
    settings_model = Settings
    def __init__(self, settings, door): pass
    def start(self): raise SurfaceError("its port is taken")
    def stop(self): pass
"""


def test_a_face_that_cannot_start_is_named_and_ends_no_take(tmp_path: Path) -> None:
    (tmp_path / "outside_brick.py").write_text(BRICK)
    write_metadata(tmp_path, "outside-brick", "1.0", {"rigd.faces": {"brick": "outside_brick:Brick"}})
    with RigRun(CONFIG, environment=path_with(tmp_path)) as rig:
        rig.client().command("start")
        writer = rig.pid_of("writer")
        rig.kill_daemon()
        command = [*rig.daemon_command(), "--set", "brick={}"]
        ended = subprocess.run(
            command, env={**os.environ, **path_with(tmp_path)}, capture_output=True, text=True
        )
        assert ended.returncode == ExitCode.FAILED
        assert "[brick] cannot be started: its port is taken. What ran already was stopped" in ended.stderr
        assert rig.pid_of("writer") == writer, "nobody has told it to end"
        rig.start()
        rig.await_state(lambda state: state.transport is Transport.ROLLING, "the take goes on")
        os.kill(rig.daemon.pid, signal.SIGTERM)
        rig.daemon.wait()
