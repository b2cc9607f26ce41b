"""Sound of another interface never gets under the labels of an open take (F30): by a real rigd-capture process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_sim.faults import FaultClient
from rigd.capture.driver import FoundInterface
from rigd.capture.interfaces import lasting_name
from rigd.capture.matching import Match, known_interface, remember_interface
from rigd.model.errors import MismatchError
from rigd.model.messages import CapturePhase, CaptureReport
from rigd.model.units import Frame
from rigd.tape.blocks import Run
from rigd.tape.tape import Tape
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.counter import PORTAUDIO_FULL_SCALE, check_counter, codes_of

CHANNELS = 4
SETTINGS = settings_for("simulated", channels=CHANNELS, period_frames=480, options={"signal": "counter"})


@pytest.fixture
def recorded(runtime: Path) -> Iterator[Path]:
    """A runtime folder whose tape holds a take; capture has ended and the interface is away."""
    with CaptureRun(runtime, SETTINGS) as first:
        first.await_listening()
        first.await_frames(4800)
        with Tape.attach(runtime / "tape", writable=True) as tape:
            hold = tape.take_hold(Frame(0), key=1)
            FaultClient(runtime).vanish()
            first.kill()
            yield runtime
            hold.release()


def failures(runtime: Path, tries: int) -> list[CaptureReport]:
    """What so many processes, one after another, could not do."""
    found = []
    for _ in range(tries):
        with CaptureRun(runtime, SETTINGS) as capture:
            report, code = capture.await_failure()
            assert code == 4
            found.append(report)
    return found


def test_fewer_inputs_are_heard_and_the_others_are_silence(recorded: Path) -> None:
    FaultClient(recorded).return_as(channels=2)
    (once,) = failures(recorded, 1)
    assert "has 2 inputs, the rig needs 4" in once.mismatch and "looked at again" in once.mismatch
    # It is believed once it has been so for a second, in the eyes of two processes.
    inputs, since_s = (recorded / "interface.fewer").read_text().split()
    (recorded / "interface.fewer").write_text(f"{inputs} {float(since_s) - 1.0}")
    with CaptureRun(recorded, SETTINGS) as capture:
        report = capture.await_listening()
        assert report.channels == 2
        assert "inputs 3 to 4 are silence" in report.mismatch
        capture.await_frames(9600)
        assert report.heard_from is not None
        tape = capture.tape()
        for piece in tape.runs(report.heard_from, tape.next_frame):
            assert isinstance(piece, Run)
            codes = codes_of(tape.samples(piece), PORTAUDIO_FULL_SCALE)
            check_counter(codes[:2])
            assert not codes[2:].any()
        FaultClient(recorded).vanish()
        FaultClient(recorded).come_back()
    with CaptureRun(recorded, SETTINGS) as capture:
        report = capture.await_listening()
        assert (report.channels, report.mismatch) == (CHANNELS, "")
    assert not (recorded / "interface.fewer").exists()


@pytest.mark.parametrize(
    ("otherwise", "words"),
    [
        ({"sample_rate_hz": 44_100}, "it runs at 44100 Hz"),
        ({"name": "Another card"}, 'the open take was begun with "Simulated interface, hardware_sim"'),
    ],
    ids=["rate", "card"],
)
def test_of_another_rate_or_card_nothing_is_recorded(
    recorded: Path, otherwise: dict[str, object], words: str
) -> None:
    FaultClient(recorded).return_as(**otherwise)  # type: ignore[arg-type]
    with Tape.attach(recorded / "tape", writable=False) as tape:
        before = tape.written
        for report in failures(recorded, 2):
            assert report.phase is CapturePhase.FAILED
            assert words in report.mismatch
        assert tape.written == before


def test_with_no_take_open_another_card_is_another_card_and_too_few_inputs_are_refused(runtime: Path) -> None:
    with CaptureRun(runtime, SETTINGS) as first:
        first.await_listening()
    FaultClient(runtime).return_as(name="Another card")
    with CaptureRun(runtime, SETTINGS) as second:
        assert second.await_listening().device == "Another card, hardware_sim"
    FaultClient(runtime).return_as(channels=2)
    (report,) = failures(runtime, 1)
    assert report.mismatch == report.failure
    assert "Set audio.channels to 2 or less" in report.mismatch


def test_a_card_keeps_its_lasting_name_when_alsa_gives_it_another_number() -> None:
    assert lasting_name("Scarlett: USB Audio (hw:1,0), ALSA") == lasting_name(
        "Scarlett: USB Audio (hw:3,0), ALSA"
    )
    assert lasting_name("Scarlett: USB Audio (hw:1,0), ALSA") != lasting_name(
        "Scarlett: USB Audio (hw:1,1), ALSA"
    )
    assert lasting_name("system, JACK Audio Connection Kit") == "system, JACK Audio Connection Kit"


def test_of_two_equal_cards_the_other_one_is_another_card(tmp_path: Path) -> None:
    def found(number: int, serial: str) -> FoundInterface:
        return FoundInterface(
            device=f"Scarlett: USB Audio (hw:{number},0), ALSA",
            host_api="ALSA",
            sample_rate_hz=48_000,
            channels=2,
            full_scale=8_388_608.0,
            usb_serial=serial,
        )

    def check(known: str, now: FoundInterface) -> None:
        Match(found=now, wanted_channels=2, known=known, held=True).check(tmp_path, now_s=0.0)

    remember_interface(tmp_path, found(1, "Y1"))
    known = known_interface(tmp_path)
    check(known, found(3, "Y1"))
    with pytest.raises(MismatchError, match="serial number Y1"):
        check(known, found(1, "Y2"))
    # What an older rigd has noted has no serial number: the name is what there is.
    check("Scarlett: USB Audio (device 0), ALSA", found(1, "Y2"))
