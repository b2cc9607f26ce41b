"""Waits until a take is safe, and says so: every byte durable, data, headers, journal and folder.

For the commands that end a take. What they promise is the writer's own TakeClosed and nothing less.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Option
from rigd.cli.terminal import daemon, fail, out, print_json, tell
from rigd.model.errors import CommandError
from rigd.model.numbers import read_number
from rigd.model.requests import CommandAnswer
from rigd.model.state import CopyState, MirrorPhase
from rigd.model.take import title_of
from rigd.model.units import TakeId
from rigd.wire.codec import to_plain

LONGEST_CLOSE_S = 120.0
LOOKS_EVERY_S = 0.1

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.1, 3600.0


def waiting_time(word: str) -> float:
    """How long a command may wait. Raises ValueError."""
    seconds = read_number(word)
    if not SHORTEST_WAIT_S <= seconds <= LONGEST_WAIT_S:
        raise ValueError(f"{seconds:g} is not from {SHORTEST_WAIT_S:g} to {LONGEST_WAIT_S:g} s")
    return seconds


NO_WAIT = Option(
    name="no_wait", flags=("--no-wait",), about="Do not wait until the take is safe on the disk."
)
WITHIN = Option(
    name="within_s",
    flags=("--within",),
    read=waiting_time,
    shown="SECONDS",
    about="How long to wait until it is safe.",
    default=LONGEST_CLOSE_S,
)


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of the take whose end was told."""

    safe: bool
    text: str


def end_take(
    runtime_dir: Path | None,
    as_json: bool,
    ask: Callable[[ControlClient], CommandAnswer],
    *,
    no_wait: bool,
    within_s: float,
) -> None:
    """The command is done and the take that it ended is safe; else the exit code is FAILED and stderr says why."""
    verdict = None
    with daemon(runtime_dir) as client:
        answer = ask(client)
        ended = answer.ended
        if answer.accepted and ended is not None and not no_wait:
            if not as_json and answer.text:
                out.print(answer.text)
                answer = replace(answer, text="")
            verdict = wait_until_safe(client, ended, within_s=within_s)
    if as_json:
        print_json({**to_plain(answer), "safe": verdict.safe if verdict is not None else None})
    else:
        tell(answer, as_json=False)
    if not answer.accepted:
        raise SystemExit(ExitCode.REFUSED)
    if verdict is not None and not verdict.safe:
        fail(ExitCode.FAILED, verdict.text)
    if verdict is not None and not as_json:
        out.print(verdict.text)


def wait_until_safe(client: ControlClient, take_id: TakeId, *, within_s: float) -> Verdict:
    """Raises LinkError where rigd goes away meanwhile."""
    try:
        name = title_of(client.take(take_id).slate)
        take = client.wait_closed(take_id, timeout_s=within_s)
    except CommandError:
        return _not_closed(client, take_id, within_s)
    assert take is not None
    if take.failure:
        kept = f"{take.durable_frames:,} frames of it are safe"
        return Verdict(
            safe=False, text=f"{name} failed: {take.failure}; {kept}. See: rigd status, rigd takes"
        )
    return Verdict(safe=True, text=f"{name} is safe: every byte is on the disk")


def wait_until_all_safe(client: ControlClient, *, within_s: float) -> Verdict:
    """Every take is closed, and so are the copies that the mirror is writing while it keeps up. Raises LinkError
    where rigd goes away meanwhile, CommandError while a take rolls."""
    deadline = time.monotonic() + within_s
    if (take := client.status().state.take) is not None and take.end_frame is None:
        raise CommandError(f"{title_of(take.slate)} rolls; end it first: rigd take stop")
    try:
        client.wait_closed(timeout_s=within_s)
    except CommandError:
        return Verdict(
            safe=False,
            text=f"not every take is safe: the disk has not taken all within {within_s:g} s. The tape keeps it and "
            "the writer goes on. Do not switch off; see: rigd status",
        )
    while _mirror_writes(client):
        if time.monotonic() >= deadline:
            return Verdict(
                safe=False,
                text=f"every take is safe on the first disk; the mirror has not taken all within {within_s:g} s. "
                "Its writer goes on. Do not unplug it; see: rigd status",
            )
        time.sleep(LOOKS_EVERY_S)
    return Verdict(safe=True, text="every take is safe: every byte is on the disk")


def _mirror_writes(client: ControlClient) -> bool:
    """A mirror that keeps up has a copy open. One that was cut loose or is away is not waited for."""
    state = client.status().state
    keeps_up = state.mirror is not None and state.mirror.phase in (MirrorPhase.IN_STEP, MirrorPhase.BEHIND)
    return keeps_up and any(
        take.copy is not None and take.copy.state is CopyState.ROLLING for take in client.takes()
    )


def _not_closed(client: ControlClient, take_id: TakeId, within_s: float) -> Verdict:
    try:
        name = title_of(client.take(take_id).slate)
    except CommandError:
        return Verdict(safe=False, text="nothing of the take could be kept. See: rigd status")
    return Verdict(
        safe=False,
        text=f"{name} is not yet safe: the disk has not taken all of it within {within_s:g} s. The tape keeps it and "
        "the writer goes on. Do not switch off; see: rigd status",
    )
