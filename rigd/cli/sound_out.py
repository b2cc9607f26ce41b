"""Sound from files or the tape to the machine's own output: a quick mix, to know what is on a take.

Not the way through the interface that records: that is the interface's, and nothing of this touches capture. Main
thread; writing waits for the output, so what is played sets the pace.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from rigd.model.errors import RigError
from rigd.wire.sound_cards import ROOT, Card, read_cards

BLOCK_FRAMES = 4096
SIDES = 2
ALSA, JACK = "ALSA", "JACK Audio Connection Kit"
"""Host APIs as PortAudio names them."""
_SIDE = re.compile(r"[ _.-]?(l|left|r|right)", re.IGNORECASE)

Samples = npt.NDArray[np.float32]
"""Frames by channels, 1.0 at full scale."""


class NoOutput(RigError):
    """Nothing can be played here."""


class Sound(Struct, frozen=True, kw_only=True):
    """What is to be played: `names` are those of its channels, in the order of `blocks`' columns."""

    sample_rate_hz: int
    names: tuple[str, ...]
    blocks: Iterable[Samples]


def gains_of(names: Sequence[str]) -> Samples:
    """How loud each channel is on each side, channels by sides: so that many equal ones are about as loud as one.

    "OH L" and "OH R" are on their sides, all else in the middle.
    """
    gains = np.full((len(names), SIDES), 1.0 / math.sqrt(2), dtype=np.float32)
    for place, name in enumerate(names):
        word = name.rpartition(" ")[2] if " " in name else name[-2:]
        if found := _SIDE.fullmatch(word):
            is_left = found[1].lower().startswith("l")
            gains[place] = (1.0, 0.0) if is_left else (0.0, 1.0)
    return gains / max(1.0, math.sqrt(len(names)))


def mixed(sound: Sound) -> Iterator[Samples]:
    """Frames by two sides. What goes beyond full scale is cut off there, as any output would."""
    alone = np.ones((1, SIDES), dtype=np.float32)
    gains = alone if len(sound.names) == 1 else gains_of(sound.names)
    for block in sound.blocks:
        yield np.clip(block @ gains, -1.0, 1.0).astype(np.float32, copy=False)


def rate_and_length(columns: Sequence[Sequence[tuple[Path, int]]]) -> tuple[int, int]:
    """The rate of the files, by their own word, and how many frames the longest channel has. Raises NoOutput."""
    import soundfile

    try:
        infos = {path: soundfile.info(str(path)) for column in columns for path, _ in column}
    except (OSError, RuntimeError) as error:
        raise NoOutput(f"the files cannot be read: {error}") from error
    rate = next(iter(infos.values())).samplerate
    return int(rate), max(sum(infos[path].frames for path, _ in column) for column in columns)


def file_blocks(columns: Sequence[Sequence[tuple[Path, int]]], *, first_frame: int = 0) -> Iterator[Samples]:
    """The channels of a take side by side, from that frame of it on. Of each channel its files, one after the other,
    with the place of the channel in the file. Raises NoOutput where one cannot be read."""
    import soundfile

    opened: dict[Path, Any] = {}

    def read(path: Path, place: int, at: int) -> Samples | None:
        try:
            file = opened.get(path)
            if file is None:
                file = opened[path] = soundfile.SoundFile(str(path))
            if at >= file.frames:
                return None
            file.seek(at)
            samples: Samples = file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)[:, place]
            return samples
        except (OSError, RuntimeError) as error:
            raise NoOutput(f"{path}: cannot be read: {error}") from error

    lengths = {path: _frames_of(path) for column in columns for path, _ in column}
    at = first_frame
    try:
        while True:
            pieces = [_next_piece(column, lengths, at, read) for column in columns]
            frames = min((len(piece) for piece in pieces if len(piece)), default=0)
            if not frames:
                return
            block = np.zeros((frames, len(columns)), dtype=np.float32)
            for place, piece in enumerate(pieces):
                block[: len(piece), place] = piece[:frames]
            yield block
            at += frames
    finally:
        for file in opened.values():
            file.close()


