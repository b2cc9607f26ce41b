"""`rigd units`: lets the units of the service reach what the config names, and no more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rigd.cli.doctor import needs_of, this_machine
from rigd.cli.terminal import AsJson, ExitCode, errors_told, fail, out, print_json
from rigd.config.load import load_config
from rigd.control.machine.service import CONFIG, RUNTIME_DIR, is_installed, missing_units
from rigd.control.machine.units import changed, drop_ins


def units(
    config: Annotated[Path, typer.Option("--config", "-c", help="The config of the service.")] = Path(CONFIG),
    show: Annotated[
        bool, typer.Option("--show", help="Print what would be written, and write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let the service reach the desks, lines and devices of its config, and no more: writes a drop-in for each unit,
    as root. To be run again when one of them is another one."""
    machine = this_machine()
    with errors_told():
        loaded = load_config(config, environ={"RUNTIME_DIRECTORY": RUNTIME_DIR})
        texts = drop_ins(needs_of(loaded), str(config), machine)
    if show:
        if as_json:
            print_json({"ok": True, "drop_ins": texts})
        for unit, text in ({} if as_json else texts).items():
            out.print(f"# {unit}\n{text}", markup=False)
        return
    if missing := missing_units(machine):
        fail(ExitCode.FAILED, f'{missing[0]} is not installed; nothing was written. README, "As a service"')
    written = changed(texts, machine)
    for unit, path in written.items():
        try:
            _write(Path(path), texts[unit])
        except OSError as error:
            fail(ExitCode.FAILED, f"{path} could not be written ({error.strerror}). Run: sudo rigd units")
    names = " ".join(unit.removesuffix(".service") for unit in written)
    restart = f"systemctl daemon-reload && systemctl restart {names}" if names else ""
    if as_json:
        print_json({"ok": True, "written": list(written.values()), "next": restart})
        return
    for path in written.values():
        out.print(f"written: {path}", markup=False)
    if restart and is_installed(machine):
        gap = "; capture's restart is a gap in a take that rolls" if "rigd-capture" in names else ""
        out.print(f"next: {restart}{gap}", markup=False)
    if not written:
        out.print("the units reach what the config names, and no more; nothing was written", markup=False)


def _write(path: Path, text: str) -> None:
    """Whole, or not at all."""
    path.parent.mkdir(mode=0o755, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text, "utf-8")
    new.chmod(0o644)
    os.replace(new, path)
