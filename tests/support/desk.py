"""A rig without parts: steps the state table with a made-up clock and tape, for tests of the rules."""

from __future__ import annotations

import itertools
from typing import Any

from msgspec.structs import replace

from rigd.model.command_text import parse_command
from rigd.model.commands import COMMANDS, Accepted, Command, Rejected, Reply
from rigd.model.disk_words import DiskMeasured, Measurement
from rigd.model.effects import Effect, SendToMirror, SendToWriter
from rigd.model.events import Event, Happening
from rigd.model.gain import GAIN, PAD, PHANTOM, Abilities, Ability, SettingKind
from rigd.model.inputs import Circumstances, Input, MirrorSaid, Rules, TwoVolumes
from rigd.model.library import SessionOpened, TakePlan, VolumeChecked, WhichVolume
from rigd.model.messages import CapturePhase, CaptureReport, OpenTake, TakeClosed, WriterReport
from rigd.model.state import Channel, Mirror, RigState, Take, Transport, first_state, with_abilities
from rigd.model.take import ClosedFile, Slate, TakeFile, Track
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns, Origin, TakeId
from rigd.rules.table import Step, step
from rigd.rules.tape_size import reach_back

RATE_HZ = 48_000
NS_PER_FRAME = 1_000_000_000 / RATE_HZ
WALL_NS = 1_700_000_000_000_000_000
SESSION_FOLDER = "/takes/2023-11-14 Rehearsal"
ABILITIES: Abilities = {
    GAIN: Ability(kind=SettingKind.DB, min_db=-12.0, max_db=60.0, step_db=0.5),
    PHANTOM: Ability(kind=SettingKind.SWITCH, confirm=True),
}
BASS_ABILITIES: Abilities = {
    **ABILITIES,
    GAIN: Ability(kind=SettingKind.DB, min_db=-12.0, max_db=30.0, step_db=0.5),
    PAD: Ability(kind=SettingKind.SWITCH),
}


def plan_take(*, session_folder: str, slate: Slate, tracks: tuple[Track, ...]) -> TakePlan:
    files = tuple(TakeFile(name=f"{track.channel:02}.wav", channels=(track.channel,)) for track in tracks)
    return TakePlan(folder=f"{session_folder}/{slate.song}/Take {slate.number:03}", files=files)


def next_take_number(*, session_folder: str, song: str) -> int:
    return 1


def rules(**changes: Any) -> Rules:
    plain = Rules(preroll_s=2.0, postroll_s=0.0, plan_take=plan_take, next_take_number=next_take_number)
    return replace(plain, **changes)


def channels() -> tuple[Channel, ...]:
    """1 Kick and 2 Snare are ganged on a desk; 3 Bass has a preamp of its own; 4 Room has none."""

    def channel(number: int, name: str, abilities: Abilities | None = None, **more: Any) -> Channel:
        plain = Channel(
            number=ChannelNumber(number),
            input=InputNumber(number),
            name=name,
            source="mic",
            armed=True,
            **more,
        )
        return with_abilities(plain, abilities) if abilities is not None else plain

    return (
        channel(1, "Kick", preamp="desk", socket=1, gang="drums", abilities=ABILITIES),
        channel(2, "Snare", preamp="desk", socket=2, gang="drums", abilities=ABILITIES),
        channel(3, "Bass", preamp="desk", socket=3, abilities=BASS_ABILITIES),
        channel(4, "Room"),
    )


LISTENING = CaptureReport(
    phase=CapturePhase.LISTENING, device="Sim", sample_rate_hz=RATE_HZ, channels=4, period_frames=1024
)
WRITER_IDLE = WriterReport(open_takes=(), free_bytes=10**12, bytes_per_second=0, behind_frames=0)
VOLUMES = TwoVolumes(library="/takes", mirror="/mnt/mirror")
OPENED = SessionOpened(
    session="Rehearsal",
    date="2023-11-14",
    folder=SESSION_FOLDER,
    song="Waltz",
    next_take_number=1,
    takes=(),
    trashed=(),
)


QUICK_DISK = Measurement(bytes_per_second=200_000_000, longest_stall_s=0.01, bytes_written=64 << 20)


