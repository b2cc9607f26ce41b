"""What is taken of a flood, what is said of it, and that a person at the desk is never taken for one."""

from __future__ import annotations

from rigd.model.units import NS_PER_SECOND, Ns
from rigd.preamps.osc_desk.flood_guard import BURST, PER_SECOND, QUIET_NS, DeskIntake

GAIN = b"/headamp/000/gain\0\0\0,f\0\0\x3f\0\0\0"
FADER = b"/ch/01/mix/fader\0\0\0\0,f\0\0\x3f\0\0\0"
BEGIN = Ns(1_000_000_000)
STEP_NS = 10_000_000


def intake() -> DeskIntake:
    return DeskIntake("/headamp/", "/info", now=BEGIN)


def pour(taker: DeskIntake, *, per_second: int, seconds: float, begin: int = BEGIN) -> int:
    """How many were taken of so many, a hundredth of a second at a time."""
    taken = 0
    for step in range(round(seconds * 100)):
        packets = [GAIN] * (per_second // 100)
        taken += len(taker.admit(packets, Ns(begin + step * STEP_NS)))
    return taken


def test_of_a_flood_two_hundred_a_second_are_taken_behind_a_first_burst() -> None:
    for per_second in (500, 20_000):
        taken = pour(intake(), per_second=per_second, seconds=60)
        assert BURST + 59 * PER_SECOND <= taken <= BURST + 60 * PER_SECOND


def test_a_scene_and_two_hundred_a_second_lose_nothing_and_are_worth_no_word() -> None:
    taker = intake()
    assert len(taker.admit([GAIN] * 256, BEGIN)) == 256
    assert pour(taker, per_second=PER_SECOND, seconds=30) == 30 * PER_SECOND
    assert not taker.must_read_again(Ns(BEGIN + 60 * NS_PER_SECOND))
    assert taker.news(Ns(BEGIN + 60 * NS_PER_SECOND)) is None


def test_faders_that_are_pushed_are_passed_by_and_take_no_room() -> None:
    taker = intake()
    assert taker.admit([FADER] * 10_000 + [GAIN], BEGIN) == [GAIN]
    assert taker.admit([b"/info\0\0\0", b"#bundle\0"], BEGIN) == [b"/info\0\0\0", b"#bundle\0"]
    assert taker.news(BEGIN) is None and not taker.must_read_again(BEGIN)


def test_behind_a_flood_all_is_read_again_once() -> None:
    taker = intake()
    pour(taker, per_second=1_000, seconds=5)
    end = BEGIN + 5 * NS_PER_SECOND
    assert not taker.must_read_again(Ns(end))
    assert taker.must_read_again(Ns(end + BURST * NS_PER_SECOND // PER_SECOND))
    assert not taker.must_read_again(Ns(end + 60 * NS_PER_SECOND))
    taker.admit([GAIN], Ns(end + 61 * NS_PER_SECOND), flooded=True)
    assert taker.must_read_again(Ns(end + 63 * NS_PER_SECOND)), "the kernel may have dropped some, too"


def test_a_flood_is_told_when_it_begins_and_when_it_is_over_with_its_figures() -> None:
    taker = intake()
    pour(taker, per_second=1_000, seconds=5)
    taker.refused(7, Ns(BEGIN + 5 * NS_PER_SECOND))
    first = taker.news(Ns(BEGIN + 5 * NS_PER_SECOND))
    assert first is not None and "more than 200 packets a second" in first
    assert taker.news(Ns(BEGIN + 6 * NS_PER_SECOND)) is None
    taker.admit([GAIN] * 20, Ns(BEGIN + 12 * NS_PER_SECOND))  # what is no trouble does not count
    last = taker.news(Ns(BEGIN + 5 * NS_PER_SECOND + QUIET_NS))
    assert last is not None and "over after 5.0 s" in last and "7 of them refused" in last
    taken = int(last.partition(" packets were taken")[0].rpartition(" ")[2].replace(",", ""))
    dropped = int(last.partition(" more read and dropped")[0].rpartition(" ")[2].replace(",", ""))
    assert taken <= BURST + 5 * PER_SECOND and taken + dropped == 5_000
    assert taker.news(Ns(BEGIN + 60 * NS_PER_SECOND)) is None


def test_however_a_sender_pauses_it_cannot_fill_the_log() -> None:
    taker, lines, now = intake(), 0, BEGIN
    for _ in range(60 * 100):
        now = Ns(now + STEP_NS)
        taker.admit([b"#bundle\0"], now)
        taker.refused(1, now) if now // NS_PER_SECOND % 11 == 0 else None
        lines += taker.news(now) is not None
    assert 2 <= lines <= 2 * 60 * NS_PER_SECOND // QUIET_NS
