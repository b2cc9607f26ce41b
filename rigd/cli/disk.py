"""`rigd disk`: the take volume: what it still takes, how fast it is, what is not yet safe on it."""

from __future__ import annotations

import time
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command, Option
from rigd.cli.started import STARTED_NS
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, daemon, fail, out, print_json
from rigd.cli.words import mirror_line
from rigd.hands.showing import seconds_left
from rigd.model.disk_words import bytes_text, measurement_text
from rigd.model.durations import time_left
from rigd.model.state import MirrorPhase, RigState
from rigd.wire.codec import to_plain

LONGEST_MEASURE_S = 60.0
LOOK_AGAIN_S = 0.05


def disk(measure: bool, runtime_dir: Path | None, as_json: bool) -> None:
    with daemon(runtime_dir) as client:
        if measure:
            answer = client.command("measure", at_ns=STARTED_NS)
            if not answer.accepted:
                fail(ExitCode.REFUSED, answer.text)
            _await_measured(client)
        state = client.status().state
    if as_json:
        print_json(
            {
                "disk": to_plain(state.disk) if state.disk is not None else None,
                "unsafe_s": state.unsafe_s,
                "tape_fill": state.tape_fill,
                "measuring": state.measuring,
            }
        )
        return
    for word, text in disk_lines(state):
        out.print(f"{word:<11}{text}")


def disk_lines(state: RigState) -> list[tuple[str, str]]:
    """What there is to say of it, a word and a text each."""
    volume = state.disk
    if volume is None:
        return [("disk", "not known: the writer does not run; see: rigd status")]
    lines = [("room", _room(state))]
    if state.mirror is not None and state.mirror.phase is MirrorPhase.IN_CHARGE:
        lines.append(("mirror", f"takes go there alone: {mirror_line(state.mirror)}; see: rigd status"))
    if volume.problem:
        lines.append(("problem", volume.problem))
    needs = f"{volume.bytes_per_second / 1e6:.1f} MB/s are needed by the armed channels"
    if volume.measured is not None:
        lines.append(("speed", f"{measurement_text(volume.measured)}; {needs}"))
    else:
        word = "being measured" if state.measuring else "not measured yet: rigd disk --measure"
        lines.append(("speed", f"{word}; {needs}"))
    lines.append(("not safe", f"{state.unsafe_s:.1f} s; the tape is {state.tape_fill:.0%} full"))
    return lines


def _room(state: RigState) -> str:
    assert state.disk is not None
    free = f"{bytes_text(state.disk.free_bytes)} free"
    left_s = seconds_left(state)
    if left_s is None or (state.mirror is not None and state.mirror.phase is MirrorPhase.IN_CHARGE):
        return free  # nothing is recorded there now
    return f"{free}, {time_left(left_s)} of recording"


def _await_measured(client: ControlClient) -> None:
    deadline = time.monotonic() + LONGEST_MEASURE_S
    while client.status().state.measuring:
        if time.monotonic() > deadline:
            fail(
                ExitCode.FAILED, f"the disk has not answered for {LONGEST_MEASURE_S:.0f} s; see: rigd status"
            )
        time.sleep(LOOK_AGAIN_S)


DISK = Command(
    name="disk",
    run=disk,
    about="The disk that takes go to: room, speed, and what is not yet safe on it.",
    parts=(
        Option(name="measure", flags=("--measure",), about="Measure it anew: about a second, at most 32 MB."),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
