"""`rigd takes play` and `rigd listen`: what is on a take, or on the inputs now, through this machine's own output."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command
from rigd.cli.meant import meant
from rigd.cli.sound_out import BLOCK_FRAMES, NoOutput, Samples, Sound, file_blocks, output_device, play
from rigd.cli.takes import CHANNEL, DEVICE
from rigd.cli.terminal import RUNTIME_DIR, daemon, errors_told, fail, out, socket_path
from rigd.cli.words import take_title
from rigd.hands.showing import exact_time_text
from rigd.model.errors import CommandError
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
        chosen = chosen_channels(state, take.channels, channel)
    columns = [list(_files_of(take, each)) for each in chosen]
    sound = Sound(
        sample_rate_hz=found.sample_rate_hz,
        names=tuple(each.name for each in chosen),
        blocks=file_blocks(columns, first_frame=round(max(0.0, since) * found.sample_rate_hz)),
    )
    length = exact_time_text((take.end_frame or take.first_frame) - take.first_frame, found.sample_rate_hz)
    _play(sound, device, state, f"{take_title(take)}, {length}", where=take.folder)


def _files_of(take: Take, channel: Channel) -> Iterator[tuple[Path, int]]:
    """A channel's files, in order, and its place in each."""
    for file in take.files:
        if channel.number in file.channels:
            yield Path(take.folder) / file.name, file.channels.index(channel.number)


def listen(channel: str | None, device: str, runtime_dir: Path | None) -> None:
    with daemon(runtime_dir) as client:
        state = client.status().state
    if state.interface is None or state.interface.heard_from is None:
        fail(ExitCode.REFUSED, "there is no sound to listen to: no interface is heard; see: rigd status")
    with errors_told():
        chosen = chosen_channels(state, tuple(each.number for each in state.channels), channel)
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


def chosen_channels(state: RigState, numbers: Sequence[int], wanted: str | None) -> list[Channel]:
    """Of a take's channels, or the rig's, the one that is meant, by number or name; all where none is named."""
    there = [each for each in state.channels if each.number in numbers]
    if wanted is None:
        return there
    if wanted.isdecimal():
        found = [each for each in there if each.number == int(wanted)]
    else:
        found = [each for each in there if each.name.casefold() == wanted.casefold()]
        found = found or [each for each in there if each.name.casefold().startswith(wanted.casefold())]
    if len(found) != 1:
        names = ", ".join(f'{each.number} "{each.name}"' for each in found or there)
        raise CommandError(f'"{wanted[:60]}" is {len(found) or "none"} of the channels: {names}')
    return found


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
