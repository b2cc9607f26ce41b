"""`rigd status` and `rigd watch`: what is true now, once or live."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import StateCode
from rigd.cli.form import Command, Option
from rigd.cli.terminal import (
    AS_JSON,
    LEVELS_HZ,
    RUNTIME_DIR,
    daemon,
    errors_told,
    out,
    print_json,
    socket_path,
)
from rigd.cli.watching import watch_lines
from rigd.cli.words import (
    blackbox_text,
    config_lines,
    count,
    gain_piece,
    mirror_line,
    room_left,
    take_count,
    take_title,
)
from rigd.hands.showing import NOT_READY, Knowledge, exact_time_text, phantom_shown, take_frames
from rigd.model.disk_words import measurement_text
from rigd.model.requests import StatusAnswer
from rigd.model.roles import Role
from rigd.model.state import INTERFACE_NOT_HEARD_YET, WRITER_NOT_HEARD_YET, RigState, Transport
from rigd.model.takes import closing_takes

STATE_CODES = {
    Transport.ROLLING: StateCode.ROLLING,
    Transport.POSTROLL: StateCode.ROLLING,
    Transport.OFFLINE: StateCode.OFFLINE,
    Transport.HALTED: StateCode.HALTED,
}
LEAST_TOLD_S = 0.1
"""Less than this that is not yet safe is not worth a line."""


def status(runtime_dir: Path | None, exit_code: bool, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        answer = client.status(levels=True)
    if as_json:
        print_json(answer)
    else:
        _print_status(answer)
    if exit_code:
        raise SystemExit(_code_of(answer.state))


def _code_of(state: RigState) -> StateCode:
    if state.transport is Transport.READY:
        return StateCode.NOT_READY if state.not_ready else StateCode.READY
    return STATE_CODES[state.transport]


def _print_status(answer: StatusAnswer) -> None:
    state = answer.state
    why = f": {state.not_ready}" if state.not_ready else ""
    out.print(f"{NOT_READY if why else state.transport.value.upper()}{why}", style="bold")
    if state.take is not None:
        at_frame = answer.levels.at_frame if answer.levels is not None else None
        elapsed = exact_time_text(take_frames(state.take, at_frame), state.sample_rate_hz)
        out.print(f"take       {take_title(state.take)}  {elapsed}")
    else:
        out.print(f"next       {state.song} · Take {state.next_take_number:03}")
    for take in closing_takes(state):
        out.print(f"closing    {take_title(take)}")
    if state.unsafe_s >= LEAST_TOLD_S:
        full = f"; the tape is {state.tape_fill:.0%} full"
        out.print(f"not safe   {state.unsafe_s:.1f} s are not yet on the disk{full}")
    if answer.role not in ("", Role.OWNER):
        out.print(f"you        {answer.who}, here as {answer.role}")
    out.print(f"session    {state.session}, {count(take_count(state), 'take')} in {state.session_folder}")
    interface = state.interface
    if interface is not None:
        host_api = "" if interface.host_api in interface.device else interface.host_api
        facts = (interface.device or "-", host_api, f"{state.sample_rate_hz} Hz")
        simulated = "  simulated" if interface.simulated else ""
        out.print("  ".join(filter(None, ("interface", *facts))) + simulated)
        if answer.timing is not None:
            rate, drift = answer.timing.measured_rate_hz, answer.timing.drift_ppm
            out.print(f"clock      {rate:.2f} Hz measured, {drift:+.1f} ppm")
        for warning in interface.warnings:
            out.print(f"           {warning}", style="yellow")
    measured = state.disk.measured if state.disk is not None else None
    speed = f"  {measurement_text(measured)}" if measured is not None else ""
    out.print(f"disk       {room_left(state)}{speed}")
    if state.mirror is not None:
        out.print(f"mirror     {mirror_line(state.mirror)}  {state.mirror.root}")
    if state.blackbox is not None:
        out.print(f"black box  {blackbox_text(state.blackbox)}")
    for line in config_lines(state.config):
        out.print(f"config     {line}", style="yellow")
    for surface in state.surfaces:
        word = "connected" if surface.connected else "not connected"
        out.print(f"surface    {surface.name}: {word}  {surface.port}  {surface.detail}")
    for preamp in state.preamps:
        word = "answers" if preamp.answering else "does not answer"
        out.print(f"preamp     {preamp.name}: {word}  {preamp.detail}")
    for clips in state.clips:
        text = f"{clips.channel}: {count(clips.samples, 'sample')}, last at {clips.last_at}. Seen: rigd clear-clips"
        out.print(f"clipped    {text}", style="bold red")
    for channel in state.channels:
        lamp = "●" if channel.armed else "○"
        phantom = phantom_shown(channel)
        style = "bold" if phantom.known is Knowledge.CONFIRMED else "yellow"
        gain = gain_piece(channel)
        pieces = [gain, ("  " + phantom.text, style)] if phantom.text else [gain]
        out.print(f"{channel.number:>9}  {lamp} {channel.name}   ", *pieces)
    for fault in state.faults:
        if fault.what in (INTERFACE_NOT_HEARD_YET, WRITER_NOT_HEARD_YET):
            out.print(f"starting   {fault.what}", style="yellow")
        else:
            out.print(f"fault      {fault.what}", style="bold red")


def watch(runtime_dir: Path | None, as_json: bool) -> None:
    with errors_told():
        path = socket_path(runtime_dir)
        if as_json:
            with ControlClient(path) as client, contextlib.suppress(KeyboardInterrupt):
                for news in client.changes(levels_hz=LEVELS_HZ):
                    print_json(news)
        elif sys.stdout.isatty():
            from rigd.cli.live import show_live  # it draws, and takes longer to load than all the rest

            show_live(path)
        else:
            watch_lines(path)


STATUS = Command(
    name="status",
    run=status,
    about="What is true of the rig now.",
    parts=(
        RUNTIME_DIR,
        Option(
            name="exit_code",
            flags=("--exit-code",),
            about="End with the state's code: 0 rolling, 10 ready, 11 a start is refused, 12 offline, 13 halted.",
        ),
        AS_JSON,
    ),
)
WATCH = Command(
    name="watch",
    run=watch,
    about="Live meters, state and what happens, until q or Ctrl-C; ? lists the keys. Into a pipe: what happens, a "
    "line each. --json: one JSON object a line: the state, then what changes of it, what happens, levels.",
    parts=(RUNTIME_DIR, AS_JSON),
)
