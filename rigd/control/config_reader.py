"""Reads the config again while the rig runs, and exchanges the parts that it changes: `rigd reload`.

Thread "rigd-reload", asleep but for that. Whole or not at all: all that can be wrong with the new config, and with
what is made of it, is found before the first part is stopped. It touches no process that records, and no part that
the new config leaves as it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from rigd.config.rig_config import RigConfig
from rigd.config.taken_up import ReadAgain, read_again
from rigd.control.parts import Exchange
from rigd.control.preamps import exchanged, restarted
from rigd.model.errors import RigError
from rigd.model.inputs import ConfigRead, ConfigTakenUp, Fact, Rules
from rigd.wire.notify import Notifier

log = logging.getLogger(__name__)

POST_AGAIN_S = 0.1
STOP_WITHIN_S = 10.0


class RigParts(Struct, frozen=True, kw_only=True):
    """What of the rig goes by the config and can be exchanged."""

    exchanges: Callable[[RigConfig, RigConfig], Sequence[Exchange]]
    """Made of the config in force and of the one that is to be. Raises RigError where one cannot be made; then
    nothing has changed."""
    rules: Callable[[RigConfig], Rules]


class ConfigReader:
    """The ConfigPort of the controller, and a part: started last and stopped first, so that nothing is exchanged
    while the rig starts or ends."""

    def __init__(
        self,
        config: RigConfig,
        *,
        read: Callable[[], RigConfig],
        tape_frames: int,
        post: Callable[[Fact], None],
        notifier: Notifier,
    ) -> None:
        """`config` is in force; `read` reads the same file again, or raises ConfigError in the lines of `rigd
        check`."""
        self._config = config
        self._read = read
        self._tape_frames = tape_frames
        self._post = post
        self._notifier = notifier
        self._parts: RigParts | None = None
        self._under_way: Sequence[Exchange] = ()
        self._taken_up = threading.Event()
        self._wanted = threading.Condition()
        self._is_wanted = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rigd-reload", daemon=True)

    def of(self, parts: RigParts) -> None:
        """These are exchanged. Before `start`."""
        self._parts = parts

    def start(self) -> None:
        """What was asked for until now is done now."""
        self._thread.start()

    def stop(self) -> None:
        """A reading under way is done, or given up where a part of somebody's does not end."""
        with self._wanted:
            self._stopping = True
            self._wanted.notify()
        if self._thread.ident is not None:
            self._thread.join(STOP_WITHIN_S)

    # The controller's thread

    def read(self) -> None:
        """See ConfigPort."""
        with self._wanted:
            self._is_wanted = True
            self._wanted.notify()

    def take_up(self) -> None:
        """See ConfigPort."""
        try:
            for each in self._under_way:
                each.take_up()
        finally:
            self._taken_up.set()

    # The thread

    def _run(self) -> None:
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._is_wanted or self._stopping)
                if self._stopping:
                    return
                self._is_wanted = False
            self._notifier.reloading()
            try:
                outcome = self._read_once()
            except Exception as error:  # the top of the thread: the next reading may go well
                log.exception("reading the config again failed")
                outcome = ConfigRead(faults=(f"this broke inside rigd; see its log: {error!r}",))
            self._say(outcome)
            self._notifier.reloaded()

    def _read_once(self) -> ConfigRead:
        assert self._parts is not None
        try:
            found = read_again(self._config, self._read(), tape_frames=self._tape_frames)
            made = self._parts.exchanges(self._config, found.config)
        except RigError as error:
            return ConfigRead(faults=tuple(str(error).split("\n")))
        if not found.taken_up:
            return ConfigRead(waits=found.waits)
        troubles = self._exchange(found, made, self._parts.rules(found.config))
        return ConfigRead(taken_up=found.taken_up, waits=found.waits, troubles=tuple(troubles))

    def _exchange(self, found: ReadAgain, made: Sequence[Exchange], rules: Rules) -> list[str]:
        """From here on nothing turns back: what breaks in a part is a line of the outcome."""
        before, after = self._config, found.config
        troubles: list[str] = []
        for each in made:
            _told(each.end_old, troubles)
        self._under_way = made
        self._taken_up.clear()
        self._config = after
        self._say(_fact(before, after, rules))
        while not self._taken_up.wait(POST_AGAIN_S):
            if self._stopping:
                return troubles
        for each in made:
            _told(lambda each=each: troubles.extend(each.begin_new()), troubles)  # type: ignore[misc]
        self._under_way = ()
        return troubles

    def _say(self, fact: Fact) -> None:
        """The controller has it, however much it has to do now."""
        while not self._stopping:
            try:
                self._post(fact)
                return
            except RigError as error:
                log.warning("reload: %s; it is said again", error)
                time.sleep(POST_AGAIN_S)


def _told(act: Callable[[], object], troubles: list[str]) -> None:
    try:
        act()
    except Exception as error:
        log.exception("a part broke as it was exchanged")
        troubles.append(f"{error or repr(error)}; see the log")


def _fact(before: RigConfig, after: RigConfig, rules: Rules) -> ConfigTakenUp:
    were_armed = {channel.number: channel.armed for channel in before.channels}
    return ConfigTakenUp(
        rules=rules,
        channels=after.channels,
        armed=tuple(each.number for each in after.channels if each.armed is not were_armed[each.number]),
        restarted=restarted(before, after),
        exchanged=exchanged(before, after),
        preamps=tuple(each.name for each in after.preamps),
        surfaces=(*(each.name for each in after.surfaces), *(each.name for each in after.faces)),
    )
