"""The `rigd` command: puts the groups together. Each group is a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from rigd import __version__
from rigd.cli import arm, demo, devices, disk, doctor, gain, recover, run, session, status, take, takes

app = typer.Typer(
    name="rigd",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Say which rigd this is.", is_eager=True)
    ] = False,
) -> None:
    """rigd records your band. Start with: rigd demo, rigd devices, rigd run --config FILE."""
    if version:
        typer.echo(f"rigd {__version__}")
        raise typer.Exit


app.command()(run.run)
app.command()(run.check)
app.command()(devices.devices)
app.command()(devices.learn)
app.command()(doctor.doctor)
app.command()(status.status)
app.command()(status.watch)
app.command()(disk.disk)
app.add_typer(take.app, name="take")
app.add_typer(takes.app, name="takes")
app.add_typer(session.app, name="session")
app.command()(arm.arm)
app.command()(arm.disarm)
app.command()(gain.gain)
app.command()(gain.nudge)
app.command()(gain.pad)
app.command()(gain.phantom)
app.command()(gain.polarity)
app.command()(arm.lock)
app.command()(arm.unlock)
app.command("clear-fault")(arm.clear_fault)
app.command("do")(arm.any_command)
app.command()(recover.recover)
app.command("shut-down")(arm.shut_down)
app.command()(demo.demo)


def main() -> None:
    """Entry point of the console script."""
    app()