class Desk:
    """Frames are time: frame 0 is at 0 ns. `at` is in seconds; the tape holds the last 60 s."""

    def __init__(self, *, ready: bool = True, mirror: bool = False, **rule_changes: Any) -> None:
        """With `mirror` there is a second volume, checked and in step."""
        self.rules = rules(volumes=VOLUMES if mirror else None, **rule_changes)
        self.state: RigState = first_state(
            channels=channels(),
            sample_rate_hz=RATE_HZ,
            mirror=Mirror(root=VOLUMES.mirror) if mirror else None,
        )
        self.now_s = 100.0
        self.tape_ends_at_s: float | None = None
        """Nothing has come in since; None: all that there was."""
        self.silent: tuple[float, float] | None = None
        """Nothing was heard between these times."""
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self._ids = itertools.count(1)
        if ready:
            for fact in (OPENED, WRITER_IDLE, DiskMeasured(measurement=QUICK_DISK), LISTENING):
                self.hear(fact)
            if mirror:
                self.hear(MirrorSaid(fact=WRITER_IDLE))
                self.hear(VolumeChecked(volume=WhichVolume.MIRROR))
            self.effects.clear()
            self.events.clear()

    def do(self, text: str, *, at: float | None = None, held: bool = False, origin: str = "pedal") -> Reply:
        """The command of `text`, pressed `at` (now where not given)."""
        at_s = self.now_s if at is None else at
        return self.give(parse_command(text, origin=Origin(origin), at_ns=ns(at_s), held=held))

    def give(self, command: Command) -> Reply:
        reply = self._step(command, command.at_ns).reply
        assert isinstance(reply, Accepted | Rejected)
        return reply

    def ok(self, text: str, **more: Any) -> str:
        reply = self.do(text, **more)
        assert isinstance(reply, Accepted), reply
        return reply.message

    def no(self, text: str, **more: Any) -> str:
        """The reason of a refusal, which has changed nothing but the count of events."""
        before = self.state
        reply = self.do(text, **more)
        assert isinstance(reply, Rejected), reply
        assert self.state == replace(before, number=before.number + 1)
        assert self.events[-1].what is Happening.COMMAND_REJECTED
        return reply.reason

    def hear(self, fact: Any) -> None:
        """A fact comes in now."""
        assert self._step(fact, ns(self.now_s)).reply is None

    def _heard_from(self, what: Any, at_ns: int) -> Frame | None:
        if not isinstance(what, Command):
            return None
        until = min(round(at_ns / NS_PER_FRAME), self._heard_to())
        begin = max(0, until - reach_back(what, self.rules, RATE_HZ))
        if self.silent is not None and frame(self.silent[0]) <= begin < frame(self.silent[1]):
            begin = frame(self.silent[1])
        return Frame(begin)

    def _heard_to(self) -> Frame:
        return frame(self.now_s if self.tape_ends_at_s is None else self.tape_ends_at_s)

    def circumstances(self, at_ns: int, what: Any = None) -> Circumstances:
        now = self._heard_to()
        return Circumstances(
            now_ns=ns(self.now_s),
            at_ns=Ns(at_ns),
            at_frame=Frame(round(at_ns / NS_PER_FRAME)),
            tape_from=Frame(max(0, now - 60 * RATE_HZ)),
            tape_to=now,
            wall_ns=WALL_NS + round((self.now_s - 100.0) * 1e9),
            utc_offset_s=3600,
            new_take_id=TakeId(f"{next(self._ids):032x}"),
            heard_from=self._heard_from(what, at_ns),
        )

    def _step(self, what: Any, at_ns: int) -> Step:
        result = step(self.state, Input(what=what, circumstances=self.circumstances(at_ns, what)), self.rules)
        self.state = result.state
        self.effects += result.effects
        self.events += result.events
        return result

    def next_ids_from(self, number: int) -> None:
        """The next new take gets this number for an id."""
        self._ids = itertools.count(number)

    def stands(self, transport: Transport) -> bool:
        return self.state.transport is transport

    @property
    def take(self) -> Take:
        assert self.state.take is not None
        return self.state.take

    def told(self, kind: type) -> list[Any]:
        """What the writer was told of this kind."""
        said = [effect.message for effect in self.effects if isinstance(effect, SendToWriter)]
        return [message for message in said if isinstance(message, kind)]

    def mirror_told(self, kind: type) -> list[Any]:
        """What the mirror's writer was told of this kind."""
        said = [effect.message for effect in self.effects if isinstance(effect, SendToMirror)]
        return [message for message in said if isinstance(message, kind)]

    def done(self, kind: type) -> list[Any]:
        """The effects of this kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def happened(self) -> list[Happening]:
        return [event.what for event in self.events]

    def close(self, take: Take, *, frames: int | None = None) -> None:
        """The writer has closed it."""
        length = frames if frames is not None else (take.end_frame or 0) - take.first_frame
        files = tuple(
            ClosedFile(name=f"{n:02}.wav", channels=(n,), frames=length, size_bytes=4096 + 3 * length)
            for n in take.channels
        )
        self.hear(TakeClosed(take_id=take.take_id, folder=take.folder, frames=length, files=files))

    def kept_take(self, *, seconds: float = 5.0) -> Take:
        """A take that was recorded, stopped and closed."""
        self.ok("start")
        self.now_s += seconds
        self.ok("stop")
        self.close(self.state.takes[-1])
        return self.state.takes[-1]


def ns(at_s: float) -> Ns:
    return Ns(round(at_s * 1e9))


def frame(at_s: float) -> Frame:
    return Frame(round(at_s * RATE_HZ))


def some_command(verb: str) -> str:
    """A command of that verb that is of its form."""
    arguments = {
        "keep": "5",
        "note": "loud",
        "rate": "3",
        "song": "Tango",
        "session": "Evening",
        "rename": "best",
        "number": "7",
        "gain": "1 20",
        "nudge": "1 1",
        "pad": "3 on",
        "phantom": "1 on confirm",
        "polarity": "1 on",
        "set": "3 pad on",
        "restore": "00ff" * 8,
    }
    assert verb in COMMANDS
    return f"{verb} {arguments.get(verb, '')}".strip()


def orders(desk: Desk) -> list[Any]:
    return [message.order for message in desk.told(OpenTake)]
