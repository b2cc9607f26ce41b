"""How a take is ordered, and what must be right before one is: room, inputs, a writer, a session. Pure."""

from __future__ import annotations

from rigd.model.effects import SendToWriter
from rigd.model.gain import GAIN, PAD, PHANTOM, POLARITY, SettingKind
from rigd.model.inputs import take_clock_at, wall_clock_at
from rigd.model.messages import OpenTake
from rigd.model.settings_history import Cut, SettingsHistory
from rigd.model.state import OWN_FIELDS, WRITER_CURE, Channel, Disk, Ending, RigState, Take, Transport
from rigd.model.take import GAIN_DB, SAMPLE_BYTES, Slate, TakeFormat, TakeOrder, Track
from rigd.model.units import Frame, SettingName
from rigd.rules.mirroring import is_in_charge, stands_in
from rigd.rules.ordinals import ordinal_of
from rigd.rules.slates import change_day
from rigd.rules.step_work import Refusal, Work
from rigd.rules.take_numbers import used_up


def order_take(work: Work, order: TakeOrder) -> Take:
    """The writer is told to write this new take."""
    work.do(SendToWriter(message=OpenTake(order=order)))
    return take_of(order)


def plan_order(
    work: Work,
    *,
    first_frame: Frame,
    end_frame: Frame | None,
    room_s: float | None = None,
    after: Take | None = None,
    notes: tuple[str, ...] = (),
    preroll_frames: int = 0,
) -> TakeOrder:
    """The order of a new take, which has its folder, number and slate from now on. Raises Refusal where none may be
    started.

    `room_s`: what the disk must have room for; the reserve where it is None. With `after` it takes up the rest
    of a take that failed: with its channels, and whatever would keep a person from starting one now.
    """
    state = work.state
    if after is None:
        check_ready(work, room_s=work.rules.least_disk_s if room_s is None else room_s)
        change_day(work)
        state = work.state
        recorded = [channel for channel in state.channels if channel.armed]
    else:
        recorded = [channel for channel in state.channels if channel.number in after.channels]
    said = (state.preamp_history or SettingsHistory()).cut(
        first_frame=first_frame,
        end_frame=end_frame,
        channels={channel.number for channel in recorded},
        preamps={channel.preamp for channel in recorded if channel.preamp},
    )
    tracks = tuple(_track(channel, said) for channel in recorded)
    number = used_up(state, state.next_take_number - 1)
    slate = Slate(session=state.session, song=state.song, number=number, notes=notes)
    started_at, time_reference = wall_clock_at(
        first_frame, work.at, at_frame=work.at_frame(), sample_rate_hz=state.sample_rate_hz
    )
    plan = work.rules.plan_take(session_folder=state.session_folder, slate=slate, tracks=tracks)
    order = TakeOrder(
        take_id=work.at.new_take_id,
        folder=plan.folder,
        first_frame=first_frame,
        end_frame=end_frame,
        started_at=started_at,
        time_reference=time_reference,
        format=TakeFormat(sample_rate_hz=state.sample_rate_hz, sample=work.rules.sample),
        tracks=tracks,
        files=plan.files,
        slate=slate,
        ordinal=plan.ordinal,
        clock=take_clock_at(
            first_frame, work.at, at_frame=work.at_frame(), sample_rate_hz=state.sample_rate_hz
        ),
        preroll_frames=preroll_frames,
        simulated=bool(state.sound_is_simulated),
        gain_changes=said.changes,
        kept=after is None and end_frame is not None,
    )
    work.take_id = order.take_id
    work.change(next_take_number=used_up(state, number))
    return order


def take_of(order: TakeOrder) -> Take:
    """The take as its order has it."""
    return Take(
        take_id=order.take_id,
        folder=order.folder,
        slate=order.slate,
        first_frame=order.first_frame,
        end_frame=order.end_frame,
        started_at=order.started_at,
        channels=tuple(track.channel for track in order.tracks),
        ordinal=ordinal_of(order.ordinal, order.started_at),
        sample_rate_hz=order.format.sample_rate_hz,
        simulated=order.simulated,
        gain_changes=order.gain_changes,
        kept=order.kept,
    )


