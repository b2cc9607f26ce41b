"""Takes as a person reads them: by number within a song, with what was kept said, whole at any width."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigd.cli.take_list import sweep_text, sweeps, take_list
from rigd.hands.showing import exact_time_text
from rigd.model.clips import TakeClips
from rigd.model.disk_trouble import full_disk_ended
from rigd.model.state import Take
from rigd.model.take import GainChange, Slate
from rigd.model.units import ChannelNumber, Frame, TakeId
from rigd.takefile.failures import why_it_ended
from tests.support.desk import RATE_HZ, Desk
from tests.support.hostile import HOSTILE
from tests.support.writer_run import order_for

BRACKETS = "Intro [live] [/verse 2]"


def take(song: str, number: int, **more: object) -> Take:
    slate = Slate(session="Rehearsal", song=song, number=number)
    slate = replace(slate, **{key: more.pop(key) for key in list(more) if key in Slate.__struct_fields__})
    plain = Take(
        take_id=TakeId(f"{number:032x}"),
        folder="/takes",
        slate=slate,
        first_frame=Frame(0),
        end_frame=Frame(RATE_HZ * 60 * number),
        started_at="",
        channels=(ChannelNumber(1),),
        closed=True,
    )
    return replace(plain, **more)


def lines(*takes: Take, width: int | None = None) -> list[str]:
    return ["".join(words for words, _ in row) for row in take_list(takes, RATE_HZ, width=width)]


TAKES = (
    take("Blue Train", 1, notes=("too fast",)),
    take("Night Train", 1, circled=True, rating=4),
    take("Blue Train", 3, kept=True, name="the fill"),
    take("Blue Train", 2),
)


def test_takes_are_listed_by_number_within_a_song() -> None:
    listed = lines(*TAKES)
    assert [line.split()[0] for line in listed] == ["Blue", "001", "002", "003", "Night", "001"]
    assert listed[0] == "Blue Train" and listed[4] == "Night Train"


def test_what_was_kept_from_the_past_is_said() -> None:
    (kept,) = [line for line in lines(*TAKES) if "kept" in line]
    assert kept.startswith('  003  00:03:00.0  "the fill"  kept from the past')


@pytest.mark.parametrize("width", [20, 40, 60, 80, None])
def test_no_width_drops_song_number_length_name_or_note(width: int | None) -> None:
    listed = lines(*TAKES, width=width)
    whole = " ".join(" ".join(listed).split())
    for word in ("Blue", "Train", "001", "002", "003", "00:03:00.0", "fill", "kept", "fast", "◎★★★★"):
        assert word in whole
    assert width is None or all(len(line) <= width for line in listed)


@pytest.mark.parametrize("width", [20, 60, None])
def test_text_of_anybody_is_text(width: int | None) -> None:
    listed = lines(take(BRACKETS, 1, name="[red]x[/red]", notes=(HOSTILE, "a\nb")), width=width)
    whole = "".join(line.strip() for line in listed).replace(" ", "")
    assert BRACKETS.replace(" ", "") in whole and "[red]x[/red]" in whole and "a\\nb" in whole
    assert all(line.isprintable() for line in listed), (
        "no control character, no mark that turns the direction"
    )


def test_a_take_that_a_full_disk_ended_is_called_that() -> None:
    """By the very words that the writer has for it."""
    order = order_for(Path("/takes"), channels=1)
    for code, word in (
        (errno.ENOSPC, "ended: disk full"),
        (errno.EDQUOT, "ended: quota used up"),
        (errno.EIO, "FAILED"),
    ):
        reason = why_it_ended(order, OSError(code, os.strerror(code), "01.wav"), 192 * RATE_HZ)
        assert word in lines(take("Song", 1, failure=reason))[1]
    assert not full_disk_ended(
        'take "/takes/No space left on device": disk write failed after 00:01 (Broken: x)'
    )


def test_clips_are_said() -> None:
    clips = tuple(
        TakeClips(channel=ChannelNumber(n), samples=3, clip_count=1, last_frame=Frame(5)) for n in (3, 7)
    )
    assert "clipped: 3, 7" in lines(take("Song", 1, clips=clips))[1]


def change(second: float, value: float, *, channel: int = 1, confirmed: bool = True) -> GainChange:
    return GainChange(
        at_frame=Frame(round(second * RATE_HZ)),
        channel=ChannelNumber(channel),
        parameter="gain_db",
        value=value,
        confirmed=confirmed,
    )


def test_a_fader_s_sweep_is_one_line_with_from_to_and_times() -> None:
    moved = [change(3 + 0.04 * step, 10 + step) for step in range(30)]
    between = [change(3.3, -5, channel=2)]
    later = [change(30, 12)]
    found = sweeps(sorted([*moved, *between, *later], key=lambda each: each.at_frame), RATE_HZ)
    told = [
        (
            each.first.channel,
            each.first.value,
            each.last.value,
            each.steps,
            exact_time_text(each.last.at_frame, RATE_HZ),
        )
        for each in found
    ]
    assert told == [
        (1, 10, 39, 30, "00:00:04.1"),
        (2, -5, -5, 1, "00:00:03.3"),
        (1, 12, 12, 1, "00:00:30.0"),
    ]


def test_asked_and_confirmed_are_not_one_movement() -> None:
    found = sweeps([change(1, 10, confirmed=False), change(1.1, 10), change(1.2, 12)], RATE_HZ)
    assert [(each.first.confirmed, each.steps) for each in found] == [(False, 1), (True, 2)]


def test_every_row_of_a_ledger_has_a_line() -> None:
    """A preamp that fell silent, a setting that nobody told, a word, a wish: none of them is a number."""
    rows = [
        GainChange(
            at_frame=Frame(0), channel=None, parameter="answering", value=0.0, confirmed=True, preamp="desk"
        ),
        GainChange(
            at_frame=Frame(10),
            channel=ChannelNumber(1),
            parameter="pad",
            value=None,
            confirmed=False,
            asked=1.0,
        ),
        GainChange(
            at_frame=Frame(20),
            channel=ChannelNumber(1),
            parameter="gain_db",
            value=None,
            confirmed=False,
            asked=9.0,
        ),
        GainChange(
            at_frame=Frame(30),
            channel=ChannelNumber(1),
            parameter="low_cut",
            value=1.0,
            confirmed=True,
            word="80 Hz",
        ),
        change(0.1, 20.0),
        change(0.2, 26.0),
    ]
    lines = [sweep_text(each, first_frame=Frame(0), sample_rate_hz=RATE_HZ) for each in sweeps(rows, RATE_HZ)]
    assert [line.rpartition("  ")[2] for line in lines] == [
        "preamp desk: does not answer",
        "channel 1: not known, 1 asked for and not confirmed",
        "channel 1: not known, 9 asked for and not confirmed",
        "channel 1: 80 Hz",
        "channel 1: 20 to 26 in 2 steps",
    ]


def test_the_rig_knows_which_takes_it_kept() -> None:
    desk = Desk()
    desk.ok("keep 5")
    desk.ok("start")
    assert desk.state.takes[-1].kept and not desk.take.kept
    assert "kept from the past" in lines(desk.state.takes[-1])[1]
