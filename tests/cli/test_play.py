"""Listening to a take, and to the inputs: what comes out is compared sample by sample, on ALSA's file device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rigd.cli.exit_codes import ExitCode
from rigd.cli.sound_out import Output, Sound, file_blocks, gains_of, leads_to_recorder, mixed
from rigd.wire.sound_cards import CaptureDevice, Card
from tests.support.by_hand import by_hand
from tests.support.patience import wait_for
from tests.support.rig import RigRun

CONFIG = """
[audio]
driver = "simulated"
channels = 3
[audio.simulated]
signal = "counter"
[tape]
stall_seconds = 2
keep_seconds = 2
[take]
preroll_seconds = 0
[[channel]]
name = "Vocal"
[[channel]]
name = "OH L"
[[channel]]
name = "OH R"
"""
ALSA = """
</usr/share/alsa/alsa.conf>
pcm.!default {{ type file slave.pcm "null" file "{file}" format raw hint {{ show on description "a file" }} }}
pcm.headphones {{ type file slave.pcm "null" file "{file}" format raw hint {{ show on description "a file" }} }}
"""
SCARLETT = "Scarlett 18i20 USB: USB Audio (hw:2,0), ALSA"
CHOSEN = """
import sys
from pathlib import Path
from rigd.cli.sound_out import NoOutput, output_device
try:
    print(output_device(sys.argv[2], recording=sys.argv[3], root=Path(sys.argv[1]))[1])
except NoOutput as error:
    print(error)
"""


@pytest.fixture(scope="module")
def rig() -> Iterator[RigRun]:
    with RigRun(CONFIG) as rig:
        rig.client().command("start")
        wait_for(
            lambda: rig.state().take is not None and rig.state().take.written_frames > 20_000, "some sound"
        )
        rig.client().command("stop")
        rig.client().wait_closed()
        yield rig


def obeys_ctrl_c() -> None:
    """Also where whoever runs the tests ignores it, as a shell does for what is in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def only_the_file(folder: Path) -> dict[str, str]:
    """The environment of a machine whose only outputs are the file."""
    config = folder / "asound.conf"
    config.write_text(ALSA.format(file=folder / "out.raw"), "utf-8")
    return {**os.environ, "ALSA_CONFIG_PATH": str(config), "JACK_NO_START_SERVER": "1"}


