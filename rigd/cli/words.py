"""Words for a terminal: what a take, a disk, a mirror, a gain is called in a line. Pure.

Nothing is drawn here: a command that prints a line need not load what draws (docs/decisions/0035)."""

from __future__ import annotations

from collections.abc import Sequence

from rigd.hands.showing import Knowledge, gain_shown, state_word, time_left_text
from rigd.model.blackbox import BlackBox
from rigd.model.clips import ChannelClips, TakeClips
from rigd.model.disk_trouble import full_disk_ended
from rigd.model.disk_words import bytes_text
from rigd.model.state import Channel, ConfigStanding, LeftOut, Mirror, MirrorPhase, RigState, Take
from rigd.model.take import GainChange

MOST_NAMED = 6
SWEEP_S = 2.0
"""Steps of a setting that follow one another so soon are one movement of a hand."""


def take_count(state: RigState) -> int:
    """The session's takes, also those that the answer had no room for."""
    return state.earlier_takes + len(state.takes)


def entries(take: Take) -> LeftOut:
    """How many markers, gaps and notes it has, also those that the answer had no room for."""
    more = take.left_out or LeftOut()
    return LeftOut(
        markers=len(take.markers) + more.markers,
        gaps=len(take.gaps) + more.gaps,
        notes=len(take.slate.notes) + more.notes,
    )


def count(number: int, thing: str) -> str:
    """'1 take', '2 takes'."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def room_left(state: RigState) -> str:
    """What the volume to which takes go still takes at the rate of the armed channels."""
    left = time_left_text(state)
    if not left:
        return "disk: not known yet"
    in_charge = state.mirror is not None and state.mirror.phase is MirrorPhase.IN_CHARGE
    return f"{left} of {'mirror' if in_charge else 'disk'}"


def clipped_text(clips: Sequence[ChannelClips | TakeClips], *, is_short: bool = False) -> str:
    """'clipped: 3, 4, 9', '12 channels clipped'; short: 'clip 3, 4, 9', '12 clipped'."""
    if len(clips) > MOST_NAMED:
        return f"{len(clips)} clipped" if is_short else f"{len(clips)} channels clipped"
    return f"{'clip' if is_short else 'clipped:'} {', '.join(str(each.channel) for each in clips)}"


def troubles(state: RigState) -> list[str]:
    """Why a start would be refused, and every fault that says something else."""
    why = [f"a start would be refused: {state.not_ready}"] if state.not_ready else []
    return why + [fault.what for fault in state.faults if fault.what not in state.not_ready]


def mirror_line(mirror: Mirror) -> str:
    """How the second volume stands, in a few words."""
    parts = [mirror.phase.value]
    if mirror.to_copy:
        parts.append(f"{count(mirror.to_copy, 'take')} to copy or compare")
    if mirror.heard_at_ns is not None and mirror.phase is not MirrorPhase.AWAY:
        parts.append(f"{bytes_text(mirror.free_bytes)} free")
    if mirror.problem:
        parts.append(mirror.problem)
    return ", ".join(parts)


def blackbox_text(box: BlackBox) -> str:
    """What the black box has, and what it costs."""
    held = f"{box.held_s / 60:.1f} of {box.minutes:g} min, {bytes_text(box.held_bytes)}"
    return f"{held}; it writes {box.bytes_per_day / 1e9:.0f} GB a day"


def take_title(take: Take) -> str:
    """'Blue Train · Take 003', with its typed name if it has one."""
    name = f' "{take.slate.name}"' if take.slate.name else ""
    return f"{take.slate.song} · Take {take.slate.number:03}{name}"


def change_text(change: GainChange) -> str:
    """'channel 3: -12, 25 asked for', 'preamp desk: does not answer': a row of a take's ledger."""
    if change.channel is None:
        return f"preamp {change.preamp}: {'answers' if change.value else 'does not answer'}"
    said = "not known" if change.value is None else change.word or f"{change.value:g}"
    wish = "" if change.asked is None else f", {change.asked:g} asked for"
    return f"channel {change.channel}: {said}{wish}{'' if change.confirmed else ' and not confirmed'}"


def still_looking(is_complete: bool) -> str:
    """Behind a list of the library; empty where it has all there is."""
    return "" if is_complete else "the library is still being looked through: some may be missing"


def how_it_ended(take: Take) -> str:
    """'ended: disk full' of a take that is whole up to there, 'FAILED' of another that could not go on, or empty."""
    if not take.failure:
        return ""
    full = full_disk_ended(take.failure)
    return f"ended: {full}" if full else "FAILED"


GAIN_STYLES = {Knowledge.NO_PREAMP: "", Knowledge.CONFIRMED: "cyan"}
"""What is not confirmed is yellow."""


def gain_piece(channel: Channel) -> tuple[str, str]:
    """Its gain, empty where it has no preamp, and its colour. What is not confirmed has a question mark; what is
    asked for stands beside what the preamp said last."""
    gain = gain_shown(channel)
    text = "" if gain.known is Knowledge.NO_PREAMP else f"{gain.text} dB"
    if gain.known is Knowledge.PENDING and gain.said:
        text = f"{gain.said} {text}"
    return text, GAIN_STYLES.get(gain.known, "yellow")


def config_lines(config: ConfigStanding | None) -> list[str]:
    """What of it is not in force: what waits for a restart, and why the last reading was not taken up."""
    if config is None:
        return []
    lines = [f"waits for a restart of rigd: {line}" for line in config.waits]
    if config.faults:
        lines.append(f"was read again and changed nothing; see: rigd check {config.path}")
    return lines + [f"could not be started: {line}" for line in config.troubles]


def headline_words(state: RigState) -> str:
    """'REC: Blue Train · Take 003', 'READY'."""
    word = state_word(state)
    return f"{word}: {take_title(state.take)}" if state.take is not None else word
