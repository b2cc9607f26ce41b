"""`rigd status` and `rigd watch`: what is true now, once or live."""

from __future__ import annotations

from rigd.api.client import ControlClient
from rigd.cli.live import LEVELS_HZ, show_live
from rigd.cli.terminal import AsJson, RuntimeDir, daemon, errors_told, out, print_json, socket_path
from rigd.cli.view import (
    blackbox_text,
    count,
    gain_text,
    mirror_line,
    room_left,
    take_count,
    take_title,
)
from rigd.hands.showing import exact_time_text, take_frames
from rigd.model.state import closing_takes
from rigd.rules.disk_room import measurement_text

LEAST_TOLD_S = 0.1
"""Less than this that is not yet safe is not worth a line."""


def status(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """What is true of the rig now."""
    with daemon(runtime_dir) as client:
        answer = client.status(levels=True)
    if as_json:
        print_json(answer)
        return
    state = answer.state
    out.print(f"{state.transport.value.upper()}", style="bold")
    if state.take is not None:
        at_frame = answer.levels.at_frame if answer.levels is not None else None
        elapsed = exact_time_text(take_frames(state.take, at_frame), state.sample_rate_hz)
        out.print(f"take       {take_title(state.take)}  {elapsed}", markup=False)
    else:
        out.print(f"next       {state.song} · Take {state.next_take_number:03}", markup=False)
    for take in closing_takes(state):
        out.print(f"closing    {take_title(take)}", markup=False)
    if state.unsafe_s >= LEAST_TOLD_S:
        full = f"; the tape is {state.tape_fill:.0%} full"
        out.print(f"not safe   {state.unsafe_s:.1f} s are not yet on the disk{full}", markup=False)
    out.print(
        f"session    {state.session}, {count(take_count(state), 'take')} in {state.session_folder}",
        markup=False,
    )
    interface = state.interface
    if interface is not None:
        out.print(
            f"interface  {interface.device or '-'}  {interface.host_api}  {state.sample_rate_hz} Hz",
            markup=False,
        )
        if answer.timing is not None:
            out.print(
                f"clock      {answer.timing.measured_rate_hz:.2f} Hz measured, {answer.timing.drift_ppm:+.1f} ppm",
                markup=False,
            )
        for warning in interface.warnings:
            out.print(f"           {warning}", style="yellow", markup=False)
    measured = state.disk.measured if state.disk is not None else None
    speed = f"  {measurement_text(measured)}" if measured is not None else ""
    out.print(f"disk       {room_left(state)}{speed}", markup=False)
    if state.mirror is not None:
        out.print(f"mirror     {mirror_line(state.mirror)}  {state.mirror.root}", markup=False)
    if state.blackbox is not None:
        out.print(f"black box  {blackbox_text(state.blackbox)}", markup=False)
    for surface in state.surfaces:
        word = "connected" if surface.connected else "not connected"
        out.print(f"surface    {surface.name}: {word}  {surface.port}  {surface.detail}", markup=False)
    for preamp in state.preamps:
        word = "answers" if preamp.answering else "does not answer"
        out.print(f"preamp     {preamp.name}: {word}  {preamp.detail}", markup=False)
    for channel in state.channels:
        out.print(
            f"{channel.number:>9}  {'●' if channel.armed else '○'} {channel.name}  ",
            gain_text(channel),
            markup=False,
        )
    for fault in state.faults:
        out.print(f"fault      {fault.what}", style="bold red", markup=False)


def watch(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Live meters, state and what happens, until Ctrl-C; --json: one JSON object a line."""
    with errors_told():
        if as_json:
            with ControlClient(socket_path(runtime_dir)) as client:
                try:
                    for news in client.events(levels_hz=LEVELS_HZ):
                        print_json(news)
                except KeyboardInterrupt:
                    return
        else:
            show_live(socket_path(runtime_dir))
