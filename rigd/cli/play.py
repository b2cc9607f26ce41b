"""`rigd takes play` and `rigd listen`: what is on a take, or on the inputs now, through this machine's own output."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command
from rigd.cli.meant import meant
from rigd.cli.sound_out import (
    BLOCK_FRAMES,
    NoOutput,
    Samples,
    Sound,
    file_blocks,
    output_device,
    play,
    rate_and_length,
)
from rigd.cli.takes import CHANNEL, DEVICE
from rigd.cli.terminal import RUNTIME_DIR, daemon, errors_told, fail, out, socket_path
from rigd.cli.which_channels import channel_called
from rigd.cli.words import take_title
from rigd.hands.showing import exact_time_text
from rigd.model.errors import LibraryError
from rigd.model.state import Channel, RigState, Take
from rigd.model.units import Frame
from rigd.tape.blocks import Run
from rigd.tape.tape import Tape

WAIT_S = 0.02
BEHIND_S = 0.25
"""So far behind the sound one listens: more than any hiccup of this machine. Nobody plays along to it."""
TOO_FAR_S = 1.0
"""Where the output is so much slower than the interface, what lies between is left out."""


def play_take(
    words: Sequence[str], channel: str | None, since: float, device: str, runtime_dir: Path | None
) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
        found = meant(client, state, " ".join(words))
    take = found.take
    if not take.closed:
        fail(
            ExitCode.REFUSED,
            f"{take_title(take)} still rolls: listen to it with: rigd listen, or stop it first",
        )
    with errors_told():
        chosen = chosen_channels(channels_of_take(take, state), channel)
    there = {each.number: _files_of(take, each) for each in chosen}
    heard = [each for each in chosen if there[each.number]]
    if not heard:
        fail(ExitCode.REFUSED, f"{take_title(take)}: no file of it is left to play in {take.folder}")
    for gone in (each for each in chosen if not there[each.number]):
        out.print(f'{gone.number} "{gone.name}" is left out: its file is not there', style="yellow")
    columns = [there[each.number] for each in heard]
    try:
        rate, length_frames = rate_and_length(columns)
    except NoOutput as error:
        fail(ExitCode.FAILED, str(error))
    sound = Sound(
        sample_rate_hz=rate,
        names=tuple(each.name for each in heard),
        blocks=file_blocks(columns, first_frame=round(max(0.0, since) * rate)),
    )
    length = exact_time_text(length_frames, rate)
    _play(sound, device, state, f"{take_title(take)}, {length}", where=take.folder)


def channels_of_take(take: Take, state: RigState) -> list[Channel]:
    """As they were when it was recorded, by its own take.json; until that is written, as the rig has them."""
    from rigd.library.sheet_file import read_sheet

    with contextlib.suppress(LibraryError):
        if (sheet := read_sheet(Path(take.folder))) is not None:
            return [
                Channel(number=each.channel, input=each.input, name=each.name, source=each.source, armed=True)
                for each in sheet.channels
            ]
    return [each for each in state.channels if each.number in take.channels]


def _files_of(take: Take, channel: Channel) -> list[tuple[Path, int]]:
    """A channel's files, in order, and its place in each; none where one of them is not there any more."""
    of_channel = [file for file in take.files if channel.number in file.channels]
    found = [(Path(take.folder) / file.name, file.channels.index(channel.number)) for file in of_channel]
    return found if all(path.is_file() for path, _ in found) else []


def listen(channel: str | None, device: str, runtime_dir: Path | None) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
    if state.interface is None or state.interface.heard_from is None:
        fail(ExitCode.REFUSED, "there is no sound to listen to: no interface is heard; see: rigd status")
    with errors_told():
        chosen = chosen_channels(state.channels, channel)
        rows = [each.input - 1 for each in chosen]
        sound = Sound(
            sample_rate_hz=state.sample_rate_hz,
            names=tuple(each.name for each in chosen),
            blocks=tape_blocks(socket_path(runtime_dir).with_name("tape"), rows, state.sample_rate_hz),
        )
        _play(sound, device, state, f"{BEHIND_S:g} s behind the sound", where="")


def _play(sound: Sound, device: str, state: RigState, what: str, *, where: str) -> None:
    recording = state.interface.device if state.interface is not None else ""
    try:
        index, name = output_device(device, recording=recording)
        names = ", ".join(sound.names[:4]) + (
            f" and {len(sound.names) - 4} more" if len(sound.names) > 4 else ""
        )
        out.print(f"{what}: {names}, on {name}; Ctrl-C ends it")
        play(sound, device=index)
    except NoOutput as error:
        elsewhere = f". The files are in {where}: any player on any machine opens them" if where else ""
        fail(ExitCode.FAILED, f"{error}{elsewhere}")
    except KeyboardInterrupt:
        out.print("")


def chosen_channels(there: Sequence[Channel], wanted: str | None) -> list[Channel]:
    """The one that is meant, by number or name; all where none is named. Raises CommandError."""
    if wanted is None:
        return list(there)
    number = channel_called(wanted, there)
    return [each for each in there if each.number == number]


def tape_blocks(path: Path, rows: Sequence[int], sample_rate_hz: int) -> Iterator[Samples]:
    """What is heard from now on, without an end; what was lost is left out. Ends where another tape lies there."""
    import numpy as np

    inode = _inode(path)
    with Tape.attach(path, writable=False) as tape:
        behind, too_far = round(BEHIND_S * sample_rate_hz), round(TOO_FAR_S * sample_rate_hz)
        reader = tape.reader(Frame(max(0, tape.next_frame - behind)))
        while True:
            if tape.next_frame - reader.frame > too_far:
                reader = tape.reader(Frame(tape.next_frame - behind))
            piece = reader.next(BLOCK_FRAMES)
            if isinstance(piece, Run):
                yield np.ascontiguousarray(tape.samples(piece)[list(rows)].T)
            elif piece is None:
                if _inode(path) != inode:
                    return
                time.sleep(WAIT_S)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


LISTEN = Command(
    name="listen",
    run=listen,
    about="Listen to the inputs as they are now, a moment later, through this machine's own output.",
    parts=(CHANNEL, DEVICE, RUNTIME_DIR),
)