def played_by(folder: Path, rig: RigRun, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rigd", *words],
        env={**only_the_file(folder), "RIGD_RUNTIME_DIR": str(rig.runtime)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obeys_ctrl_c,
    )


def heard(folder: Path) -> np.ndarray:
    sound: np.ndarray = np.fromfile(folder / "out.raw", np.float32)
    return sound[: len(sound) // 2 * 2].reshape(-1, 2)


def channels_of(rig: RigRun) -> list[np.ndarray]:
    take = rig.client().take()
    return [soundfile.read(Path(take.folder) / file.name, dtype="float32")[0] for file in take.files]


def test_one_channel_is_what_the_file_has(rig: RigRun, tmp_path: Path) -> None:
    playing = played_by(tmp_path, rig, "takes", "play", "--channel", "vocal")
    said, wrong = playing.communicate(timeout=60)
    assert playing.returncode == ExitCode.DONE, wrong
    assert "Vocal" in said and "Ctrl-C ends it" in said
    expected = channels_of(rig)[0]
    out = heard(tmp_path)[: len(expected)]
    assert np.array_equal(out[:, 0], expected) and np.array_equal(out[:, 1], expected)


def test_all_of_them_are_summed_each_on_its_side(rig: RigRun, tmp_path: Path) -> None:
    playing = played_by(tmp_path, rig, "takes", "play", "1", "--from", "0.1")
    _, wrong = playing.communicate(timeout=60)
    assert playing.returncode == ExitCode.DONE, wrong
    vocal, left, right = (channel[4800:] for channel in channels_of(rig))
    out = heard(tmp_path)[: len(vocal)]
    middle = vocal / np.sqrt(np.float32(6))
    assert np.allclose(out[:, 0], middle + left / np.sqrt(3), atol=1e-6)
    assert np.allclose(out[:, 1], middle + right / np.sqrt(3), atol=1e-6)


def test_what_is_heard_now_and_ctrl_c_ends_it(rig: RigRun, tmp_path: Path) -> None:
    """The counter goes on by one from frame to frame: no frame doubled or left out between blocks."""
    listening = played_by(tmp_path, rig, "listen", "--channel", "1")
    wait_for(
        lambda: (tmp_path / "out.raw").exists() and len(heard(tmp_path)) > 24_000, "half a second of sound"
    )
    listening.send_signal(signal.SIGINT)
    listening.communicate(timeout=60)
    assert listening.returncode == ExitCode.DONE
    codes = np.rint(heard(tmp_path)[:24_000, 0].astype(np.float64) * (1 << 23)).astype(np.int64)
    steps = np.diff(codes) % (1 << 23)
    assert set(steps.tolist()) == {1}


def test_what_cannot_be_played_says_where_the_files_are(rig: RigRun, tmp_path: Path) -> None:
    playing = played_by(tmp_path, rig, "takes", "play", "--device", "No Such Output")
    _, wrong = playing.communicate(timeout=60)
    assert playing.returncode == ExitCode.FAILED
    assert "fits no output" in wrong and rig.client().take().folder in wrong


def test_a_channel_that_is_none(rig: RigRun, tmp_path: Path) -> None:
    playing = played_by(tmp_path, rig, "takes", "play", "--channel", "OH")
    _, wrong = playing.communicate(timeout=60)
    assert playing.returncode == ExitCode.REFUSED
    assert '2 "OH L", 3 "OH R"' in wrong


def machine_with(root: Path, **cards: str) -> Path:
    """As /proc/asound tells them: by id, "p" for a playback device, "c" for one that is free, "r" for one that rigd
    records from. The first is card 2."""
    folder = root / "proc/asound"
    folder.mkdir(parents=True)
    numbered = list(enumerate(cards.items(), start=2))
    (folder / "cards").write_text(
        "".join(f" {n} [{name:<15}]: USB-Audio - {name}\n" for n, (name, _) in numbered)
    )
    for number, (_, kinds) in numbered:
        for kind in kinds:
            pcm = folder / f"card{number}/pcm0{'p' if kind == 'p' else 'c'}"
            (pcm / "sub0").mkdir(parents=True)
            (pcm / "sub0/status").write_text("owner_pid   : 4711\n" if kind == "r" else "closed\n")
    (root / "proc/4711").mkdir(parents=True)
    (root / "proc/4711/comm").write_text("rigd-capture\n")
    return root


def chosen(root: Path, wanted: str, recording: str) -> str:
    """By the real PortAudio."""
    command = [sys.executable, "-c", CHOSEN, str(root), wanted, recording]
    done = subprocess.run(command, env=only_the_file(root), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_default_that_can_only_lead_to_the_interface_that_records_is_refused(tmp_path: Path) -> None:
    one_card = machine_with(tmp_path / "one", Scarlett="pc", Webcam="c")
    for wanted in ("", "headphones"):
        said = chosen(one_card, wanted, SCARLETT)
        assert f'"{wanted or "default"}" leads to the interface that records' in said
        assert "Nothing was played" in said and said.endswith("Other outputs (--device): none")
    assert "leads to the interface" in chosen(
        machine_with(tmp_path / "ours", Box="pr"), "", "its old name, ALSA"
    )


@pytest.mark.parametrize(
    ("cards", "recording"),
    [
        ({"Scarlett": "pc", "HDMI": "p"}, SCARLETT),
        ({"Scarlett": "c", "PCH": "pc"}, SCARLETT),
        ({"PCH": "pc"}, "Simulated interface, hardware_sim"),
        ({}, SCARLETT),
    ],
)
def test_a_default_that_another_card_or_a_server_may_have_is_taken(
    tmp_path: Path, cards: dict[str, str], recording: str
) -> None:
    assert chosen(machine_with(tmp_path, **cards), "", recording) == "default"


def test_a_name_that_fits_two_outputs_is_not_guessed(tmp_path: Path) -> None:
    said = chosen(machine_with(tmp_path), "e", SCARLETT)
    assert said.startswith('"e" fits 2 outputs; there is: ') and '"headphones"' in said


@pytest.mark.parametrize(
    ("output", "recording", "leads"),
    [
        ("ALSA Scarlett 18i20 USB: USB Audio (hw:2,0)", SCARLETT, True),
        ("ALSA Scarlett 18i20 USB: USB Audio #1 (hw:2,1)", SCARLETT, True),
        ("ALSA Scarlett 18i20 USB: USB Audio (hw:3,0)", SCARLETT, False),
        ("JACK system", "system, JACK Audio Connection Kit", True),
        ("JACK mixer", "system, JACK Audio Connection Kit", False),
        ("ALSA anything (hw:3,0)", "system, JACK Audio Connection Kit", True),
        ("ALSA anything (hw:2,0)", "system, JACK Audio Connection Kit", False),
    ],
)
def test_a_card_is_known_by_its_number_and_that_of_a_jack_server_by_who_has_it_open(
    output: str, recording: str, leads: bool
) -> None:
    """Two equal cards have one name; a JACK server has the card, and rigd the server."""
    api, _, name = output.partition(" ")
    cards = (
        Card(number=2, card_id="USB", captures=(CaptureDevice(number=0),), has_outputs=True),
        Card(
            number=3, card_id="USB_1", captures=(CaptureDevice(number=0, used_by="jackd"),), has_outputs=True
        ),
    )
    host_api = "ALSA" if api == "ALSA" else "JACK Audio Connection Kit"
    assert leads_to_recorder(Output(index=0, name=name, host_api=host_api), recording, cards) is leads


def test_many_channels_are_about_as_loud_as_one() -> None:
    """Noise that has nothing in common adds up by its power."""
    noise = np.random.default_rng(1).normal(0, 0.01, (48_000, 32)).astype(np.float32)
    sound = Sound(sample_rate_hz=48_000, names=tuple(f"Input {n}" for n in range(32)), blocks=[noise])
    (mix,) = mixed(sound)
    assert 0.6 < np.sqrt(np.mean(mix[:, 0] ** 2)) / 0.01 < 0.8


def test_what_is_louder_together_than_full_scale_is_cut_off_there() -> None:
    loud = np.tile(np.array([[0.9], [-0.9]], dtype=np.float32), (1, 4))
    (mix,) = mixed(Sound(sample_rate_hz=48_000, names=("A", "B", "C", "D"), blocks=[loud]))
    assert mix.tolist() == [[1.0, 1.0], [-1.0, -1.0]]


@pytest.mark.parametrize("name", ["OH L", "Overhead Left", "Keys_L", "Piano-l"])
def test_what_is_left(name: str) -> None:
    assert gains_of([name]).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("name", ["Vocal", "Bell", "Shaker", "Guitar", "Piano Lower"])
def test_what_is_in_the_middle(name: str) -> None:
    (gains,) = gains_of([name]).tolist()
    assert gains[0] == gains[1]


def test_parts_of_a_take_are_one_after_the_other(tmp_path: Path) -> None:
    """Where files end at 4 GiB, a channel goes on in its next file; poly files have several in one."""
    ramp = np.arange(30_000, dtype=np.float32) / 40_000
    soundfile.write(tmp_path / "a1.wav", ramp[:10_000], 48_000, subtype="FLOAT")
    soundfile.write(tmp_path / "a2.wav", ramp[10_000:], 48_000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", np.stack([ramp, -ramp], axis=1), 48_000, subtype="FLOAT")
    columns = [
        [(tmp_path / "a1.wav", 0), (tmp_path / "a2.wav", 0)],
        [(tmp_path / "b.wav", 1)],
    ]
    sound = np.concatenate(list(file_blocks(columns, first_frame=9_000)))
    assert np.array_equal(sound[:, 0], ramp[9_000:])
    assert np.array_equal(sound[:, 1], -ramp[9_000:])


OTHERWISE = CONFIG.replace("channels = 3", "channels = 1\nsample_rate_hz = 96000").split("[[channel]]")[0]


def test_a_take_is_played_and_shown_as_it_was_recorded_whatever_the_rig_is_by_now(tmp_path: Path) -> None:
    """The next day's rig has another rate, and one channel of another name."""
    with RigRun(CONFIG) as rig:
        rig.say("start")
        rig.roll(0.5)
        rig.say("stop")
        rig.client().wait_closed()
        (before,) = rig.await_closed(1)
        rig.client().command("shut-down")
        rig.daemon.wait()
        rig._hang_up()
        rig._config_file.write_text('[rig]\nname = "Test rig"\n' + OTHERWISE, "utf-8")
        rig.start()
        rig.await_ready()
        assert before.end_frame is not None
        length_s = (before.end_frame - before.first_frame) / 48_000
        length = f"00:00:{int(length_s * 10) / 10:04.1f}"
        for words in (("takes",), ("takes", "show"), ("takes", "--all")):
            assert length in by_hand(*words, "--runtime-dir", str(rig.runtime)).output, words
        playing = played_by(tmp_path, rig, "takes", "play", "--channel", "OH R")
        said, wrong = playing.communicate(timeout=60)
        assert playing.returncode == ExitCode.DONE, wrong
        assert length in said and "OH R" in said
        assert (tmp_path / "out.raw").stat().st_size >= 2 * 4 * (before.end_frame - before.first_frame)
        for file in before.files:
            (Path(before.folder) / file.name).unlink()
        playing = played_by(tmp_path, rig, "takes", "play")
        _, wrong = playing.communicate(timeout=60)
        assert playing.returncode == ExitCode.REFUSED and "no file of it is left" in wrong
