"""What of a config that is read again is taken up while the rig runs, and what waits for a restart. Pure.

Every option stands in `WHEN`, so that a new one has to be given its place; a test walks all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from rigd.config.differences import in_words
from rigd.config.rig_config import FaceConfig, PreampConfig, RigConfig, SurfaceConfig
from rigd.model.state import Channel

NOW = ""
CAPTURE = "the interface is opened with it"
TAPE = "the tape is made with it"
WRITERS = "the writers are started with it"
LIBRARY = "the library is held by its path"
RUNTIME = "all processes meet there"
SESSION = "a start of rigd opens the day's first session by it"
BLACK_BOX = "the black box is started with it"
SOCKET = "what says which socket a channel is stays while the rig runs"

WHEN: Mapping[str, str] = {
    "rig.name": NOW,
    "rig.session": SESSION,
    "rig.library": LIBRARY,
    "rig.runtime_dir": RUNTIME,
    "audio.driver": CAPTURE,
    "audio.device": CAPTURE,
    "audio.sample_rate_hz": CAPTURE,
    "audio.channels": CAPTURE,
    "audio.period_frames": CAPTURE,
    "audio.DRIVER": CAPTURE,
    "tape.stall_seconds": TAPE,
    "tape.keep_seconds": TAPE,
    "take.preroll_seconds": NOW,
    "take.postroll_seconds": NOW,
    "take.sample": NOW,
    "take.files": NOW,
    "take.folder": NOW,
    "take.file": NOW,
    "take.poly_file": NOW,
    "take.sync_interval_ms": WRITERS,
    "disk.reserve_seconds": NOW,
    "disk.measure_at_start": NOW,
    "control.phantom_while_rolling": NOW,
    "control.group_role": NOW,
    "control.wish_seconds": NOW,
    "control.power_off": NOW,
    "mirror.library": WRITERS,
    "blackbox.minutes": BLACK_BOX,
    "blackbox.segment_seconds": BLACK_BOX,
    "blackbox.folder": BLACK_BOX,
    "hooks.take_closed": NOW,
    "hooks.disk_low": NOW,
    "hooks.fault": NOW,
    "hooks.fault_over": NOW,
    "hooks.timeout_seconds": NOW,
    "channel.name": NOW,
    "channel.input": SOCKET,
    "channel.source": NOW,
    "channel.armed": NOW,
    "channel.preamp": NOW,
    "channel.gang": NOW,
    "preamp.NAME": NOW,
    "surface.NAME": NOW,
    "FACE": NOW,
}
"""Why it waits, by the option's whole name; `NOW` is taken up at once. What a kind says itself (preamp, surface,
face) is taken up as a whole: that one is made anew."""
SECTIONS = ("rig", "audio", "tape", "take", "disk", "control", "blackbox", "hooks")
"""Of a RigConfig: each is a section of its own."""
_Of = TypeVar("_Of", PreampConfig, SurfaceConfig, FaceConfig)
_Section = TypeVar("_Section", bound=BaseModel)


class ReadAgain(Struct, frozen=True, kw_only=True):
    """A config that was read again, beside the one in force."""

    config: RigConfig
    """What is in force once it is taken up: what waits is in it as it was."""
    taken_up: tuple[str, ...]
    """What differs and is taken up now, a line each."""
    waits: tuple[str, ...]
    """What waits for a restart, and why, a line each."""


def read_again(running: RigConfig, read: RigConfig, *, tape_frames: int) -> ReadAgain:
    """What `read` makes of a rig that runs by `running`, with a tape of so many frames."""
    return _Comparison(running, read, tape_frames).result()


class _Comparison:
    def __init__(self, running: RigConfig, read: RigConfig, tape_frames: int) -> None:
        self._running, self._read, self._tape_frames = running, read, tape_frames
        self._now: list[str] = []
        self._waits: list[str] = []

    def result(self) -> ReadAgain:
        running, read = self._running, self._read
        new: dict[str, Any] = {
            name: self._section(name, getattr(running, name), getattr(read, name)) for name in SECTIONS
        }
        if running.mirror != read.mirror:
            self._waiting("mirror.library", str(running.mirror or ""), str(read.mirror or ""))
        for key in dict.fromkeys((*running.driver_options, *read.driver_options)):
            before, after = running.driver_options.get(key), read.driver_options.get(key)
            if before != after:
                self._line(f"audio.{read.audio.driver}.{key}", before, after, WHEN["audio.DRIVER"])
        channels = tuple(self._channels())
        preamps = tuple(_with_sockets(each, channels) for each in read.preamps)
        new |= {"channels": channels, "preamps": preamps, "surfaces": read.surfaces, "faces": read.faces}
        self._tables("preamp.{}", running.preamps, read.preamps)
        self._tables("surface.{}", running.surfaces, read.surfaces)
        self._tables("{}", running.faces, read.faces)
        return ReadAgain(config=replace(running, **new), taken_up=tuple(self._now), waits=tuple(self._waits))

    def _section(self, name: str, before: _Section, after: _Section) -> _Section:
        new: dict[str, Any] = {}
        for key in type(before).model_fields:
            was, now = getattr(before, key), getattr(after, key)
            if was == now:
                continue
            why = self._why_it_waits(f"{name}.{key}", now)
            self._line(f"{name}.{key}", was, now, why)
            if not why:
                new[key] = now
        return before.model_copy(update=new)

    def _why_it_waits(self, option: str, value: Any) -> str:
        """As the table says, but for two that go by what there is."""
        if option == "take.preroll_seconds":
            take = self._running.take.model_copy(update={"preroll_seconds": value})
            needed = replace(self._running, take=take).tape_geometry().capacity_frames
            return TAPE if needed > self._tape_frames else NOW
        if option == "take.sample" and self._running.blackbox.minutes:
            return BLACK_BOX
        return WHEN[option]

    def _channels(self) -> Iterator[Channel]:
        """Each channel that the rig has. One whose socket is another one stays whole: its name belongs to that."""
        read = {channel.number: channel for channel in self._read.channels}
        preamps = {each.name for each in self._read.preamps}
        for was in self._running.channels:
            now = read.get(was.number)
            if now is None or now.input != was.input:
                if now is not None:
                    self._line(f"channel {was.number} input", was.input, now.input, WHEN["channel.input"])
                yield was if was.preamp in preamps else replace(was, preamp="", socket=0)
                continue
            for what in ("name", "source", "armed", "gang"):
                if getattr(was, what) != getattr(now, what):
                    self._line(f"channel {was.number} {what}", getattr(was, what), getattr(now, what), NOW)
            if (was.preamp, was.socket) != (now.preamp, now.socket):
                self._line(f"channel {was.number} preamp", _place(was), _place(now), NOW)
            yield now

    def _tables(self, name: str, before: tuple[_Of, ...], after: tuple[_Of, ...]) -> None:
        """Only the names of what differs: what a kind of its own has there is not for everybody's eyes."""
        were: dict[str, Any] = {each.name: each for each in before}
        are: dict[str, Any] = {each.name: each for each in after}
        for each in dict.fromkeys((*were, *are)):
            section = f"[{name.format(each)}]"
            if each not in are:
                self._now.append(f"{section} is gone")
            elif each not in were:
                self._now.append(f"{section} is new")
            elif differs := list(_differing(were[each], are[each])):
                self._now.append(f"{section} {', '.join(differs)}")

    def _line(self, option: str, before: Any, after: Any, why: str) -> None:
        line = f"{option} {_words(before)} -> {_words(after)}"
        if why:
            self._waits.append(f"{line}: {why}")
        else:
            self._now.append(line)

    def _waiting(self, option: str, before: Any, after: Any) -> None:
        self._line(option, before, after, WHEN[option])


def _with_sockets(preamp: PreampConfig, channels: tuple[Channel, ...]) -> PreampConfig:
    sockets = {channel.socket for channel in channels if channel.preamp == preamp.name}
    return replace(preamp, sockets=tuple(sorted(sockets)))


def _differing(before: _Of, after: _Of) -> Iterator[str]:
    """Options by their names. Which sockets a preamp has in use follows from the channels, which say it."""
    for name in before.__struct_fields__:
        was, now = getattr(before, name), getattr(after, name)
        if was == now or name == "sockets":
            continue
        if isinstance(was, BaseModel) and type(was) is type(now):
            yield from (key for key in type(was).model_fields if getattr(was, key) != getattr(now, key))
        elif name != "settings":  # of another kind: that says it
            yield name


def _place(channel: Channel) -> str:
    return f"{channel.preamp}:{channel.socket}" if channel.preamp else ""


def _words(value: Any) -> str:
    return in_words(list(value) if isinstance(value, tuple) else value)
