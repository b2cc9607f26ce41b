"""The figures as a table of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.latency import Latency
from tests.bench.recorders import Recorded
from tests.bench.rig import WATCH_HZ, Presses, RigRecorded
from tests.bench.usage import Use
from tests.bench.verify import Verdict

HEADINGS = ("", "CPU s/s", "ratio", "own MB", "first frame", "frames read", "lost", "twice", "wrong")
WIDTHS = (32, 9, 7, 8, 12, 13, 9, 7, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. Empty where a figure does not apply."""

    name: str
    cpu: float
    own_bytes: int
    first_frame_s: float | None = None
    verdict: Verdict | None = None
    is_part: bool = False
    """Of the row above: it gets no ratio."""


def rows_of_rig(found: RigRecorded) -> list[Row]:
    """The sum, its parts, and the sum while somebody watches."""
    parts = [
        Row(
            name=f"  rigd-{name}" if name != "daemon" else "  rigd",
            cpu=use.cpu,
            own_bytes=use.own_bytes,
            is_part=True,
        )
        for name, use in found.alone.items()
    ]
    whole = Row(
        name="rigd, meters on, nobody looks",
        cpu=sum(use.cpu for use in found.alone.values()),
        own_bytes=sum(use.own_bytes for use in found.alone.values()),
        first_frame_s=found.first_frame_s,
        verdict=found.verdict,
    )
    watched = Row(
        name=f"rigd, one `rigd watch` ({WATCH_HZ:g}/s)",
        cpu=sum(use.cpu for use in found.watched.values()),
        own_bytes=sum(use.own_bytes for use in found.watched.values()),
    )
    return [whole, *parts, watched]


def row_of_recorder(name: str, found: Recorded) -> Row:
    """Its one line."""
    return Row(
        name=name,
        cpu=found.use.cpu,
        own_bytes=found.use.own_bytes,
        first_frame_s=found.first_frame_s,
        verdict=found.verdict,
    )


def table(rows: Sequence[Row], *, against: float | None) -> str:
    """`ratio` is CPU time as a part of `against`."""
    lines = [_line(HEADINGS)]
    for row in rows:
        has_ratio = against and not row.is_part
        verdict = row.verdict
        lines.append(
            _line(
                (
                    row.name,
                    f"{row.cpu:.4f}",
                    f"{row.cpu / against:.2f}" if against and has_ratio else "",
                    f"{row.own_bytes / 1e6:.0f}",
                    "" if row.first_frame_s is None else f"{row.first_frame_s:.2f} s",
                    "" if verdict is None else f"{verdict.frames:,}",
                    "" if verdict is None else f"{verdict.lost:,}",
                    "" if verdict is None else f"{verdict.repeated:,}",
                    "" if verdict is None else f"{verdict.wrong_frames:,}",
                )
            )
        )
    return "\n".join(lines)


def notes_of_rig(found: RigRecorded) -> str:
    """What has no column."""
    tape_mb = sum(use.tape_bytes for use in found.alone.values()) / 1e6
    return (
        f"rigd: the tape is {tape_mb:.0f} MB of shared memory beside its own; gaps in the take: {found.gaps};\n"
        f"      ready for commands {found.ready_s:.2f} s after its start\n"
        f"      {_told(found.presses)}\n"
        "      The take's first frame is that of the press less the pre-roll, however long this takes."
    )


def latency_lines(found: Sequence[Latency], *, period_s: float) -> str:
    """Milliseconds; `ratio` is the median as a part of the first one's."""
    first = percentile(found[0].seconds, 0.5) if found else 0.0
    lines = [f"{'':40}{'p50 ms':>9}{'p90':>9}{'p99':>9}{'most':>9}{'ratio':>8}{'times':>7}"]
    for each in found:
        figures = [1000 * percentile(each.seconds, part) for part in (0.5, 0.9, 0.99, 1.0)]
        ratio = f"{percentile(each.seconds, 0.5) / first:.1f}" if first else ""
        aim = f"  (aim: p99 below {1000 * each.aim_s:.0f} ms)" if each.aim_s is not None else ""
        lines.append(
            each.name.ljust(40)
            + "".join(f"{figure:9.2f}" for figure in figures)
            + f"{ratio:>8}{len(each.seconds):7}{aim}"
        )
    lines.append(
        f"JACK hands a message on with the period after its own: {1000 * period_s:.1f} ms each here."
    )
    return "\n".join(lines)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that so large a part of all is not above; `values` sorted."""
    return values[min(len(values) - 1, int(part * len(values)))]


def idle_line(uses: dict[str, Use]) -> str:
    """Processor time of a rig that only listens, as parts of a core."""
    parts = ", ".join(f"{name} {100 * use.cpu:.2f} %" for name, use in uses.items())
    return f"idle, 8 simulated channels, of one core: {parts}"


def _told(presses: Presses) -> str:
    def both(values: Sequence[float]) -> str:
        return f"p50 {1000 * percentile(values, 0.5):.1f} ms, p99 {1000 * percentile(values, 0.99):.1f} ms"

    return (
        f'press to "take started": {both(presses.told)}; to all files there: {both(presses.files)} '
        f"({len(presses.told)} presses over the control socket)"
    )


def _line(cells: Sequence[str]) -> str:
    first, *rest = cells
    return first.ljust(WIDTHS[0]) + "".join(
        cell.rjust(width) for cell, width in zip(rest, WIDTHS[1:], strict=True)
    )