def _next_piece(
    column: Sequence[tuple[Path, int]],
    lengths: dict[Path, int],
    at: int,
    read: Callable[[Path, int, int], Samples | None],
) -> Samples:
    for path, place in column:
        if at < lengths[path]:
            found = read(path, place, at)
            return found if found is not None else np.zeros(0, dtype=np.float32)
        at -= lengths[path]
    return np.zeros(0, dtype=np.float32)


def _frames_of(path: Path) -> int:
    import soundfile

    try:
        return int(soundfile.info(str(path)).frames)
    except (OSError, RuntimeError) as error:
        raise NoOutput(f"{path}: cannot be read: {error}") from error


def output_device(wanted: str, *, recording: str, root: Path = ROOT) -> tuple[int, str]:
    """Index and name of the output to play through: the one that fits `wanted`, or the system's default.

    `recording`: the full name of the interface that records. Raises NoOutput where there is no such output, and where
    it leads to that interface: a second program on its line can stop it.
    """
    sounddevice = _sounddevice()
    apis = [str(each["name"]) for each in sounddevice.query_hostapis()]
    outputs = [
        Output(index=int(each["index"]), name=str(each["name"]), host_api=apis[each["hostapi"]])
        for each in map(dict, sounddevice.query_devices())
        if each["max_output_channels"] > 0
    ]
    if wanted:
        found = [each for each in outputs if wanted.casefold() in each.name.casefold()]
        if len(found) != 1:
            raise NoOutput(
                f'"{wanted[:60]}" fits {len(found) or "no"} output{"s" if found else ""}; there is: '
                f"{_listed(found or outputs)}"
            )
    else:
        found = [each for each in outputs if each.index == sounddevice.default.device[1]]
        if not found:
            raise NoOutput("this machine has no output for sound")
    (chosen,) = found
    cards = read_cards(root)
    if leads_to_recorder(chosen, recording, cards):
        others = [each for each in outputs if not leads_to_recorder(each, recording, cards)]
        raise NoOutput(
            f'the output "{chosen.name}" leads to the interface that records, which a second program can stop. '
            f"Nothing was played. Other outputs (--device): {_listed(others)}"
        )
    return chosen.index, chosen.name


class Output(Struct, frozen=True, kw_only=True):
    """What PortAudio can play through."""

    index: int
    name: str
    host_api: str


def leads_to_recorder(output: Output, recording: str, cards: Sequence[Card]) -> bool:
    """What is played there comes out of the interface of that full name. Of one of ALSA's plugins ("default", "dmix")
    the card beneath is not told: it is taken to lead there where no other card has an output. Pure."""
    if f"{output.name}, {output.host_api}" == recording:
        return True
    if output.host_api != ALSA:
        return False
    through_jack = recording.endswith(f", {JACK}")
    recorders = {
        card.number
        for card in cards
        if f"(hw:{card.number}," in recording
        or any(each.is_ours or (through_jack and each.used_by) for each in card.captures)
    }
    beneath = re.search(r"\(hw:(\d+),", output.name)
    if beneath is not None:
        return int(beneath[1]) in recorders
    there = {card.number for card in cards if card.has_outputs}
    return bool(there) and there <= recorders


def _listed(outputs: Sequence[Output]) -> str:
    return ", ".join(f'"{each.name}"' for each in outputs) or "none"


def play(sound: Sound, *, device: int) -> None:
    """Until its end. Raises NoOutput."""
    sounddevice = _sounddevice()
    try:
        with sounddevice.OutputStream(
            device=device, samplerate=sound.sample_rate_hz, channels=SIDES, dtype="float32", latency="high"
        ) as stream:
            for block in mixed(sound):
                stream.write(np.ascontiguousarray(block))
    except sounddevice.PortAudioError as error:
        raise NoOutput(f"the output does not play {sound.sample_rate_hz} Hz: {error}") from error


def _sounddevice() -> Any:
    """Imported late: it initialises PortAudio at once."""
    from rigd.capture.quiet import quiet_stderr

    try:
        with quiet_stderr():
            import sounddevice
    except OSError as error:
        raise NoOutput(f"PortAudio is not installed ({error}): sudo apt install libportaudio2") from error
    return sounddevice
