"""`rigd recover`: takes that a crash left open. A running rig has closed them already; this says which."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command
from rigd.cli.take_list import take_list
from rigd.cli.terminal import (
    AS_JSON,
    RUNTIME_DIR,
    config_option,
    errors_told,
    fail,
    out,
    print_json,
    socket_path,
)
from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.config.runtime_dir import resolve_runtime_dir
from rigd.library.library import Library
from rigd.model.errors import NotRunning
from rigd.takefile.recovery import NotRecovered, recover_library


def recover(config: Path | None, runtime_dir: Path | None, as_json: bool) -> None:
    if config is not None and runtime_dir is None:
        runtime_dir = resolve_runtime_dir("", os.environ)  # this user's library: not the service's rig
    with errors_told():
        path = socket_path(runtime_dir)
    try:
        with errors_told(but=NotRunning):
            client = ControlClient(path)
    except NotRunning as error:
        if config is None:
            fail(
                ExitCode.NOT_RUNNING,
                str(error),
                "To repair a library without a running rig: rigd recover --config FILE",
            )
        with errors_told():
            _repair(load_config(config), as_json=as_json)
        return
    with errors_told(), client:
        state = client.status().state
        found = [take for take in client.takes() if take.recovered]
    if as_json:
        print_json({"recovered": [take.folder for take in found], "not_recovered": []})
    elif found:
        out.print_rows(take_list(found, state.sample_rate_hz, width=out.width()))
    else:
        out.print("no take of this session had to be recovered")


def _repair(config: RigConfig, *, as_json: bool) -> None:
    """Every take of the library is closed, and has its take.json. Raises LibraryError where a rig has it."""
    library = Library(
        config.library,
        naming=config.naming(),
        layout=config.take.files,
        rig=config.rig.name,
        now=lambda: datetime.now().astimezone(),
    )
    try:
        outcomes = [
            each for each in recover_library(config.library, skip=lambda folder: False) if each is not None
        ]
        for _ in library.catch_up(may_move=lambda: True):
            pass
    finally:
        library.close()
    lost = [each for each in outcomes if isinstance(each, NotRecovered)]
    closed = [each for each in outcomes if not isinstance(each, NotRecovered)]
    if as_json:
        print_json(
            {
                "recovered": [take.folder for take in closed],
                "not_recovered": [{"folder": take.folder, "reason": take.reason} for take in lost],
            }
        )
    else:
        for take in closed:
            out.print(f"closed  {take.folder}  {take.frames:,} frames")
        for left in lost:
            out.print(f"left as it was  {left.folder}: {left.reason}", style="red")
        if not outcomes:
            out.print("no take had to be recovered")
    if lost:
        raise SystemExit(ExitCode.FAILED)


RECOVER = Command(
    name="recover",
    run=recover,
    about="Close the takes that a crash left open; with a running rig, which has done it at its start, list them.",
    parts=(
        config_option("Whose library to repair, where no rig runs."),
        RUNTIME_DIR,
        AS_JSON,
    ),
)
