"""Builds the rig from its config, starts the parts in order, and stops them in reverse.

This is the one place that knows every part. It holds no state of its own: that is the controller's. The
capture and writer processes outlive it; what already runs is attached to and goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from rigd.api.server import ControlSocket
from rigd.blackbox.assembly import Assembly
from rigd.blackbox.kept_segments import Pins
from rigd.blackbox.plan import plan_of
from rigd.blackbox.recorder import NAME as BLACKBOX
from rigd.blackbox.recorder import BlackBoxKeeper
from rigd.config.kinds import SURFACES, Kinds
from rigd.config.rig_config import RigConfig
from rigd.control.binder import Binder
from rigd.control.clock_watch import ClockWatch
from rigd.control.controller import Chance, Controller
from rigd.control.feedback import Feedback
from rigd.control.ports import Ports
from rigd.control.preamps import Preamps
from rigd.control.unsafe_sound import UnsafeSoundWatch
from rigd.control.watchdog import DaemonWatchdog
from rigd.hands.surface import Surface
from rigd.library.disk_trial import DiskTrial
from rigd.library.index import INDEX_NAME
from rigd.library.keeper import LibraryKeeper
from rigd.library.library import Library
from rigd.library.takes import FoundTake
from rigd.links.capture_link import CaptureLink
from rigd.links.folder_watch import FolderWatch, OwnFile
from rigd.links.other_build import OtherBuild
from rigd.links.process_link import Upkeep
from rigd.links.runtime_folder import goes_with_login, make_runtime_dir, only_one, user_name
from rigd.links.start_settings import StartSettings
from rigd.links.writer_link import WriterLink, dismiss_writer
from rigd.mirror.second_volume import SecondVolume
from rigd.model.blackbox import Keep
from rigd.model.commands import ShutDown
from rigd.model.errors import TapeError
from rigd.model.inputs import CaptureLost, Rules, WriterLost
from rigd.model.state import SurfaceStatus, first_state, is_rolling
from rigd.model.units import Ns, Origin, TakeId
from rigd.rules.keep_beyond_tape import takes_are_behind
from rigd.takefile.volume import OWN_FOLDER
from rigd.tape.view import TapeView
from rigd.wire.held_lock import HeldLock
from rigd.wire.notify import Notifier

log = logging.getLogger(__name__)


def clock_ns() -> Ns:
    """CLOCK_MONOTONIC."""
    return Ns(time.monotonic_ns())


class Rig:
    """A running rig. `start` once, `stop` once; `ended` is set when somebody gave the command to shut down."""

    def __init__(
        self, config: RigConfig, *, upkeep: Upkeep = Upkeep.OWN, notifier: Notifier | None = None
    ) -> None:
        """`upkeep` says who starts and stops capture and the writer: the rig itself, or a service manager."""
        self._config = config
        self._upkeep = upkeep
        self._notifier = notifier or Notifier({})
        self._running = ExitStack()
        self.ended = threading.Event()
        self._leave_running = False
        self._second: SecondVolume | None = None

    def start(self) -> None:
        """Every part runs. Raises RigError, with everything stopped again, where the rig cannot run at all."""
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise

    def shut_down(self, *, origin: Origin) -> None:
        """Every take is being closed; `ended` is set once they are. For a signal or a terminal."""
        self.controller.submit(ShutDown(origin=origin, at_ns=clock_ns(), held=True))

    def stop(self, *, leave_running: bool = False) -> None:
        """Every part is stopped, in reverse. With `leave_running` capture and writer go on, and so does a take."""
        self._leave_running = leave_running or self._upkeep is Upkeep.SUPERVISED
        self._running.close()

    def _start(self) -> None:
        config, running = self._config, self._running
        runtime = make_runtime_dir(config.runtime_dir, laid_down=self._upkeep is Upkeep.SUPERVISED)
        lock = running.enter_context(only_one(runtime))
        library = Library(
            config.library,
            naming=config.naming(),
            layout=config.take.files,
            rig=config.rig.name,
            now=lambda: datetime.now().astimezone(),
            mirror=config.mirror,
            filed=self._filed,
            check_index=False,
        )
        running.callback(library.close)
        settings = StartSettings(
            runtime, config.capture_settings(), config.writer_settings(), config.mirror_settings()
        )
        settings.refuse_another_library()
        replace_blackbox = False
        if config.blackbox.minutes:
            settings.add("blackbox.json", config.blackbox_settings())
            replace_blackbox = settings.differs("blackbox.json")
        else:
            dismiss_writer(runtime, BLACKBOX)
        replace_capture = settings.settle()
        replace_writer, replace_mirror = settings.differs("writer.json"), settings.differs("mirror.json")
        if self._upkeep is Upkeep.SUPERVISED:
            settings.write()  # the service manager starts them when it will
        other_build = OtherBuild(runtime / "tape", self._post)

        tape = TapeView(runtime)
        running.callback(tape.close)
        with suppress(TapeError):
            tape.refresh()  # a take may be open on it, whether or not the interface is there

        def prepare() -> None:
            tape.name_again()
            settings.write()

        pins = Pins()
        own = library.own_folder
        clock = ClockWatch(traces=(library.root, own, own / "lock", own / INDEX_NAME), post=self._post)
        keeper = LibraryKeeper(
            library,
            post=self._post,
            assembly=partial(self._assembly, pins),
            read_clock=clock.reading,
            may_move=lambda: not is_rolling(self.controller.state),
        )
        preamps = Preamps(config.preamps, self._post)
        writer = WriterLink(
            runtime_dir=runtime,
            post=self._post,
            lost=lambda reason: self._post(WriterLost(reason=reason)),
            other_build=other_build,
            prepare=prepare,
            upkeep=self._upkeep,
        )
        second = self._second = SecondVolume.of(
            library=config.library,
            mirror=config.mirror,
            runtime_dir=runtime,
            keeper=keeper,
            state=lambda: self.controller.state,
            post=self._post,
            other_build=other_build,
            prepare=prepare,
            upkeep=self._upkeep,
        )
        capture = CaptureLink(
            runtime_dir=runtime,
            tape=tape,
            post=self._post,
            lost=lambda reason: self._post(CaptureLost(reason=reason)),
            other_build=other_build,
            prepare=prepare,
            upkeep=self._upkeep,
        )
        trial = DiskTrial(
            library.own_folder,
            root=library.root,
            post=self._post,
            may_go_on=lambda: not is_rolling(self.controller.state),
        )
        self.controller = Controller(
            state=first_state(
                channels=tuple(preamps.with_ability(channel) for channel in config.channels),
                sample_rate_hz=config.audio.sample_rate_hz,
                mirror=None if second is None else second.at_first,
            ),
            rules=self._rules(keeper, second),
            tape_time=tape,
            ports=Ports(
                writer=writer,
                preamps=preamps,
                library=keeper,
                disk=trial,
                end_rig=self.ended.set,
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
            surfaces={surface.name: surface.rights for surface in config.surfaces},
        )

        running.callback(trial.stop)
        keeper.start()
        running.callback(keeper.stop)
        self.controller.start()
        running.callback(self.controller.stop)
        clock.start()
        running.callback(clock.stop)
        # The two that matter most begin first: the rig listens while the rest is still being started.
        running.callback(lambda: capture.stop() if self._leave_running else capture.stop_process())
        capture.start(replace=replace_capture)
        running.callback(lambda: writer.stop() if self._leave_running else writer.stop_process())
        writer.start(replace=replace_writer)
        if second is not None:
            running.callback(lambda: second.stop(leave_running=self._leave_running))
            second.start(replace=replace_mirror)
        if config.blackbox.minutes:
            blackbox = self._blackbox(runtime, tape, pins, prepare, other_build)
            running.callback(lambda: blackbox.stop() if self._leave_running else blackbox.stop_process())
            blackbox.start(replace=replace_blackbox)
        self._unsafe_sound = UnsafeSoundWatch(
            tape,
            state=lambda: self.controller.state,
            post=self._post,
            clock_ns=clock_ns,
            sync_s=config.take.sync_interval_ms / 1000,
        )
        self._unsafe_sound.start()
        running.callback(self._unsafe_sound.stop)
        keeper.open_session(config.session_name(), going_on=True)
        preamps.start()
        running.callback(preamps.stop)
        server = self._start_surfaces(runtime, tape)
        self._watch_folder(runtime, lock, settings, tape, server)
        life = DaemonWatchdog(self.controller, self._notifier)
        life.start()
        running.callback(life.stop)

    def _rules(self, keeper: LibraryKeeper, second: SecondVolume | None) -> Rules:
        """What the config says of takes, for the state table."""
        config = self._config
        return Rules(
            preroll_s=config.take.preroll_seconds,
            postroll_s=config.take.postroll_seconds,
            plan_take=keeper.plan_take,
            next_take_number=keeper.next_take_number,
            session_of_day=keeper.session_of_day,
            keep_s=config.tape.keep_seconds,
            sample=config.take.sample,
            phantom_while_rolling=config.control.phantom_while_rolling,
            least_disk_s=config.disk.reserve_seconds,
            tape_s=config.tape_geometry().capacity_frames / config.audio.sample_rate_hz,
            sync_s=config.take.sync_interval_ms / 1000,
            measure_at_start=config.disk.measure_at_start,
            volumes=None if second is None else second.volumes,
        )

    def _assembly(self, pins: Pins, closed: Callable[[Keep, Path], None]) -> Assembly:
        """Also without a black box: what was asked of it before is still put together."""
        config = self._config
        return Assembly(
            config.library / OWN_FOLDER,
            config.blackbox_folder,
            pins=pins,
            post=self._post,
            closed=closed,
            is_rolling=lambda: is_rolling(self.controller.state),
            disk_is_slow=lambda: takes_are_behind(self.controller.state),
            beside="" if config.mirror is None else str(config.mirror),
        )

    def _blackbox(
        self,
        runtime: Path,
        tape: TapeView,
        pins: Pins,
        prepare: Callable[[], None],
        other_build: OtherBuild,
    ) -> BlackBoxKeeper:
        return BlackBoxKeeper(
            plan_of(self._config),
            runtime_dir=runtime,
            tape=tape,
            pins=pins,
            post=self._post,
            prepare=prepare,
            clock_ns=clock_ns,
            wall_ns=time.time_ns,
            utc_offset_s=_utc_offset_s,
            other_build=other_build,
            upkeep=self._upkeep,
        )

    def _watch_folder(
        self, runtime: Path, lock: HeldLock, settings: StartSettings, tape: TapeView, server: ControlSocket
    ) -> None:
        cure = goes_with_login(runtime, user=user_name(), uid=os.getuid())
        if cure:
            log.warning("%s", cure)
        watch = FolderWatch(
            runtime,
            lock=lock,
            files=(
                OwnFile(name="tape", is_there=tape.can_be_found, make_again=tape.name_again),
                OwnFile(name="settings", is_there=settings.are_there, make_again=settings.write),
                OwnFile(name="rigd.sock", is_there=server.can_be_found, make_again=server.open_again),
            ),
            post=self._post,
            cure=cure,
            laid_down=self._upkeep is Upkeep.SUPERVISED,
        )
        watch.start()
        self._running.callback(watch.stop)

    def _start_surfaces(self, runtime: Path, tape: TapeView) -> ControlSocket:
        config, running, controller = self._config, self._running, self.controller

        feedback = Feedback(state=lambda: controller.state, meter=tape.meter(), post=self._post)
        binder = Binder(
            bindings={surface.name: surface.bindings for surface in config.surfaces},
            submit=controller.submit,
            state=lambda: controller.state,
            report=feedback.report,
            clock=clock_ns,
        )
        kinds = Kinds(SURFACES)
        surfaces: list[Surface] = []
        for each in config.surfaces:
            surface: Surface = kinds[each.kind](each.name, each.settings, each.bindings, binder)
            binder.introduce(surface)
            feedback.introduce(surface)
            feedback.report(
                SurfaceStatus(
                    name=each.name, kind=each.kind, connected=False, detail="it has not reported anything yet"
                )
            )
            surfaces.append(surface)
        binder.start()
        running.callback(binder.stop)
        for surface in surfaces:
            surface.start()
            running.callback(surface.stop)
        controller.watch(feedback.changed)
        feedback.start()
        running.callback(feedback.stop)
        server = ControlSocket(
            runtime / "rigd.sock",
            controller=controller,
            make_meter=tape.meter,
            read_timing=tape.timing,
            read_safety=self._unsafe_sound.now,
            clock_ns=clock_ns,
            overheard={each.name: port for each in surfaces if (port := getattr(each, "overheard", None))},
        )
        server.start()
        running.callback(server.stop)
        return server

    def _post(self, fact: Any) -> None:
        self.controller.post(fact)

    def _filed(self, found: FoundTake) -> None:
        if self._second is not None:
            self._second.keeper.filed(found)


def _utc_offset_s(wall_ns: int) -> int:
    offset = datetime.fromtimestamp(wall_ns / 1e9).astimezone().utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
