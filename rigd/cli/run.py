"""`rigd run` and `rigd check`: the daemon itself, and what it thinks of a config."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.cli.doctor import needs_of, this_machine
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Option
from rigd.cli.identity import identity_warnings
from rigd.cli.run_log import RunLog
from rigd.cli.stopping import Answer, Conduct, Signals, last_words, let_go_of, open_takes, terminal_streams
from rigd.cli.terminal import AS_JSON, config_option, errors_told, fail, out, print_json
from rigd.config.load import load_config
from rigd.config.mirrors import mirror_warnings
from rigd.config.place import find_config
from rigd.config.rig_config import RigConfig
from rigd.daemon import Rig
from rigd.doctor.service import CONFIG, is_installed, unseen_by_units
from rigd.doctor.units import misfits
from rigd.links.process_link import Upkeep
from rigd.links.runtime_folder import goes_with_login, user_name
from rigd.machine.hooks import why_it_cannot_be_run
from rigd.machine.logind import switch_off
from rigd.machine.parts import plan_of
from rigd.model.errors import AlreadyRunning, ConfigError
from rigd.model.roles import Role
from rigd.model.take import SAMPLE_BYTES
from rigd.model.units import Origin, TakeId
from rigd.takefile.file_limit import FileLimit, file_limit, what_it_means
from rigd.wire.journal import SystemJournal
from rigd.wire.library_words import LibraryWords
from rigd.wire.notify import Notifier
from rigd.wire.plain_log import PlainFormatter
from rigd.wire.plain_output import write_line
from rigd.wire.start_progress import StartFeed

if TYPE_CHECKING:
    from rigd.cli.live import LiveView

CLOSE_WITHIN_S = 60.0
CLOSED_LOOK_S = 0.05
LOOK_EVERY_S = 0.75
ERROR_STREAM = 2

OVERRIDES = Option(
    name="overrides",
    flags=("--set",),
    read=str,
    shown="KEY=VALUE",
    about='Over the config: "audio.channels=64"; any number of these.',
    is_repeated=True,
)


def run(
    config: Path | None, overrides: Sequence[str], leave_running: bool, supervised: bool, plain: bool
) -> None:
    with errors_told():
        place = find_config(config, os.environ)
        loaded = load_config(place.path, overrides=overrides)
    if not place.is_named:
        write_line(f"config: {place.path} ({place.by})")
    live = sys.stdout.isatty() and not plain
    terminal = terminal_streams()
    log = _log_to(loaded, live=live)
    notifier = Notifier()

    def read_again() -> RigConfig:
        config = load_config(place.path, overrides=overrides)
        for warning in unit_warnings(config) if supervised else ():
            logging.getLogger("rigd").warning("%s", warning)
        return config

    upkeep = Upkeep.SUPERVISED if supervised else Upkeep.OWN
    rig = Rig(loaded, upkeep=upkeep, notifier=notifier, read_again=read_again)
    signals = Signals()
    for warning in unit_warnings(loaded) if supervised else ():
        logging.getLogger("rigd").warning("%s", warning)
    for limit in file_limits(loaded):
        logging.getLogger("rigd").warning("%s", limit)
        if live:
            out.print(limit, style="yellow")
    with errors_told(), StartFeed(notifier, os.getpid()):
        try:
            rig.start()
        except AlreadyRunning as error:
            fail(ExitCode.ALREADY_RUNNING, str(error))
    logging.getLogger("rigd").info(
        "rigd runs by %s; runtime folder %s, library %s", place.path, loaded.runtime_dir, loaded.library
    )
    view = _live_view(loaded.runtime_dir / "rigd.sock") if live else None
    if view is not None:
        view.start()
        if cure := goes_with_login(loaded.runtime_dir, user=user_name(), uid=os.getuid()):
            view.say(cure)
    leaves_running = leave_running or supervised
    with LibraryWords(log_library_word) if live else contextlib.nullcontext() as words:
        were_open = _run(rig, signals, terminal, log, view, words)
    if not leaves_running and not rig.ended.is_set():
        _close_takes(rig, signals)
    rig.stop(leave_running=leaves_running)
    farewell = last_words(rig.controller.state, were_open, leaves_running=leaves_running)
    for word in farewell.split("\n"):
        logging.getLogger("rigd").info("%s", word)
    if rig.controller.state.power_off and (failed := switch_off()):
        logging.getLogger("rigd").error("%s", failed)
    _leave(farewell if live else "", log, view)


def log_library_word(line: str) -> None:
    """What a library prints by itself would lie across the live view."""
    logging.getLogger("rigd").info("a library says: %s", line)


def _live_view(socket: Path) -> LiveView:
    from rigd.cli.live import LiveView  # only for a terminal: what draws costs 6 MB and a tenth of the start

    return LiveView(socket)


def _run(
    rig: Rig,
    signals: Signals,
    terminal: tuple[int, ...],
    log: RunLog,
    view: LiveView | None,
    words: LibraryWords | None,
) -> set[TakeId]:
    """Until somebody ends the rig. Returns the takes that were open then."""

    def say(text: str) -> None:
        logging.getLogger("rigd").warning("%s", text)
        if view is not None:
            view.say(text)

    conduct = Conduct(state=lambda: rig.controller.state, say=say)
    hung_up = False
    were_open: set[TakeId] = set()
    while not rig.ended.is_set():
        were_open = open_takes(rig.controller.state) or were_open
        number = signals.next(LOOK_EVERY_S)
        answer = Answer.GO_ON if number is None else conduct.answer(number)
        if answer is Answer.END:
            return open_takes(rig.controller.state)
        if answer is Answer.DETACH and not terminal:
            logging.getLogger("rigd").info("SIGHUP: the config is being read again")
            rig.reload(origin=Origin("signal"))
        elif not hung_up and (answer is Answer.DETACH or (view is not None and view.is_cut_off)):
            hung_up = True
            if ERROR_STREAM in terminal:
                log.to_file()
            if view is not None:
                view.stop()
            if words is not None:
                words.let_go()
            let_go_of(terminal)
            logging.getLogger("rigd").info(
                "the terminal is gone; the rig goes on. See it: rigd watch. End it: rigd shut-down"
            )
    return were_open


def _close_takes(rig: Rig, signals: Signals) -> None:
    """Every take is closed, or it was asked to end once more: a disk that does not answer is not waited for."""
    rig.shut_down(origin=Origin("signal"))
    until = time.monotonic() + CLOSE_WITHIN_S
    while not rig.ended.is_set():
        if time.monotonic() > until:
            logging.getLogger("rigd").warning(
                "takes did not close within %.0f s; the writer goes on", CLOSE_WITHIN_S
            )
            return
        if signals.next(CLOSED_LOOK_S) in (signal.SIGINT, signal.SIGTERM):
            return


def _leave(words: str, log: RunLog, view: LiveView | None) -> None:
    """The terminal is as it was, with the last words below; one that takes nothing more holds up nobody."""
    log.flush()
    if view is None:
        return
    is_free = view.stop()
    if is_free and not view.is_cut_off:
        try:
            out.print_lines(words)
            return
        except OSError:
            pass
    logging.shutdown()
    os._exit(ExitCode.DONE)  # Python would wait at its end for whoever stands in a write


def check(file: Path | None, overrides: Sequence[str], system: bool, as_json: bool) -> None:
    try:
        file = file or Path(CONFIG) if system else find_config(file, os.environ).path
        config = load_config(file, overrides=overrides)
        if system:
            check_of_service(file, config)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "faults": str(error).split("\n")})
            raise SystemExit(ExitCode.CONFIG) from error
        fail(ExitCode.CONFIG, *str(error).split("\n"))
    geometry = config.tape_geometry()
    warnings = [] if config.mirror is None else mirror_warnings(config.library, config.mirror)
    warnings += file_limits(config)
    warnings += identity_warnings(config)
    warnings += hook_warnings(config)
    if file.absolute() == Path(CONFIG):
        warnings += unit_warnings(config)
    facts = {
        "ok": True,
        "channels": len(config.channels),
        "armed": sum(channel.armed for channel in config.channels),
        "sample_rate_hz": config.audio.sample_rate_hz,
        "tape_seconds": round(geometry.capacity_frames / geometry.sample_rate_hz, 1),
        "tape_bytes": config.tape_bytes(),
        "surfaces": [surface.name for surface in config.surfaces],
        "may_name": {surface.name: list(surface.may_name) for surface in config.surfaces},
        "roles": {surface.name: surface.role.value for surface in config.surfaces},
        "group_role": config.control.group_role.value,
        "preamps": [preamp.name for preamp in config.preamps],
        "faces": [face.name for face in config.faces],
        "library": str(config.library),
        "mirror": None if config.mirror is None else str(config.mirror),
        "warnings": warnings,
        "runtime_dir": str(config.runtime_dir),
        "blackbox_bytes": config.blackbox_bytes(),
        "blackbox_bytes_per_day": 86_400 * config.blackbox_bytes_per_second()
        if config.blackbox.minutes
        else 0,
    }
    if as_json:
        print_json(facts)
        return
    out.print(f"{file}: in order", style="green")
    out.print(
        f"{facts['channels']} channels, {facts['armed']} armed, at {config.audio.sample_rate_hz} Hz; the tape holds "
        f"{facts['tape_seconds']} s in {config.tape_bytes() / 1e6:.0f} MB of memory",
    )
    out.print(f"takes go to {config.library}")
    if config.mirror is not None:
        out.print(f"and to the mirror, {config.mirror}")
    if config.control.group_role is not Role.OWNER:
        out.print(f"members of the service's group are here as {config.control.group_role}")
    for surface in config.surfaces:
        if surface.role is not Role.OWNER:
            out.print(f'"{surface.name}" is here as {surface.role}')
        if getattr(surface.settings, "names_commands", False):
            out.print(f'"{surface.name}" may name by itself: {", ".join(surface.may_name) or "nothing"}')
    if config.faces:
        out.print(f"seen and commanded by {', '.join(f'[{face.name}]' for face in config.faces)}")
    for warning in warnings:
        out.print(warning, style="yellow")
    if config.blackbox.minutes:
        out.print(
            f"the black box keeps {config.blackbox.minutes:g} min of every channel in {config.blackbox_folder}: "
            f"up to {config.blackbox_bytes() / 1e9:.1f} GB of disk, and "
            f"{86_400 * config.blackbox_bytes_per_second() / 1e9:.0f} GB written a day",
        )


def hook_warnings(config: RigConfig) -> list[str]:
    """The commands of [hooks] that cannot be run as things are."""
    commands = plan_of(config.hooks, config.runtime_dir).commands
    found = {name: why_it_cannot_be_run(words) for name, words in commands.items() if words}
    return [f"[hooks] {name}: {why}" for name, why in found.items() if why]


def check_of_service(file: Path, config: RigConfig) -> None:
    """Raises ConfigError where the units could not do what it says."""
    folders = [config.library, config.blackbox_folder, *([] if config.mirror is None else [config.mirror])]
    if why := unseen_by_units(folders):
        raise ConfigError(f'{file}: {why}. Takes of the service go to a folder such as "/srv/takes"')


def unit_warnings(config: RigConfig) -> list[str]:
    """What the units of the service are not let reach of what their config names."""
    machine = this_machine()
    if not is_installed(machine):
        return []
    return [f"{misfit.what}. Run: {misfit.cure}" for misfit in misfits(needs_of(config), machine)]


def file_limits(config: RigConfig) -> list[str]:
    """A line for each volume, or limit of this process, that ends files before a take ends."""
    armed = sum(channel.armed for channel in config.channels)
    channels = max(1, armed) if config.take.files == "poly" else 1
    width = SAMPLE_BYTES[config.take.sample] * channels
    found = []
    for folder in (config.library, config.mirror):
        limit = file_limit(str(folder)) if folder is not None else FileLimit()
        if limit.why:
            found.append(what_it_means(limit, frame_bytes=width, sample_rate_hz=config.audio.sample_rate_hz))
    return list(dict.fromkeys(found))


def _log_to(config: RigConfig, *, live: bool) -> RunLog:
    """To stderr for a service's journal; beside the live view, or after a hang-up, into the runtime folder."""
    journal = None if live else SystemJournal.of_stderr()
    log = RunLog(None if live else ERROR_STREAM, config.runtime_dir / "rigd.log", journal=journal)
    log.setFormatter(PlainFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    return log


RUN = Command(
    name="run",
    run=run,
    about="Run the rig. In a terminal it shows the live view; elsewhere it logs.",
    parts=(
        config_option("The rig's config; else the one that rigd finds (rigd config)."),
        OVERRIDES,
        Option(
            name="leave_running",
            flags=("--leave-running",),
            about="At the end leave capture and writer, and a take that rolls, as they are: for an upgrade.",
        ),
        Option(
            name="supervised",
            flags=("--supervised",),
            about="A service manager starts and stops capture and writer; rigd only attaches to them. See systemd/.",
        ),
        Option(name="plain", flags=("--plain",), about="Log lines, no live view, also in a terminal."),
    ),
)
CHECK = Command(
    name="check",
    run=check,
    about="Say everything that is wrong with a config, or what it makes of the rig.",
    parts=(
        Argument(
            name="file",
            read=Path,
            about="The config; else the one that rigd finds (rigd config).",
            is_required=False,
            default=None,
        ),
        OVERRIDES,
        Option(
            name="system",
            flags=("--system",),
            about=f"As the service's, whose units see nobody's home; without FILE {CONFIG}.",
        ),
        AS_JSON,
    ),
)
