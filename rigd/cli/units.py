"""`rigd units`: lets the units of the service reach what the config names, and no more."""

from __future__ import annotations

import os
from pathlib import Path

from rigd.cli.doctor import load_units_again, needs_of, this_machine
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Command, Option
from rigd.cli.terminal import AS_JSON, config_option, errors_told, fail, out, print_json
from rigd.config.load import load_config
from rigd.config.runtime_dir import SERVICE_RUNTIME_DIR
from rigd.doctor.service import CONFIG, is_installed, missing_units
from rigd.doctor.units import changed, drop_ins


def units(config: Path, show: bool, as_json: bool) -> None:
    machine = this_machine()
    with errors_told():
        loaded = load_config(config, environ={"RUNTIME_DIRECTORY": SERVICE_RUNTIME_DIR})
        texts = drop_ins(needs_of(loaded), str(config), machine)
    if show:
        if as_json:
            print_json({"ok": True, "drop_ins": texts})
        for unit, text in ({} if as_json else texts).items():
            out.print_lines(f"# {unit}\n{text}")
        return
    if missing := missing_units(machine):
        fail(ExitCode.FAILED, f'{missing[0]} is not installed; nothing was written. README, "As a service"')
    written = changed(texts, machine)
    done: list[str] = []
    for unit, path in written.items():
        try:
            _write(Path(path), texts[unit])
        except OSError as error:
            before = f"written before it: {', '.join(done)}" if done else "nothing was written"
            again = f"rigd units --config {config.absolute()}"
            cure = f"Run: sudo {again}" if os.geteuid() else f"See to that, then: {again}"
            fail(ExitCode.FAILED, f"{path} could not be written ({error.strerror}); {before}. {cure}")
        done.append(path)
    names = " ".join(unit.removesuffix(".service") for unit in written)
    restart = f"systemctl restart {names}" if names else ""
    if written and is_installed(machine) and not load_units_again():
        restart = f"systemctl daemon-reload && {restart}"
    if as_json:
        print_json({"ok": True, "written": done, "next": restart})
        return
    for path in done:
        out.print(f"written: {path}")
    if restart and is_installed(machine):
        out.print(f"next: {restart}")
        if "rigd-capture" in names:
            out.print("a restart of rigd-capture is a gap in a take that rolls")
    if not written:
        out.print("the units reach what the config names, and no more; nothing was written")


def _write(path: Path, text: str) -> None:
    """Whole, or not at all."""
    path.parent.mkdir(mode=0o755, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text, "utf-8")
    new.chmod(0o644)
    os.replace(new, path)


UNITS = Command(
    name="units",
    run=units,
    about="Let the service reach the desks, lines and devices of its config, and no more: writes a drop-in for each "
    "unit, as root. To be run again when one of them is another one.",
    parts=(
        config_option("The config of the service.", default=Path(CONFIG)),
        Option(name="show", flags=("--show",), about="Print what would be written, and write nothing."),
        AS_JSON,
    ),
)
