"""A command that opens a session: it ends once the library has found or made the folder, or has said why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.terminal import daemon, fail, tell
from rigd.model.requests import CommandAnswer
from rigd.model.state import RigState

OPENED_WITHIN_S = 10.0
"""A volume that stands still may take longer; the rig then goes on waiting, and the command does not."""
ASK_EVERY_S = 0.05
FAULT = "library: open session"


def open_session(
    runtime_dir: Path | None, as_json: bool, ask: Callable[[ControlClient], CommandAnswer]
) -> None:
    """As `terminal.do`; a session that could not be opened is a refusal."""
    with daemon(runtime_dir) as client:
        answer = ask(client)
        state = _opened(client) if answer.accepted else None
    if state is not None:
        failed = next((fault.what for fault in state.faults if fault.key == FAULT), "")
        told = failed or f'session "{state.session}" in {state.session_folder}'
        answer = replace(answer, accepted=not failed, text=told)
    tell(answer, as_json=as_json)


def _opened(client: ControlClient) -> RigState:
    """The state once no session is being opened any more."""
    until_s = time.monotonic() + OPENED_WITHIN_S
    while time.monotonic() < until_s:
        state = client.status().state
        if state.opening is None:
            return state
        time.sleep(ASK_EVERY_S)
    fail(
        ExitCode.FAILED,
        f"the library has not opened the session for {OPENED_WITHIN_S:g} s; takes go on to the one before, and to"
        " this one as soon as its disk answers: rigd session show",
    )
