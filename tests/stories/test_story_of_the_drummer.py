"""The drummer: a wheel, some answers, one pedal, and the take is listened to. From an empty home on a path with
spaces, without a network; the sound and the pedal come by a real JACK server."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.built_wheels import build, clone_to, installed
from tests.support.capture_run import runtime_folder
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer
from tests.support.person import Person
from tests.support.tools import need_tool
from tests.surfaces.pedal_process import PedalProcess

pytestmark = [pytest.mark.slow, pytest.mark.jack, pytest.mark.timeout(300)]
PLAYER = """
</usr/share/alsa/alsa.conf>
pcm.!default {{ type file slave.pcm "null" file "{file}" format raw hint {{ show on description "a file" }} }}
"""
PREROLL_S = 2.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home of a drummer"
    home.mkdir()
    return home


@pytest.fixture
def rigd(home: Path) -> Path:
    """`pip install` of the wheel, in the home."""
    need_tool("git")
    need_tool("gcc")
    parts = home.parent / "a download"
    parts.mkdir()
    return installed(build("build_wheel", clone_to(parts), parts / "wheel"), home)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JackServer]:
    with JackServer(channels=2) as server:
        for name, value in server.jack_environment.items():
            monkeypatch.setenv(name, value)  # for the pedal
        yield server


def test_from_a_wheel_to_a_take_that_was_listened_to_by_answers_and_one_pedal(
    home: Path, rigd: Path, server: JackServer
) -> None:
    with runtime_folder() as runtime, CounterPlayer(server, channels=3), PedalProcess() as pedal:
        own = {
            **server.jack_environment,
            "RIGD_RUNTIME_DIR": str(runtime),
        }

        with Person([str(rigd), "init"], home=home, **own) as drummer:
            drummer.answers("What is this rig called", "The Attic")
            drummer.answers("Takes go to [", "~/My Takes")
            drummer.answers("Which one records", "")
            drummer.answers("How many of its inputs", "")
            drummer.answers("  1 #", "")  # the levels move until then
            drummer.answers("input 1", "Kick, Snare, Hat")
            drummer.answers("Is one of them a pedal", "")
            drummer.sees("press the switch shortly, once")
            pedal.tap()
            drummer.sees('tap = "toggle"')
            drummer.answers("The network address of a desk", "")
            assert drummer.ended() == 0, drummer.shown
            assert "Start it: rigd run\r\n" in drummer.shown, "it is found without a word"
        config = tomllib.loads((home / ".config" / "rigd" / "rig.toml").read_text("utf-8"))
        assert [each["name"] for each in config["channel"]] == ["Kick", "Snare", "Hat"]

        with Person([str(rigd), "run"], home=home, **own) as drummer:
            drummer.sees(" READY ")
            drummer.sees("▪ pedal")
            pedal.tap()
            drummer.sees("● REC ")
            drummer.sees("00:00:03")
            pedal.tap()
            drummer.sees("every byte of it is safe")
            _listen_and_find(rigd, home, own)
            drummer.types("\x03")
            assert drummer.ended() == 0, drummer.shown


def _listen_and_find(rigd: Path, home: Path, own: dict[str, str]) -> None:
    """In another terminal, while the rig runs on. The machine's own output is a file, so that it can be read."""
    with Person([str(rigd), "takes"], home=home, **own) as drummer:
        assert drummer.ended() == 0 and re.search(r"001 +00:00:0", drummer.shown), drummer.shown
    with Person([str(rigd), "takes", "show"], home=home, **own, COLUMNS="400") as drummer:
        assert drummer.ended() == 0, drummer.shown
    (folder,) = {path.parent for path in (home / "My Takes").glob("*/*/Take 001/*.wav")}
    assert str(folder) in drummer.shown.replace("\r\n", ""), drummer.shown
    with Person([str(rigd), "takes", "path"], home=home, **own, COLUMNS="400") as drummer:
        assert drummer.ended() == 0 and drummer.shown.strip() == str(folder), drummer.shown
    files = sorted(folder.glob("*.wav"))
    assert [path.name for path in files] == ["01 Kick.wav", "02 Snare.wav", "03 Hat.wav"]
    kick = soundfile.read(files[0], dtype="float32")[0]
    assert len(kick) > (PREROLL_S + 0.5) * 48_000, "the seconds from before the foot are on it"
    steps = np.diff(np.rint(kick.astype(np.float64) * (1 << 23)).astype(np.int64)) % (1 << 23)
    assert set(steps.tolist()) == {1}, "not a frame of it is lost or doubled"
    loudspeaker = home / "what the loudspeaker plays"
    player = Path(own["RIGD_RUNTIME_DIR"]) / "asound.conf"  # ALSA takes a blank in its path for the next path
    player.write_text(PLAYER.format(file=loudspeaker), "utf-8")
    own = {**own, "ALSA_CONFIG_PATH": str(player)}
    with Person([str(rigd), "takes", "play", "--channel", "Kick"], home=home, **own) as drummer:
        drummer.sees("Kick, on ")
        assert drummer.ended() == 0, drummer.shown
    played = np.fromfile(loudspeaker, np.float32)
    sides = played[: len(played) // 2 * 2].reshape(-1, 2)[: len(kick)]
    assert np.array_equal(sides[:, 0], kick) and np.array_equal(sides[:, 1], kick)
