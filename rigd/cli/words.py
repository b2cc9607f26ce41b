"""Words for a terminal: what a take, a disk, a mirror, a gain is called in a line. Pure.

Nothing is drawn here: a command that prints a line need not load what draws (docs/decisions/0035)."""

from __future__ import annotations

from rigd.model.blackbox import BlackBox
from rigd.model.state import Channel, LeftOut, Mirror, MirrorPhase, RigState, Take


def clock(frames: int, sample_rate_hz: int) -> str:
    """Frames as 00:03:12.4."""
    tenths = max(0, frames) * 10 // max(1, sample_rate_hz)
    return f"{tenths // 36000:02}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


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


def room(free_bytes: int) -> str:
    """'272 MB', '23.7 GB'."""
    return f"{free_bytes / 1e6:,.0f} MB" if free_bytes < 1e9 else f"{free_bytes / 1e9:,.1f} GB"


def minutes_left(state: RigState) -> str:
    """What the take volume still takes at the rate of the armed channels."""
    disk = state.disk
    if disk is None or disk.bytes_per_second <= 0:
        return "disk: not known yet"
    left_s, free_bytes, place = disk.seconds_left, disk.free_bytes, "disk"
    if state.mirror is not None and state.mirror.phase is MirrorPhase.IN_CHARGE:  # takes go there alone
        left_s, free_bytes, place = None, state.mirror.free_bytes, "mirror"
    seconds = int(left_s) if left_s is not None else free_bytes // disk.bytes_per_second
    if seconds < 600:
        return f"{seconds // 60} min {seconds % 60:02} s of {place}"
    return f"{seconds // 3600} h {seconds // 60 % 60:02} min of {place}"


def mirror_line(mirror: Mirror) -> str:
    """How the second volume stands, in a few words."""
    parts = [mirror.phase.value]
    if mirror.to_copy:
        parts.append(f"{count(mirror.to_copy, 'take')} to copy or compare")
    if mirror.heard_at_ns is not None and mirror.phase is not MirrorPhase.AWAY:
        parts.append(f"{room(mirror.free_bytes)} free")
    if mirror.problem:
        parts.append(mirror.problem)
    return ", ".join(parts)


def blackbox_text(box: BlackBox) -> str:
    """What the black box has, and what it costs."""
    held = f"{box.held_s / 60:.1f} of {box.minutes:g} min, {room(box.held_bytes)}"
    return f"{held}; it writes {box.bytes_per_day / 1e9:.0f} GB a day"


def take_title(take: Take) -> str:
    """'Blue Train · Take 003', with its typed name if it has one."""
    name = f' "{take.slate.name}"' if take.slate.name else ""
    return f"{take.slate.song} · Take {take.slate.number:03}{name}"


def gain_piece(channel: Channel) -> tuple[str, str]:
    """The confirmed gain, and its colour; what is asked and not confirmed is marked with a question mark."""
    if not channel.preamp:
        return "", ""
    if channel.gain.asked is not None:
        return f"?{channel.gain.asked:+.1f} dB", "yellow"
    if channel.gain.value is None:
        return "? dB", "yellow"
    if not channel.gain.confirmed:
        return f"({channel.gain.value:+.1f} dB)", "yellow"
    return f"{channel.gain.value:+.1f} dB", "cyan"
