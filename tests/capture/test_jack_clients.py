"""JACK clients whose names PortAudio reads as patterns: heard from their own ports, and from no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.capture.interfaces import Interface
from rigd.capture.jack_clients import (
    JACK_HOST_API,
    clients_of,
    is_misread,
    meant_client,
    read_jack_clients,
    with_true_inputs,
)
from tests.support.capture_run import CaptureRun, settings_for
from tests.support.counter import CounterPlayer
from tests.support.jack_server import JackServer, name_of_nobody, open_client
from tests.support.tape_check import check_tape

CLIENTS = clients_of(
    [
        "system:capture_1",
        "system:capture_2",
        "HDA + Line [In] (A):capture_1",
        "backstage:out_1",
        "stage:out_1",
        "stage:out_2",
        "R24: USB:capture_1",
        "rigd-stand-in:out_1",
    ]
)


def test_the_stand_in_is_no_client_that_anybody_would_record() -> None:
    assert list(CLIENTS) == ["system", "HDA + Line [In] (A)", "backstage", "stage", "R24"]
    assert CLIENTS["stage"] == ("stage:out_1", "stage:out_2")


@pytest.mark.parametrize(
    "name", ["a+b", "a(b", "a[b", "$", "^x", "a*", "R24.1", "a|b", "back\\slash", "R24: USB"]
)
def test_a_name_that_means_something_as_a_pattern_is_misread(name: str) -> None:
    assert is_misread(name, {name: (f"{name}:out_1",)})


def test_a_name_at_the_end_of_another_one_is_misread_and_a_plain_one_is_not() -> None:
    assert is_misread("stage", CLIENTS)
    assert not is_misread("backstage", CLIENTS)
    assert not is_misread("system", CLIENTS)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("HDA + Line [In] (A)", "HDA + Line [In] (A)"),
        ("HDA + Line [In] (A), JACK Audio Connection Kit", "HDA + Line [In] (A)"),
        ("line [in]", "HDA + Line [In] (A)"),
        ("R24: USB", "R24: USB"),
        ("R24", "R24"),
        ("", None),
        ("hw:CARD=RIG", None),
        ("JACK", None),
    ],
)
def test_the_client_that_a_config_means_is_found_by_its_exact_name_or_a_part(
    wanted: str, meant: str | None
) -> None:
    found = meant_client(CLIENTS, wanted)
    assert (None if found is None else found[0]) == meant


def test_inputs_are_those_of_the_servers_list_and_a_client_that_portaudio_lacks_is_added() -> None:
    portaudio = [
        Interface(index=0, name="stage", host_api=JACK_HOST_API, inputs=3, default_rate_hz=48_000),
        Interface(index=1, name="Card (hw:0,0)", host_api="ALSA", inputs=2, default_rate_hz=44_100),
    ]
    true = {each.name: each for each in with_true_inputs(portaudio, CLIENTS)}
    assert (true["stage"].inputs, true["stage"].index) == (2, 0)
    added = true["HDA + Line [In] (A)"]
    assert (added.inputs, added.index, added.default_rate_hz) == (1, -1, 48_000)
    assert true["Card (hw:0,0)"].inputs == 2
    assert with_true_inputs(portaudio, {}) == portaudio


def test_without_a_server_there_are_no_clients_and_nothing_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name_of_nobody())
    assert read_jack_clients() == {}
    assert capfd.readouterr() == ("", "")


def all_ports(jack: JackServer) -> list[str]:
    client = open_client("rigd-test-ports", jack.name)
    try:
        return [port.name for port in client.get_ports()]
    finally:
        client.close()


@pytest.mark.jack
@pytest.mark.parametrize("name", ["HDA + Line [In] (A)", "Mix^Bus.$*", "R24: USB", "stage"])
def test_every_sample_of_such_a_client_is_on_the_tape(name: str, jack: JackServer, runtime: Path) -> None:
    """ "backstage" is there before "stage": PortAudio would take its ports first."""
    with (
        CounterPlayer(jack, channels=3, client_name="backstage"),
        CounterPlayer(jack, channels=4, client_name=name),
        CaptureRun(
            runtime,
            settings_for("portaudio", device=name, channels=4),
            environment=jack.jack_environment,
        ) as capture,
    ):
        report = capture.await_listening()
        assert report.device == f"{name}, {JACK_HOST_API}"
        assert report.channels == 4
        capture.await_frames(48_000)
        assert check_tape(capture.tape()) == []
        assert not [name for name in all_ports(jack) if name.startswith("rigd-stand-in")]
        assert capture.ask_to_stop() == 0