def check_ready(work: Work, *, room_s: float) -> None:
    """Raises Refusal, with the cure, where a take cannot be begun although the transport stands right."""
    state = work.state
    if state.ending is not Ending.NO:
        raise Refusal("rigd is being shut down")
    if not state.session_folder:
        raise Refusal("no session is open yet; wait a moment, or open one with: rigd session NAME")
    if not any(channel.armed for channel in state.channels):
        raise Refusal("no channel is armed; arm one with: rigd arm CHANNEL, or all of them with: rigd arm")
    _check_inputs(state)
    unfit = _why_unfit(work, state.disk, room_s=room_s)
    least_bytes = round(room_s * bytes_per_second(work))
    if unfit and not stands_in(work, unfit, least_bytes=least_bytes):
        raise Refusal(unfit)


def note_readiness(work: Work) -> None:
    """The state says why a start would be refused, by what a start itself asks."""
    why = ""
    if work.state.transport is Transport.READY:
        trial = Work(work.state, work.at, work.rules, "")  # what a start would do, it does not do now
        try:
            check_writer(trial)
            check_ready(trial, room_s=work.rules.least_disk_s)
        except Refusal as refusal:
            why = str(refusal)
    if why != work.state.not_ready:
        work.change(not_ready=why)


def _why_unfit(work: Work, disk: Disk | None, *, room_s: float) -> str:
    """Why no take can be begun on the library's volume; empty where one can."""
    if is_in_charge(work.state):
        return "the library's volume was not checked yet"
    if disk is not None and disk.problem:
        return f"the disk is not fit for a take: {disk.problem}"
    if disk is not None and disk.free_bytes < room_s * bytes_per_second(work):
        left_s = disk.free_bytes / max(1, bytes_per_second(work))
        return (
            f"the disk has room for {left_s:.0f} s of the armed channels ({disk.free_bytes // 1_000_000} MB free) "
            f"and {room_s:.0f} s are wanted; free some space, or arm fewer channels"
        )
    return ""


def check_writer(work: Work) -> None:
    """Raises Refusal while nobody would write what is begun now. What rolls already is safe on the tape."""
    if work.state.disk is None and work.state.ending is Ending.NO:
        fault = next((fault.what for fault in work.state.faults if fault.key == "writer"), WRITER_CURE)
        raise Refusal(f"the writer does not run, so no take can be begun: {fault}")


def _check_inputs(state: RigState) -> None:
    """Raises Refusal where the interface that runs has fewer inputs than the armed channels want."""
    there = state.interface.channels if state.interface is not None else 0
    beyond = [channel for channel in state.channels if channel.armed and channel.input > there > 0]
    if not beyond:
        return
    names = ", ".join(f'channel {each.number} "{each.name}" (input {each.input})' for each in beyond)
    raise Refusal(
        f"the interface as it runs now has {there} inputs, too few for {names}; disarm with: "
        "rigd disarm CHANNEL, or end every take and start rigd again, which opens the interface by the config"
    )


def bytes_per_second(work: Work) -> int:
    """What a take of the armed channels needs."""
    armed = sum(channel.armed for channel in work.state.channels)
    return armed * work.state.sample_rate_hz * SAMPLE_BYTES[work.rules.sample]


def _track(channel: Channel, said: Cut) -> Track:
    """As it stands at the first frame, by what its preamp had said by then."""
    known: dict[str, bool | float | str] = {}
    for (number, parameter), row in said.start.items():
        if number != channel.number or row.value is None:
            continue
        name = GAIN if parameter == GAIN_DB else SettingName(parameter)
        ability = channel.abilities.get(name)
        is_switch = ability is not None and ability.kind is SettingKind.SWITCH
        known[name] = row.word or (row.value > 0.5 if is_switch else row.value)
    own = {name: known.pop(name, None) for name in OWN_FIELDS}
    return Track(
        channel=channel.number,
        input=channel.input,
        name=channel.name,
        source=channel.source,
        gain_db=_number(own[GAIN]),
        pad=_switch(own[PAD]),
        phantom=_switch(own[PHANTOM]),
        polarity=_switch(own[POLARITY]),
        settings=known,
    )


def _number(value: bool | float | str | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _switch(value: bool | float | str | None) -> bool | None:
    return value > 0.5 if isinstance(value, int | float) else None
