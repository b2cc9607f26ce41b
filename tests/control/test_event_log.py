"""What the log says: each thing once, with its reason, and nothing that sounds like trouble where there is none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from rigd.control.event_log import MOST_A_MINUTE, EventLog
from rigd.model.events import Happening
from rigd.model.gain import PreampStatus
from rigd.model.inputs import CaptureLost, WriterLost
from rigd.model.messages import CapturePhase, CaptureReport, GapWritten, TakeClosed, TakeFailed
from rigd.model.state import SurfaceStatus
from rigd.model.take import Gap, GapCause
from rigd.model.units import Frame, Ns
from rigd.wire.plain_log import FIELDS
from tests.support.desk import LISTENING, OPENED, SESSION_FOLDER, WRITER_IDLE, Desk

AWAY = CaptureReport(phase=CapturePhase.FAILED, device="Sim", failure='"Sim" was not found')
OPENING = CaptureReport(phase=CapturePhase.OPENING, device="Sim")


class LoggedDesk(Desk):
    """A rig without parts whose steps are logged."""

    def __init__(self, **changes: Any) -> None:
        self.log = EventLog(logging.getLogger("rigd"))
        super().__init__(ready=False, **changes)

    def _step(self, what: Any, at_ns: int) -> Any:
        before = self.state
        result = super()._step(what, at_ns)
        self.log.say(before, self.state, result.events, now_ns=Ns(round(self.now_s * 1e9)))
        return result


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO):
        yield caplog


def lines(told: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    found = [(record.levelname, record.getMessage()) for record in told.records]
    told.clear()
    return found


def ready(told: pytest.LogCaptureFixture) -> LoggedDesk:
    desk = LoggedDesk(measure_at_start=False)
    for fact in (OPENED, OPENING, LISTENING, WRITER_IDLE):
        desk.hear(fact)
    return desk


def test_a_start_without_trouble_reads_so(told: pytest.LogCaptureFixture) -> None:
    ready(told)
    assert lines(told) == [
        ("INFO", f'session "Rehearsal" in {SESSION_FOLDER}'),
        ("INFO", f"READY: Sim, 4 inputs at 48000 Hz; takes go to {SESSION_FOLDER}"),
    ]


def test_a_take_is_told_from_its_start_until_it_is_safe_and_by_whom(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    lines(told)
    desk.ok("start", origin="pedal cc 64")
    take = desk.take
    desk.now_s += 5.0
    desk.ok("stop")
    desk.hear(TakeClosed(take_id=take.take_id, folder=take.folder, frames=48_000, files=()))
    fields = [getattr(record, FIELDS) for record in told.records]
    assert lines(told) == [
        ("INFO", 'take 1 of "Waltz" rolls (by pedal cc 64)'),
        ("INFO", "take 1 stopped (by pedal)"),
        ("INFO", "take 1: every byte of it is safe"),
    ]
    assert fields[0]["RIGD_EVENT"] == "take started" and fields[0]["RIGD_ORIGIN"] == "pedal cc 64"
    assert {each["RIGD_TAKE_ID"] for each in fields} == {take.take_id}


def test_offline_is_told_once_with_its_reason_however_often_it_is_tried(
    told: pytest.LogCaptureFixture,
) -> None:
    desk = LoggedDesk(measure_at_start=False)
    desk.hear(OPENED)
    desk.hear(WRITER_IDLE)
    lines(told)
    for _ in range(3):
        desk.hear(OPENING)
        desk.hear(AWAY)
        desk.hear(CaptureLost(reason=AWAY.failure))
        desk.now_s += 2.0
    assert lines(told) == [("WARNING", 'OFFLINE: no audio interface: "Sim" was not found')]
    desk.hear(replace(AWAY, failure="its rate is another one"))
    desk.hear(AWAY)
    assert [text for _, text in lines(told)] == ["OFFLINE: no audio interface: its rate is another one"]
    desk.hear(LISTENING)
    assert [text.partition(":")[0] for _, text in lines(told)] == ["READY"]
    desk.hear(CaptureLost(reason="the plug was pulled"))
    assert [level for level, text in lines(told) if text.startswith("OFFLINE") and "the plug" in text] == [
        "WARNING"
    ]


def test_a_capture_that_cannot_even_start_is_told(told: pytest.LogCaptureFixture) -> None:
    desk = LoggedDesk(measure_at_start=False)
    desk.hear(CaptureLost(reason="rigd-capture cannot start: no such file"))
    assert [text for _, text in lines(told) if text.startswith("OFFLINE") and "no such file" in text]


def test_an_interface_that_goes_in_a_take_and_its_gap_are_told(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    desk.ok("start")
    take = desk.take
    lines(told)
    desk.hear(CaptureLost(reason="the plug was pulled"))
    desk.now_s += 2.0
    desk.hear(LISTENING)
    gap = Gap(
        at_frame=Frame(take.first_frame + 48_000),
        length_frames=480,
        cause=GapCause.INTERFACE_LOST,
        exact=True,
    )
    desk.hear(GapWritten(take_id=take.take_id, gap=gap))
    assert lines(told) == [
        ("WARNING", "the audio interface is lost: the plug was pulled; rigd looks for it"),
        ("INFO", "interface: in order again"),
        ("WARNING", "take 1: 480 frames (0.010 s) missing at 1.00 s (interface lost)"),
    ]
    desk.ok("clear-fault")
    assert lines(told) == [("INFO", "take 1: its alarm (gap) is over")], "no id that only rigd knows"


def test_a_full_disk_ends_in_halted_and_is_told_as_what_it_is(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    desk.ok("start")
    take = desk.take
    lines(told)
    desk.hear(
        TakeFailed(
            take_id=take.take_id,
            folder=take.folder,
            frames_kept=48_000,
            reason="no space left",
            disk_full=True,
        )
    )
    said = lines(told)
    assert [level for level, _ in said] == ["ERROR", "ERROR"]
    assert "no space left" in said[0][1] and said[1][1].startswith("HALTED:")
    desk.ok("clear-fault")
    assert any(text.startswith("READY:") for _, text in lines(told))


def test_a_start_that_would_be_refused_is_not_called_ready(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    lines(told)
    desk.ok("disarm")
    assert lines(told) == [
        (
            "WARNING",
            "NOT READY: no channel is armed; arm one with: rigd arm CHANNEL, or all of them with: rigd arm",
        )
    ]
    desk.ok("arm")
    assert [text.partition(":")[0] for _, text in lines(told)] == ["READY"]


def test_desk_and_box_gone_and_back_and_faults_and_their_end(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    lines(told)
    for there in (True, False, True):
        desk.hear(SurfaceStatus(name="box", kind="serial", connected=there))
        desk.hear(PreampStatus(name="desk", kind="x32", answering=there))
    desk.hear(WriterLost(reason="killed"))
    desk.hear(WRITER_IDLE)
    texts = [text for _, text in lines(told)]
    for what in ('surface "box"', 'preamp "desk"'):
        assert len([text for text in texts if text.startswith(what)]) == 3
    assert [text for text in texts if "writer is gone" in text] and "writer: in order again" in texts


def test_a_loose_plug_fills_no_log_and_what_was_left_out_is_counted(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    lines(told)
    for turn in range(200):
        desk.hear(SurfaceStatus(name="box", kind="serial", connected=turn % 2 == 0))
    assert len(lines(told)) == MOST_A_MINUTE
    desk.now_s += 61.0
    desk.hear(SurfaceStatus(name="other", kind="midi", connected=True))
    texts = [text for _, text in lines(told)]
    assert (
        texts[0]
        == f'"{Happening.SURFACE_CHANGED.value}" of box: {200 - MOST_A_MINUTE} more of these within a minute'
    )


def test_what_people_do_all_the_time_is_not_said(told: pytest.LogCaptureFixture) -> None:
    desk = ready(told)
    desk.ok("start")
    lines(told)
    for text in ("mark chorus", "disarm 1", "arm 1", "gain 1 20", "circle"):
        desk.ok(text)
    assert lines(told) == []


def test_what_was_never_there_is_neither_lost_nor_in_order_again(told: pytest.LogCaptureFixture) -> None:
    desk = LoggedDesk(measure_at_start=False)
    for fact in (OPENED, WRITER_IDLE, OPENING, CaptureLost(reason="it did not open"), AWAY, LISTENING):
        desk.hear(fact)
    said = [text for _, text in lines(told)] + [event.text for event in desk.events]
    assert "OFFLINE: no audio interface: it did not open; rigd looks for it" in said
    assert "interface: heard from" in said and "writer: heard from" in said
    assert not [text for text in said if "lost" in text or "in order again" in text]
    desk.hear(CaptureLost(reason="the plug was pulled"))
    desk.hear(LISTENING)
    said = [event.text for event in desk.events]
    assert "interface Sim: lost" in said and "interface: in order again" in said


def test_a_reason_that_is_there_again_after_something_was_heard_is_told_again(
    told: pytest.LogCaptureFixture,
) -> None:
    desk = ready(told)
    for turn in range(2):
        lines(told)
        desk.hear(CaptureLost(reason="the plug was pulled"))
        desk.hear(CaptureLost(reason="the plug was pulled"))
        offline = [text for _, text in lines(told) if text.startswith("OFFLINE")]
        assert len(offline) == 1 and "the plug" in offline[0], turn
        desk.hear(LISTENING)
        desk.now_s += 61.0  # no loose plug: that is another rule
