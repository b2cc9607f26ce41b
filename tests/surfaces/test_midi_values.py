"""Encoders in three styles, parameters of four controllers, pitch bend, song select."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware_sim.pedal import Pedal, PtyWire
from rigd.hands.bindings import Binding, Encoder, check_binding
from rigd.hands.surface import Motion
from rigd.surfaces.midi.controls import check_control, motions_of, touches_in
from rigd.surfaces.midi.encoders import detents, encoder_of
from rigd.surfaces.midi.parameters import ParameterReader
from rigd.surfaces.midi.surface import MidiSurface
from tests.support.patience import wait_for
from tests.surfaces.midi_bench import Sink, midi_settings

TURNS: list[tuple[Encoder, list[int], list[int]]] = [
    ("twos complement", [1, 2, 127, 126], [1, 2, -1, -2]),
    ("offset", [65, 66, 63, 62, 64], [1, 2, -1, -2, 0]),
    ("sign bit", [1, 2, 65, 66], [1, 2, -1, -2]),
]


@pytest.mark.parametrize(("encoder", "values", "turned"), TURNS)
def test_an_encoder_is_read_and_found_by_its_values(
    encoder: Encoder, values: list[int], turned: list[int]
) -> None:
    assert [detents(encoder, value) for value in values] == turned
    assert encoder_of([value for value in values if value != 64]) == (encoder, True)


@pytest.mark.parametrize(
    "values", [[127, 0, 127, 0], [1, 0, 1, 0], [127, 127, 127], [64, 0, 64], [10, 60, 100], [1, 1]]
)
def test_a_switch_and_a_sweep_are_no_encoder(values: list[int]) -> None:
    assert encoder_of(values)[0] is None


@pytest.mark.parametrize(("encoder", "values", "turned"), TURNS)
def test_an_encoder_turns_a_gain(
    tmp_path: Path, encoder: Encoder, values: list[int], turned: list[int]
) -> None:
    sink = Sink()
    with Pedal(lambda: PtyWire(tmp_path / "midi")) as pedal:
        binding = Binding(control="cc 20", nudge=1, encoder=encoder)
        assert check_binding(binding) == []
        surface = MidiSurface("pedal", midi_settings(port=pedal.port, settle_ms=0), [binding], sink)
        surface.start()
        try:
            wait_for(lambda: sink.status.connected)
            pedal.send(b"".join(bytes((0xB0, 20, value)) for value in values))
            wait_for(lambda: len(sink.inputs) == len(values))
        finally:
            surface.stop()
    assert [(each.motion, each.value) for each in sink.inputs] == [
        (Motion.RELATIVE, value) for value in turned
    ]


def test_an_encoder_that_turns_nothing_is_refused() -> None:
    (wrong,) = check_binding(Binding(control="cc 20", gain=1, encoder="offset"))
    assert "nudge = CHANNEL" in wrong


def parameters(*messages: str) -> list[tuple[str, float]]:
    reader = ParameterReader()
    touched = [touch for message in messages for touch in reader.touches_in(bytes.fromhex(message))]
    return [(touch.control, touch.value) for touch in touched]


def test_four_controllers_are_one_parameter() -> None:
    assert parameters("B06301", "B06208", "B0067F", "B02600", "B00600") == [
        ("nrpn 136 ch 1", 1.0),
        ("nrpn 136 ch 1", 0.0),
    ]


def test_data_without_a_parameter_and_of_a_registered_one_is_none() -> None:
    assert parameters("B0067F", "B16301", "B16208", "B0067F") == []
    assert parameters("B06301", "B06208", "B06500", "B06400", "B0067F") == []
    assert parameters("B0637F", "B0627F", "B0067F") == []


@pytest.mark.parametrize(
    ("message", "control", "value"),
    [
        ("E00040", "pitch ch 1", 0.5),
        ("E57F7F", "pitch ch 6", 1.0),
        ("E00000", "pitch ch 1", 0.0),
        ("F305", "song 5", 0.0),
    ],
)
def test_pitch_bend_and_song_select_are_controls(message: str, control: str, value: float) -> None:
    (touch,) = touches_in(bytes.fromhex(message))
    assert (touch.control, round(touch.value, 3)) == (control, value)
    assert touch.motion in motions_of(control)


@pytest.mark.parametrize("control", ["nrpn 16382 ch 16", "pitch", "pitch ch 2", "song 127", "NRPN 0"])
def test_their_names_are_known(control: str) -> None:
    assert check_control(control) == ""


@pytest.mark.parametrize(
    "control", ["nrpn 16383", "pitch 3", "song 128", "song 1 ch 2", "nrpn", "pitch ch 17"]
)
def test_names_beyond_them_are_refused(control: str) -> None:
    assert "the forms are" in check_control(control)


def test_what_says_that_nothing_is_held_is_no_control() -> None:
    assert "nothing is held" in check_control("cc 123")
