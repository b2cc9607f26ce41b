"""Words for a terminal: what a take, a disk, a mirror, a gain is called in a line. Pure.

Nothing is drawn here: a command that prints a line need not load what draws (docs/decisions/0035)."""

from __future__ import annotations

from rigd.hands.showing import Knowledge, gain_shown, time_left_text
from rigd.model.blackbox import BlackBox
from rigd.model.disk_words import bytes_text
from rigd.model.state import Channel, LeftOut, Mirror, MirrorPhase, RigState, Take


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


GAIN_STYLES = {Knowledge.NO_PREAMP: "", Knowledge.CONFIRMED: "cyan"}
"""What is not confirmed is yellow."""


def gain_piece(channel: Channel) -> tuple[str, str]:
    """Its gain, empty where it has no preamp, and its colour; what is not confirmed has a question mark."""
    gain = gain_shown(channel)
    text = "" if gain.known is Knowledge.NO_PREAMP else f"{gain.text} dB"
    return text, GAIN_STYLES.get(gain.known, "yellow")


def phantom_piece(channel: Channel) -> tuple[str, str]:
    """48 V as its preamp says it is; empty where it is off, or there is none."""
    setting = channel.phantom
    if setting.asked is not None:
        return f"   ?48 V {'on' if setting.asked else 'off'}", "yellow"
    if not setting.value:
        return "", ""
    return ("   48 V", "red") if setting.confirmed else ("   ?48 V", "yellow")
