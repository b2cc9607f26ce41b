"""`rigd reload`: the running rig reads its config again, and says what of it is in force."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.rig_commands import rig_command
from rigd.cli.terminal import daemon, fail, out, print_json, tell
from rigd.model.requests import CommandAnswer
from rigd.model.state import ConfigStanding

READ_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.02


def _reload(runtime_dir: Path | None, as_json: bool, ask: Callable[[ControlClient], CommandAnswer]) -> None:
    with daemon(runtime_dir) as client:
        before = client.status().state.config or ConfigStanding(path="")
        answer = ask(client)
        if not answer.accepted:
            tell(answer, as_json=as_json)
        config = _await_read(client, before.reads)
    if as_json:
        _print_json(config)
    elif config.faults:
        fail(ExitCode.CONFIG, *config.faults, "nothing was changed: the rig goes on as it was")
    else:
        _print(config)
    if config.troubles:
        raise SystemExit(ExitCode.FAILED)


def _await_read(client: ControlClient, reads_before: int) -> ConfigStanding:
    deadline = time.monotonic() + READ_WITHIN_S
    while True:
        config = client.status().state.config
        if config is not None and config.reads > reads_before and not config.reading:
            return config
        if time.monotonic() > deadline:
            _give_up()
        time.sleep(LOOK_AGAIN_S)


def _give_up() -> NoReturn:
    fail(
        ExitCode.FAILED,
        f"the config is still being read after {READ_WITHIN_S:.0f} s; see the log, and: rigd status",
    )


def _print(config: ConfigStanding) -> None:
    for line in config.taken_up:
        out.print(f"taken up   {line}")
    if not config.taken_up:
        out.print("taken up   nothing: what is in force says the same")
    for line in config.waits:
        out.print(f"waits      {line}", style="yellow")
    if config.waits:
        out.print("what waits is in force once rigd is started again", style="yellow")
    for line in config.troubles:
        out.print(f"trouble    {line}", style="bold red")


def _print_json(config: ConfigStanding) -> None:
    print_json(
        {
            "ok": not config.faults,
            "path": config.path,
            "taken_up": list(config.taken_up),
            "waits": list(config.waits),
            "faults": list(config.faults),
            "troubles": list(config.troubles),
        }
    )
    if config.faults:
        raise SystemExit(ExitCode.CONFIG)


RELOAD = rig_command(
    "reload",
    run=_reload,
    then=". What waits for a restart it says; a config that is not in order changes nothing",
)
