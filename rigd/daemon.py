"""The rig as a list of parts: what everybody needs is made first, then each part in the order in which they start.

This is the one place that knows every part, and it knows no kind of them by name. It holds no state of its own:
that is the controller's. The capture and writer processes outlive it; what already runs is attached to and goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from rigd.api.answers import Records
from rigd.api.server import ControlSocket
from rigd.blackbox.assembly import Assembly
from rigd.blackbox.kept_segments import Pins
from rigd.blackbox.plan import plan_of
from rigd.blackbox.recorder import NAME as BLACKBOX
from rigd.blackbox.recorder import BlackBoxKeeper
from rigd.config.load import load_config
from rigd.config.rig_config import RigConfig
from rigd.control.binder import Binder
from rigd.control.clip_watch import ClipWatch
from rigd.control.clock_watch import ClockWatch
from rigd.control.config_reader import ConfigReader, RigParts
from rigd.control.controller import Chance, Controller
from rigd.control.faces import Faces
from rigd.control.feedback import Feedback
from rigd.control.inbox import Inbox
from rigd.control.levels_fan import LevelsFan
from rigd.control.lock_memory import LockMemory
from rigd.control.parts import DaemonPart, Exchange, OnlyTold, ProcessPart, RigPart, Running
from rigd.control.ports import Ports
from rigd.control.preamp_memory import PreampMemory
from rigd.control.preamps import Preamps
from rigd.control.published import Published
from rigd.control.surfaces import Surfaces
from rigd.control.unsafe_sound import UnsafeSoundWatch
from rigd.control.watchdog import DaemonWatchdog
from rigd.library.audit import AuditJournal
from rigd.library.disk_trial import DiskTrial
from rigd.library.index import INDEX_NAME
from rigd.library.keeper import LibraryKeeper
from rigd.library.library import Library
from rigd.library.listing import TakeListing
from rigd.links.capture_link import CaptureLink
from rigd.links.folder_watch import FolderWatch, OwnFile
from rigd.links.other_build import OtherBuild
from rigd.links.process_link import Upkeep
from rigd.links.runtime_folder import goes_with_login, make_runtime_dir, only_one, user_name
from rigd.links.start_settings import StartSettings
from rigd.links.writer_link import WriterLink, dismiss_writer
from rigd.machine.parts import hooks_of, machine_parts
from rigd.machine.parts import plan_of as plan_of_hooks
from rigd.mirror.second_volume import SecondVolume
from rigd.model.blackbox import Keep
from rigd.model.commands import Rejected, Reload, Reply, ShutDown
from rigd.model.errors import TapeError
from rigd.model.inputs import CaptureLost, Rules, WriterLost
from rigd.model.state import ConfigStanding, Mirror, first_state, is_rolling
from rigd.model.units import Ns, Origin, TakeId
from rigd.rules.keep_beyond_tape import takes_are_behind
from rigd.rules.permissions import RIG_ITSELF
from rigd.takefile.volume import OWN_FOLDER
from rigd.tape.view import TapeView
from rigd.wire.notify import Notifier

log = logging.getLogger(__name__)


def clock_ns() -> Ns:
    """CLOCK_MONOTONIC."""
    return Ns(time.monotonic_ns())


class Ground:
    """What everybody needs and what needs nobody: made first, let go of last. Raises RigError where the rig cannot
    run at all; then nothing is held."""

    def __init__(self, config: RigConfig, upkeep: Upkeep) -> None:
        self.upkeep = upkeep
        self.inbox = Inbox()
        with ExitStack() as held:
            self.runtime = make_runtime_dir(config.runtime_dir, laid_down=self.is_supervised)
            self.lock = held.enter_context(only_one(self.runtime))
            self.library = Library(
                config.library,
                naming=config.naming(),
                layout=config.take.files,
                rig=config.rig.name,
                now=lambda: datetime.now().astimezone(),
                mirror=config.mirror,
                check_index=False,
            )
            held.callback(self.library.close)
            self.settings = StartSettings(
                self.runtime, config.capture_settings(), config.writer_settings(), config.mirror_settings()
            )
            self.settings.refuse_another_library()
            if config.blackbox.minutes:
                self.settings.add("blackbox.json", config.blackbox_settings())
            else:
                dismiss_writer(self.runtime, BLACKBOX)
            self.replaces_capture = self.settings.settle()
            self.replaces = {
                name: self.settings.differs(f"{name}.json") for name in ("writer", "mirror", BLACKBOX)
            }
            """Of each writer that may be found running: it was started with other settings."""
            if self.is_supervised:
                self.settings.write()  # the service manager starts them when it will
            self.other_build = OtherBuild(self.runtime / "tape", self.inbox.post)
            self.tape = TapeView(self.runtime)
            held.callback(self.tape.close)
            with suppress(TapeError):
                self.tape.refresh()  # a take may be open on it, whether or not the interface is there
            self._held = held.pop_all()

    @property
    def is_supervised(self) -> bool:
        """A service manager starts and stops capture and the writers."""
        return self.upkeep is Upkeep.SUPERVISED

    def prepare(self) -> None:
        """Whatever a process needs to be started is in the runtime folder. Any thread."""
        self.tape.name_again()
        self.settings.write()

    def close(self) -> None:
        """Nothing is held any more: another rigd may run here."""
        self._held.close()


class Rig:
    """A running rig. `start` once, `stop` once; `ended` is set when somebody gave the command to shut down."""

    def __init__(
        self,
        config: RigConfig,
        *,
        upkeep: Upkeep = Upkeep.OWN,
        notifier: Notifier | None = None,
        read_again: Callable[[], RigConfig] | None = None,
    ) -> None:
        """`upkeep` says who starts and stops capture and the writer: the rig itself, or a service manager.
        `read_again` reads the same config as it is by then; None: by its path alone."""
        self._config = config
        self._read_again = read_again or partial(load_config, config.path)
        self._upkeep = upkeep
        self._notifier = notifier or Notifier({})
        self._running = Running()
        self._ground: Ground | None = None
        self.ended = threading.Event()

    def start(self) -> None:
        """Every part runs. Raises RigError, with everything stopped again, where the rig cannot run at all."""
        ground = self._ground = Ground(self._config, self._upkeep)
        try:
            left_running = ground.is_supervised or ground.settings.a_take_is_open()
            self._running.start(self._parts(ground), leave_running=left_running)
        except BaseException:
            ground.close()
            raise

    def shut_down(self, *, origin: Origin) -> None:
        """Every take is being closed; `ended` is set once they are. For a signal or a terminal."""
        self.controller.submit(ShutDown(origin=origin, at_ns=clock_ns(), held=True), RIG_ITSELF)

    def reload(self, *, origin: Origin) -> None:
        """The config is being read again; what comes of it is in the log. For a signal."""
        command = Reload(origin=origin, at_ns=clock_ns())
        self.controller.submit_then(command, RIG_ITSELF, _log_refusal)

    def stop(self, *, leave_running: bool = False) -> None:
        """Every part is stopped, in reverse. With `leave_running` capture and writer go on, and so does a take."""
        self._running.stop(leave_running=leave_running or self._upkeep is Upkeep.SUPERVISED)
        if self._ground is not None:
            self._ground.close()

    def _parts(self, ground: Ground) -> Iterator[RigPart]:
        """The list. Each part is started before the next one is made, and stopped in reverse."""
        config, inbox, tape, library = self._config, ground.inbox, ground.tape, ground.library
        preamps = Preamps(config.preamps, inbox.post, wish_s=config.control.wish_seconds)
        memory = PreampMemory(ground.runtime, config.channels, tape_id=tape.tape_id)
        lock = LockMemory(ground.runtime)
        first = first_state(
            channels=config.channels,
            sample_rate_hz=config.audio.sample_rate_hz,
            locked=lock.read(),
            mirror=None if config.mirror is None else Mirror(root=str(config.mirror.absolute())),
            config=ConfigStanding(path=str(config.path.absolute())),
        )
        published = Published(replace(first, preamp_history=memory.read()))

        def nothing_rolls() -> bool:
            return not is_rolling(published.newest())

        audit = AuditJournal(config.library)
        catalogue = library.catalogue
        listing = TakeListing(library.root, catalogue.reader, is_complete=lambda: not catalogue.incomplete)
        pins = Pins()
        own = library.own_folder
        clock = ClockWatch(traces=(library.root, own, own / "lock", own / INDEX_NAME), post=inbox.post)
        keeper = LibraryKeeper(
            library,
            post=inbox.post,
            assembly=partial(self._assembly, inbox, published, pins),
            read_clock=clock.reading,
            may_move=nothing_rolls,
        )
        writer = WriterLink(
            runtime_dir=ground.runtime,
            post=inbox.post,
            lost=lambda reason: inbox.post(WriterLost(reason=reason)),
            other_build=ground.other_build,
            prepare=ground.prepare,
            upkeep=ground.upkeep,
        )
        second = SecondVolume.of(
            library=config.library,
            mirror=config.mirror,
            runtime_dir=ground.runtime,
            keeper=keeper,
            state=published.newest,
            post=inbox.post,
            other_build=ground.other_build,
            prepare=ground.prepare,
            upkeep=ground.upkeep,
        )
        if second is not None:
            library.when_filed(second.keeper.filed)
        trial = DiskTrial(own, root=library.root, post=inbox.post, may_go_on=nothing_rolls)
        reader = ConfigReader(
            config,
            read=self._read_again,
            tape_frames=config.tape_geometry().capacity_frames,
            post=inbox.post,
            notifier=self._notifier,
        )
        rules = partial(self._rules, keeper, second)
        controller = self.controller = Controller(
            inbox=inbox,
            published=published,
            rules=rules(config),
            tape_time=tape,
            ports=Ports(
                writer=writer,
                preamps=preamps,
                library=keeper,
                disk=trial,
                end_rig=self.ended.set,
                audit=audit.answered,
                config=reader,
                mirror=None if second is None else second.link,
                volumes=None if second is None else second.keeper,
            ),
            chance=Chance(
                clock_ns=clock_ns,
                wall_ns=time.time_ns,
                utc_offset_s=_utc_offset_s,
                new_take_id=lambda: TakeId(uuid.uuid4().hex),
                read_clock=clock.reading,
            ),
        )
        capture = CaptureLink(
            runtime_dir=ground.runtime,
            tape=tape,
            post=inbox.post,
            lost=lambda reason: inbox.post(CaptureLost(reason=reason)),
            other_build=ground.other_build,
            prepare=ground.prepare,
            upkeep=ground.upkeep,
        )

        controller.watch(lambda: memory.keep(published.newest().preamp_history))
        controller.watch(lambda: lock.keep(published.newest().locked))
        yield DaemonPart("audit", audit)
        yield DaemonPart("listing", listing)
        yield DaemonPart("disk trial", trial)
        yield DaemonPart("library", keeper)
        yield DaemonPart("controller", controller)
        yield DaemonPart("clock", clock)
        hooks = hooks_of(config.hooks, controller, runtime_dir=ground.runtime)
        yield from machine_parts(hooks, controller)
        # The two that matter most begin first: the rig listens while the rest is still being made and started.
        yield ProcessPart("capture", capture, replace=ground.replaces_capture)
        yield ProcessPart("writer", writer, replace=ground.replaces["writer"])
        if second is not None:
            yield ProcessPart("mirror", second.link, replace=ground.replaces["mirror"])
            yield DaemonPart("mirror keeper", second.keeper)
        if config.blackbox.minutes:
            yield ProcessPart("black box", self._blackbox(ground, pins), replace=ground.replaces[BLACKBOX])
        unsafe_sound = UnsafeSoundWatch(
            tape,
            state=published.newest,
            post=inbox.post,
            clock_ns=clock_ns,
            sync_s=config.take.sync_interval_ms / 1000,
        )
        yield DaemonPart("unsafe sound", unsafe_sound)
        levels = LevelsFan(tape.meter(), clock_ns)
        yield DaemonPart("clips", ClipWatch(levels.taker().take, post=inbox.post))
        keeper.open_session(config.session_name(), going_on=True)
        yield preamps
        feedback = Feedback(state=published.newest, take_levels=levels.taker, post=inbox.post)
        binder = Binder(
            bindings={surface.name: surface.bindings for surface in config.surfaces},
            principals={surface.name: surface.principal for surface in config.surfaces},
            submit=inbox.submit,
            state=published.newest,
            report=feedback.report,
            clock=clock_ns,
            refused=inbox.refused,
        )
        surfaces = Surfaces(config.surfaces, binder, feedback)
        yield DaemonPart("binder", binder)
        yield surfaces
        controller.watch(feedback.changed)
        yield DaemonPart("feedback", feedback)
        faces = Faces(config.faces, controller, levels=levels, feedback=feedback)
        yield faces
        server = ControlSocket(
            ground.runtime / "rigd.sock",
            controller=controller,
            levels=levels,
            read_timing=tape.timing,
            read_safety=unsafe_sound.now,
            read_newest_ns=tape.newest_sound_ns,
            clock_ns=clock_ns,
            group_role=config.control.group_role,
            records=Records(
                audit=audit.read,
                takes=listing.page,
                sessions=listing.sessions,
                take=lambda take_id, told: keeper.answer(
                    partial(library.read_take, take_id), told, "read take"
                ),
            ),
            overheard=surfaces.overheard,
        )
        yield DaemonPart("control socket", server)
        yield DaemonPart("runtime folder", self._folder_watch(ground, server))
        yield DaemonPart("watchdog", DaemonWatchdog(controller, self._notifier))

        def told(config: RigConfig) -> None:
            library.use(naming=config.naming(), layout=config.take.files, rig=config.rig.name)
            memory.use(config.channels)
            server.group_role_is(config.control.group_role)

        def exchanges(before: RigConfig, after: RigConfig) -> list[Exchange]:
            return [
                surfaces.exchange(before.surfaces, after.surfaces),
                preamps.exchange(before, after),
                faces.exchange(before.faces, after.faces),
                OnlyTold(
                    partial(told, after),
                    then=partial(hooks.use, plan_of_hooks(after.hooks, after.runtime_dir)),
                ),
            ]

        reader.of(RigParts(exchanges=exchanges, rules=rules))
        yield DaemonPart("reload", reader)

    def _rules(self, keeper: LibraryKeeper, second: SecondVolume | None, config: RigConfig) -> Rules:
        """What the config says of takes, for the state table; of the tape what the rig was started with."""
        return Rules(
            preroll_s=config.take.preroll_seconds,
            postroll_s=config.take.postroll_seconds,
            plan_take=keeper.plan_take,
            next_take_number=keeper.next_take_number,
            session_of_day=keeper.session_of_day,
            keep_s=config.tape.keep_seconds,
            sample=config.take.sample,
            phantom_while_rolling=config.control.phantom_while_rolling,
            wish_s=config.control.wish_seconds,
            power_off=config.control.power_off,
            least_disk_s=config.disk.reserve_seconds,
            tape_s=self._config.tape_geometry().capacity_frames / config.audio.sample_rate_hz,
            sync_s=config.take.sync_interval_ms / 1000,
            measure_at_start=config.disk.measure_at_start,
            volumes=None if second is None else second.volumes,
        )

    def _assembly(
        self, inbox: Inbox, published: Published, pins: Pins, closed: Callable[[Keep, Path], None]
    ) -> Assembly:
        """Also without a black box: what was asked of it before is still put together."""
        config = self._config
        return Assembly(
            config.library / OWN_FOLDER,
            config.blackbox_folder,
            pins=pins,
            post=inbox.post,
            closed=closed,
            is_rolling=lambda: is_rolling(published.newest()),
            disk_is_slow=lambda: takes_are_behind(published.newest()),
            beside="" if config.mirror is None else str(config.mirror),
        )

    def _blackbox(self, ground: Ground, pins: Pins) -> BlackBoxKeeper:
        return BlackBoxKeeper(
            plan_of(self._config),
            runtime_dir=ground.runtime,
            tape=ground.tape,
            pins=pins,
            post=ground.inbox.post,
            prepare=ground.prepare,
            clock_ns=clock_ns,
            wall_ns=time.time_ns,
            utc_offset_s=_utc_offset_s,
            other_build=ground.other_build,
            upkeep=ground.upkeep,
        )

    def _folder_watch(self, ground: Ground, server: ControlSocket) -> FolderWatch:
        tape, settings = ground.tape, ground.settings
        cure = goes_with_login(ground.runtime, user=user_name(), uid=os.getuid())
        if cure:
            log.warning("%s", cure)
        return FolderWatch(
            ground.runtime,
            lock=ground.lock,
            files=(
                OwnFile(name="tape", is_there=tape.can_be_found, make_again=tape.name_again),
                OwnFile(name="settings", is_there=settings.are_there, make_again=settings.write),
                OwnFile(name="rigd.sock", is_there=server.can_be_found, make_again=server.open_again),
            ),
            post=ground.inbox.post,
            cure=cure,
            laid_down=ground.is_supervised,
        )


def _log_refusal(reply: Reply) -> None:
    if isinstance(reply, Rejected):
        log.warning("the config is not read again: %s", reply.reason)


def _utc_offset_s(wall_ns: int) -> int:
    offset = datetime.fromtimestamp(wall_ns / 1e9).astimezone().utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
