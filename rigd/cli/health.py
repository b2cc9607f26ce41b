"""`rigd health`: one line and one of three exit codes, for a person far away and a machine that watches this one."""

from __future__ import annotations

from pathlib import Path

from rigd.api.client import ControlClient
from rigd.cli.exit_codes import HealthCode
from rigd.cli.form import Command, Option
from rigd.cli.safe import waiting_time
from rigd.cli.terminal import AS_JSON, RUNTIME_DIR, out, print_json, socket_path
from rigd.model.errors import NotRunning, RigError
from rigd.model.health import Health, Verdict

EXIT_CODES = {
    Verdict.RECORDS: HealthCode.YES,
    Verdict.COULD: HealthCode.YES,
    Verdict.DOES_NOT: HealthCode.NO,
    Verdict.NOT_SURE: HealthCode.NOT_SURE,
}
STYLES = {Verdict.DOES_NOT: "bold red", Verdict.NOT_SURE: "yellow"}
ANSWER_WITHIN_S = 5.0
PROCESSES = ("capture", "writer")


def health(runtime_dir: Path | None, within_s: float, as_json: bool) -> None:
    found = _asked(runtime_dir, within_s)
    if as_json:
        print_json(found)
    else:
        out.print(f"{found.verdict}: {found.why}", style=STYLES.get(found.verdict, "green"))
    raise SystemExit(EXIT_CODES[found.verdict])


def _asked(runtime_dir: Path | None, within_s: float) -> Health:
    """What the daemon says; where none answers, what is known without it."""
    path = None
    try:
        path = socket_path(runtime_dir)
        with ControlClient(path, answer_within_s=within_s) as client:
            return client.health()
    except NotRunning as error:
        return _without_a_daemon(path, str(error))
    except RigError as error:
        return Health(verdict=Verdict.NOT_SURE, why=str(error))


def _without_a_daemon(path: Path | None, error: str) -> Health:
    """Capture and the writer outlive the daemon, and a take rolls on: who has their locks says whether they run.
    Nobody who may not look in the folder knows."""
    from rigd.wire.held_lock import holder_of  # only where nobody answers

    if path is None or not path.parent.is_dir():
        return Health(verdict=Verdict.DOES_NOT, why=error)
    runs = []
    for name in PROCESSES:
        lock = path.parent / f"{name}.lock"
        try:
            lock.open("rb").close()
        except FileNotFoundError:
            continue
        except OSError:
            return Health(
                verdict=Verdict.NOT_SURE, why=f"{error}; whether a take rolls on cannot be seen from here"
            )
        if holder_of(lock) is not None:
            runs.append(name)
    if not runs:
        return Health(verdict=Verdict.DOES_NOT, why=error)
    left = " and ".join(f"rigd-{name}" for name in runs)
    return Health(
        verdict=Verdict.NOT_SURE,
        why=f"the daemon is away; {left} still {'run' if runs[1:] else 'runs'}, and a take may roll on",
    )


HEALTH = Command(
    name="health",
    run=health,
    about="Does it record, or could it now? Ends with 0: yes; 1: no; 2: not sure, as nobody answers who knows.",
    parts=(
        RUNTIME_DIR,
        Option(
            name="within_s",
            flags=("--within",),
            read=waiting_time,
            shown="SECONDS",
            about="How long to wait for the answer.",
            default=ANSWER_WITHIN_S,
        ),
        AS_JSON,
    ),
)
