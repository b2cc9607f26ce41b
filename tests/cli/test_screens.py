"""The live view at every size: screens as text files, looked at in review, and what must be on each of them.

Where a screen changes on purpose: RIGD_SCREENS=write pytest tests/cli/test_screens.py, and look at the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from rigd.cli.plain_console import PlainConsole
from rigd.cli.view import Look, Paper, live_view
from rigd.model.clips import ChannelClips
from rigd.model.events import Event, Happening
from rigd.model.levels import Levels
from rigd.model.state import Channel, Disk, Fault, RigState, Setting, Transport
from rigd.model.units import ChannelNumber, Frame, InputNumber, Ns
from tests.support.desk import ABILITIES, Desk
from tests.support.hostile import HOSTILE

WITH_KEYS = Look(has_keys=True)
SCREENS = Path(__file__).parent / "screens"
SIZES = [(120, 40), (80, 24), (60, 20), (40, 20), (20, 20)]
COUNTS = [8, 32, 64]
NAMES = [
    "Kick In",
    "Kick Out",
    "Snare Top",
    "Snare Bottom",
    "Hi-Hat",
    "Rack Tom",
    "Floor Tom",
    "Overhead Left",
]
FAULTS = (
    "disk slow: 4 s of the take are on the tape only. End what else writes to this disk, arm fewer channels, "
    "or record to a faster one",
    "mirror: 3 takes are to be copied once nothing is recorded",
)
EVENTS = (
    (Happening.TAKE_STARTED, "Blue Train take 3 rolls", "pedal"),
    (Happening.MARKER_ADDED, "marker at 00:00:09.6", "box"),
    (Happening.GAP_FOUND, "Blue Train take 3: 512 frames missing at 12.40 s (overflow)", ""),
)


def channel(number: int) -> Channel:
    name = NAMES[(number - 1) % len(NAMES)]
    gain = (number * 7) % 50 - 10
    return Channel(
        number=ChannelNumber(number),
        input=InputNumber(number),
        name=name if number <= len(NAMES) else f"{name} {number}",
        source="mic",
        armed=number % 5 != 0,
        preamp="desk",
        socket=number,
        abilities=ABILITIES,
        gain=Setting(value=gain + 0.5 * (number % 2), confirmed=True, asked=-10.0 if number == 3 else None),
        phantom=Setting(value=float(number in (4, 8)), confirmed=number != 8),
    )


def rig(count: int, *, faults: tuple[str, ...] = FAULTS) -> RigState:
    """It rolls, a gap was found, and two things need somebody."""
    desk = Desk()
    desk.ok("song Blue Train")
    desk.ok("number 3")
    desk.ok("start")
    desk.now_s += 754.4
    return replace(
        desk.state,
        channels=tuple(channel(number) for number in range(1, count + 1)),
        faults=tuple(Fault(key=str(n), what=what, since_ns=Ns(0)) for n, what in enumerate(faults)),
        disk=Disk(free_bytes=10**12, bytes_per_second=10**7, behind_frames=0, seconds_left=8130.0),
        unsafe_s=4.2,
        clips=tuple(
            ChannelClips(channel=ChannelNumber(number), samples=7, last_frame=Frame(0), last_at="21:13:59")
            for number in (2, 7)
        ),
    )


def levels(state: RigState) -> Levels:
    assert state.take is not None
    count = len(state.channels)
    peaks = [0.0 if n == 1 else -120.0 if n == 5 else -3.4 - 11.3 * (n % 5) for n in range(count)]
    return Levels(
        at_frame=Frame(state.take.first_frame + 36_306_000),
        peak_dbfs=tuple(peaks),
        rms_dbfs=tuple(peak - 9 for peak in peaks),
        clipped=tuple(int(n == 1) for n in range(count)),
    )


def story() -> list[Event]:
    return [
        Event(
            number=n,
            at_ns=Ns(0),
            at_frame=None,
            what=what,
            subject="",
            text=text,
            origin=origin,
            at_time=f"2026-11-22T21:14:0{n}.000+01:00",
        )
        for n, (what, text, origin) in enumerate(EVENTS)
    ]


def screen(
    state: RigState, width: int, height: int, *, look: Look = WITH_KEYS, encoding: str = "utf-8"
) -> str:
    """As the terminal shows it, without colours."""
    console = PlainConsole()
    console.width = width
    paper = Paper(width=width, height=height, encoding=encoding)
    with console.capture() as captured:
        for line in live_view(state, levels(state), story(), paper, look):
            console.print(line, soft_wrap=True)
    return captured.get()


def is_as_kept(name: str, drawn: str) -> None:
    path = SCREENS / f"{name}.txt"
    if os.environ.get("RIGD_SCREENS") == "write":
        path.write_text(drawn, "utf-8")
    assert path.read_text("utf-8") == drawn, f"{path} is another screen; look at both"


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screen_is_as_it_was_looked_at(width: int, height: int, count: int) -> None:
    drawn = screen(rig(count), width, height)
    is_as_kept(f"{width}x{height}-{count}", drawn)
    lines = drawn.splitlines()
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines), "a line is wider than the screen"


def pages(state: RigState, width: int, height: int) -> str:
    """All of them, one below the other: 64 channels do not fit on a stamp."""
    drawn = [screen(state, width, height, look=Look(page=page)) for page in range(8)]
    return "\n".join(drawn)


@pytest.mark.parametrize("faults", [FAULTS, ()], ids=["faults", "none"])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_number_lamp_level_and_gain_of_every_channel_and_the_red_light_are_there(
    width: int, height: int, count: int, faults: tuple[str, ...]
) -> None:
    state = rig(count, faults=faults)
    drawn = pages(state, width, height)
    tops = screen(state, width, height)
    assert "● REC " in tops.splitlines()[0] and "00:12:36" in tops.splitlines()[0]
    assert "Take 003" in tops
    for fault in faults:
        assert f"! {fault[:12]}" in tops and tops.index(f"! {fault[:12]}") < tops.index("01"), (
            "above the channels"
        )
    for each, peak in zip(state.channels, levels(state).peak_dbfs, strict=True):
        lamp = "●" if each.armed else "○"
        number = f"{each.number:02}"
        if each.number == 3:
            gain = r"\?(-10)?"
        else:
            gain = rf"\+?{re.escape(f'{each.gain.value:z.0f}')}|\+?{re.escape(f'{each.gain.value:z.1f}')}"
        level = "-" if peak < -60 else rf"({re.escape(f'{peak:z.0f}')}|{re.escape(f'{peak:z.1f}')})"
        level = "!0|0.0!|0!" if each.number == 2 else "!15|-14.7!|-15!" if each.number == 7 else level
        row = rf"{number} ?{lamp}[^●○]*?({level})!? *[^●○]*?({gain})"
        assert re.search(row, drawn), (row, drawn)


@pytest.mark.parametrize(("width", "height"), [*SIZES, (10, 8), (200, 60), (33, 9)])
def test_48_volts_are_shown_and_not_confirmed_ones_have_a_question_mark(width: int, height: int) -> None:
    lines = pages(rig(8, faults=()), width, height).splitlines()
    (with_48,) = {line[line.index("04") :][: max(9, width)] for line in lines if re.search(r"04 ?●", line)}
    (asked,) = {line[line.index("08") :] for line in lines if re.search(r"08 ?●", line)}
    assert re.search("48V|V", with_48)
    assert with_48 != asked


def test_all_faults_are_counted_where_they_have_no_room() -> None:
    state = rig(64, faults=tuple(f"fault number {n} " + "and its cure " * 9 for n in range(20)))
    drawn = screen(state, 40, 20)
    there = len(re.findall(r"! fault number", drawn))
    (more,) = re.findall(r"! and (\d+) more faults: f", drawn)
    assert there + int(more) == 20
    assert "● REC " in drawn and re.search("01●", drawn)


def test_every_fault_is_whole_where_the_person_asks_for_it() -> None:
    drawn = screen(rig(64), 40, 20, look=Look(is_faults=True))
    assert "faster one" in " ".join(drawn.split()) and "● REC " in drawn


@pytest.mark.parametrize(("width", "height"), [(80, 24), (20, 20)])
def test_where_there_are_no_faults_the_key_for_them_says_so_and_how_one_gets_back(
    width: int, height: int
) -> None:
    drawn = screen(rig(8, faults=()), width, height, look=Look(is_faults=True))
    assert "no faults; f goes back" in " ".join(drawn.split()) and "● REC " in drawn
    assert "f goes back" in screen(rig(8), 80, 24, look=Look(is_faults=True))


def test_a_fault_is_whole_where_there_is_room() -> None:
    assert "faster one" in " ".join(screen(rig(8), 60, 20).split())


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("width", "height"), SIZES[:-1])
def test_all_channels_are_on_one_screen(width: int, height: int, count: int) -> None:
    assert "> more" not in screen(rig(count), width, height)


@pytest.mark.parametrize(
    ("width", "height", "count"), [(80, 24, 64), (60, 20, 32), (40, 20, 32), (20, 20, 8)]
)
def test_names_are_shortened_last(width: int, height: int, count: int) -> None:
    assert re.search("03 ?● ?Snar", screen(rig(count), width, height))


def test_help_names_every_key_and_hides_neither_red_light_nor_faults() -> None:
    drawn = screen(rig(8), 60, 20, look=Look(is_help=True, has_keys=True))
    is_as_kept("60x20-help", drawn)
    assert "● REC " in drawn and "! disk slow" in drawn
    narrow = screen(rig(8, faults=()), 20, 40, look=Look(is_help=True))
    words = " ".join(narrow.split())
    assert "bring back a thrown away take" in words, "nothing of it is cut"
    assert "-26   level in dBFS" in drawn and "+18   gain in dB" in drawn, "and what the numbers of a row are"
    for key in ("space", "n ", "m ", "k ", "u ", "c ", "?", "q "):
        assert f"\n{key}" in drawn


def test_what_came_of_a_key_is_above_the_channels() -> None:
    drawn = screen(rig(64), 40, 20, look=Look(word="not done: no take rolls; start one first"))
    assert drawn.index("not done: no take rolls") < drawn.index("01")


def test_a_terminal_that_takes_no_utf_8_loses_nothing() -> None:
    state = rig(8)
    state = replace(state, song="Für Elise")
    assert state.take is not None
    state = replace(state, take=replace(state.take, slate=replace(state.take.slate, song="Für Elise")))
    drawn = screen(state, 60, 20, encoding="ascii").encode("ascii", "rigd_signs").decode("ascii")
    is_as_kept("60x20-ascii", drawn)
    assert "* REC" in drawn and "F\\u00fcr Elise" in drawn
    assert all(len(line) <= 60 for line in drawn.splitlines())


def test_a_rig_that_is_ready_says_what_comes_next() -> None:
    desk = Desk()
    desk.ok("song Blue Train")
    assert desk.state.transport is Transport.READY
    line = live_view(desk.state, None, (), Paper(width=40, height=20))[0].plain
    assert line.startswith(" READY ") and "Blue Train · Take 001 next" in line


@given(
    text=st.text(max_size=60),
    width=st.integers(12, 200),
    height=st.integers(4, 60),
    count=st.sampled_from([1, 3, 8, 33, 64, 130]),
    encoding=st.sampled_from(["utf-8", "ascii"]),
)
@example(text="日本語のとても長い名前です", width=20, height=12, count=8, encoding="utf-8")
@example(text=HOSTILE, width=40, height=20, count=64, encoding="ascii")
@settings(max_examples=60, deadline=None)
def test_no_name_breaks_a_screen_of_any_size(
    text: str, width: int, height: int, count: int, encoding: str
) -> None:
    state = rig(count, faults=(text, "a fault"))
    named = tuple(replace(each, name=text) for each in state.channels)
    state = replace(state, channels=named, song=text, session=text)
    assert state.take is not None
    state = replace(state, take=replace(state.take, slate=replace(state.take.slate, song=text, name=text)))
    paper = Paper(width=width, height=height, encoding=encoding)
    drawn = live_view(state, levels(state), story(), paper, Look(has_keys=True))
    assert len(drawn) <= height
    assert all(cell_len(line.plain) <= width for line in drawn)
    assert all(
        character.isprintable() or character in "\u200c\u200d" or category(character) == "Zs"
        for line in drawn
        for character in line.plain
    )
    assert drawn[0].plain[1:].startswith(("● REC ", "* REC "))
