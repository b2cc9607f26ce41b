"""python-rtmidi against a JACK server of our own, and the rules that need no port."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.cli.devices import devices
from rigd.cli.learn import kinds_that_learn
from rigd.cli.learning import learn
from rigd.hands.surface import Motion
from rigd.model.errors import SurfaceError
from rigd.model.units import Ns
from rigd.surfaces.midi.settings import MidiSettings
from rigd.surfaces.midi.surface import MidiSurface
from rigd.wire.midi import rtmidi_system
from rigd.wire.midi.links import DistanceStamps
from rigd.wire.midi.names import pick, stable_name
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.midi.rtmidi_system import NO_JACK_SERVER, RtMidiLink, jack_servers
from tests.support.jack_server import JackServer, name_of_nobody
from tests.support.patience import wait_for
from tests.support.stranger import begin, everybodys_folder
from tests.support.tools import need_tool
from tests.surfaces.midi_bench import ROLLING, STATE, Sink, running
from tests.surfaces.pedal_process import PedalProcess

MS = 1_000_000
PRESS, RELEASE = ("cc 80 ch 1", Motion.PRESS), ("cc 80 ch 1", Motion.RELEASE)


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    need_tool("jackd")
    with JackServer(channels=2) as server:
        yield server


@pytest.fixture
def jack(server: JackServer, monkeypatch: pytest.MonkeyPatch) -> JackServer:
    for name, value in server.jack_environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def pedal(jack: JackServer) -> Iterator[PedalProcess]:
    with PedalProcess() as pedal:
        yield pedal


@pytest.mark.jack
def test_a_press_and_its_release_arrive_stamped_when_they_were_made(
    pedal: PedalProcess, jack: JackServer
) -> None:
    period_ns = jack.period_frames * 1_000_000_000 // jack.sample_rate_hz
    with running(pedal) as (_, sink):
        for _ in range(3):
            sink.inputs.clear()
            before_ns = time.monotonic_ns()
            pedal.press()
            after_ns = time.monotonic_ns()
            wait_for(lambda: len(sink.switches) == 1)
            pedal.release()
            wait_for(lambda: sink.switches == [PRESS, RELEASE])
            # JACK hands a message on with its next period or the one after, and the stamp is half a period before
            # that; nothing else may add to it.
            assert before_ns - period_ns // 2 <= sink.inputs[0].at_ns <= after_ns + 4 * period_ns


@pytest.mark.jack
def test_a_port_is_asked_more_often_while_a_control_of_it_moves(
    pedal: PedalProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtmidi_system, "STILL_AFTER_S", 0.4)
    ports = MidiPorts(client="hand", api="jack")
    port = pick(pedal.port, ports.look())
    link = ports.open(port, output="", sysex=False, clock=lambda: Ns(time.monotonic_ns()))
    assert isinstance(link, RtMidiLink)
    try:
        asked = Counted(link._listener)
        link._listener = asked
        assert not link.wait(0.3)
        at_rest, asked.times = asked.times, 0
        pedal.press()
        wait_for(lambda: link.wait(0.1), "the press")
        asked.times = 0
        assert not link.wait(0.3)
        assert asked.times > 3 * at_rest
        assert not link.wait(0.3)
        asked.times = 0
        assert not link.wait(0.3)
        assert asked.times < 2 * at_rest, "it is at rest again"
    finally:
        link.close()
        ports.close()


class Counted:
    """A listener of RtMidi's that counts how often it is asked."""

    def __init__(self, listener: Any) -> None:
        self._listener, self.times = listener, 0

    def get_message(self) -> Any:
        self.times += 1
        return self._listener.get_message()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


@pytest.mark.jack
def test_machine_control_is_heard_where_it_is_bound(pedal: PedalProcess) -> None:
    with running(pedal, controls=("mmc record", "mmc stop")) as (_, sink):
        pedal.send(bytes.fromhex("F07F7F0606F7"))
        wait_for(lambda: sink.switches == [("mmc record", Motion.TRIGGER)])
    with running(pedal) as (_, sink):
        pedal.send(bytes.fromhex("F07F7F0606F7"))
        pedal.press()
        wait_for(lambda: bool(sink.switches))
        assert sink.switches == [PRESS]


@pytest.mark.jack
def test_what_follows_a_broken_sysex_is_not_taken_for_fresh(pedal: PedalProcess) -> None:
    """RtMidi glues all that follows to it, and hands it over at the next end of a sysex, however late."""
    with running(pedal, controls=("mmc record", "mmc stop")) as (_, sink):
        pedal.send(bytes.fromhex("F0010203"))
        time.sleep(0.05)
        pedal.tap(0.05)
        pedal.send(bytes.fromhex("F07F7F0601F7"))
        wait_for(lambda: bool(sink.switches))
        assert sink.switches == [("mmc stop", Motion.TRIGGER)]
        pedal.tap(0.05)
        wait_for(lambda: sink.switches[1:] == [PRESS, RELEASE])


@pytest.mark.jack
def test_lamps_are_seen_at_the_far_end(pedal: PedalProcess) -> None:
    with running(pedal, led=[{"on": "recording", "send": "cc 80"}]) as (surface, sink):
        surface.show(STATE, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 0})
        surface.show(ROLLING, None)
        wait_for(lambda: pedal.lamps == {"cc 80": 127})
        assert sink.status.detail == ""


@pytest.mark.jack
def test_a_pedal_without_lamps_still_records_and_says_so(pedal: PedalProcess) -> None:
    with running(pedal, output="no such port", led=[{"on": "recording", "send": "cc 80"}]) as (_, sink):
        assert "lamps cannot be reached" in sink.status.detail
        pedal.press()
        wait_for(lambda: sink.switches == [PRESS])


@pytest.mark.jack
def test_lamps_that_come_later_than_their_pedal_show_what_is_true_then(pedal: PedalProcess) -> None:
    lamps = [{"on": "recording", "send": "cc 80"}]
    with running(pedal, output="Light lamps", led=lamps) as (surface, sink):
        surface.show(ROLLING, None)
        assert 'no MIDI output "Light lamps"; outputs now: "Foot lamps:lamps"' in sink.status.detail
        with PedalProcess("Light") as light:
            wait_for(lambda: light.lamps == {"cc 80": 127})
            wait_for(lambda: sink.status.detail == "")


@pytest.mark.jack
def test_a_vanished_port_lets_go_and_is_opened_again(pedal: PedalProcess) -> None:
    with running(pedal, led=[{"on": "recording", "send": "cc 80"}]) as (surface, sink):
        surface.show(ROLLING, None)
        pedal.press()
        pedal.unplug()
        wait_for(lambda: sink.lost == ["pedal"])
        assert not sink.status.connected
        sink.inputs.clear()
        pedal.plug_in()
        wait_for(lambda: sink.status.connected)
        wait_for(lambda: pedal.lamps == {"cc 80": 127})
        pedal.tap()
        wait_for(lambda: sink.switches == [PRESS, RELEASE])


@pytest.mark.jack
def test_a_dead_server_and_its_return_are_noticed_in_silence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    need_tool("jackd")
    with JackServer(channels=2) as first:
        for name, value in first.jack_environment.items():
            monkeypatch.setenv(name, value)
        with PedalProcess() as pedal, running(pedal, api="jack") as (surface, sink):
            capfd.readouterr()
            first.stop()
            wait_for(lambda: "went with its JACK server" in sink.status.detail)
            assert sink.lost == ["pedal"]
            pedal.unplug()
            wait_for(lambda: "no JACK server answers" in sink.status.detail)
            assert capfd.readouterr().err == ""
            with JackServer(channels=2, name=first.name):
                pedal.plug_in()
                wait_for(lambda: sink.status.connected)
                pedal.press()
                wait_for(lambda: sink.switches == [PRESS])
                surface.stop()
                pedal.unplug()


@pytest.mark.jack
def test_looking_for_ports_all_day_costs_one_client(jack: JackServer) -> None:
    ports = MidiPorts(client="looking", api="jack")
    try:
        ports.look()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(100):
            with pytest.raises(SurfaceError, match="plug it in"):
                ports.find("FCB1010")
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    finally:
        ports.close()


def test_without_any_midi_system_the_status_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name_of_nobody())
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    sink = Sink()
    surface = MidiSurface("pedal", MidiSettings(port="FCB1010", api="jack"), (), sink)
    surface.start()
    try:
        wait_for(lambda: "JACK_DEFAULT_SERVER" in sink.status.detail)
    finally:
        surface.stop()


@pytest.mark.jack
def test_a_pedal_behind_a2jmidid_is_found_again_under_its_next_number(jack: JackServer) -> None:
    with PedalProcess("FCB+ (v1.0) [20] (capture): [0] FCB+ MIDI 1") as first:
        port = stable_name(first.port)
        assert "[20]" not in port
        with running(first, port=port) as (_, sink):
            first.unplug()
            wait_for(lambda: not sink.status.connected)
            with PedalProcess("FCB+ (v1.0) [24] (capture): [0] FCB+ MIDI 1") as again:
                wait_for(lambda: sink.status.connected)
                assert "[24]" in sink.status.port
                again.press()
                wait_for(lambda: sink.switches == [PRESS])


@given(steps=st.lists(st.tuples(st.integers(1, 2000), st.sampled_from([0, 0, 3, 900])), max_size=40))
def test_a_late_fetch_costs_no_precision_once_one_was_in_time(steps: list[tuple[int, int]]) -> None:
    stamps = DistanceStamps()
    arrived_ns = 50 * MS
    stamps.stamp([0.0], after_ns=46 * MS, now_ns=51 * MS)
    fetched_ns = 51 * MS
    for wait_ms, late_ms in steps:
        before_ns, arrived_ns = arrived_ns, max(arrived_ns + wait_ms * MS, fetched_ns + 1)
        now_ns = arrived_ns + late_ms * MS
        after_ns = max(fetched_ns, arrived_ns - 10 * MS)  # there is a fetch every 10 ms, but for the late one
        (at_ns,) = stamps.stamp([(arrived_ns - before_ns) / 1e9], after_ns=after_ns, now_ns=now_ns)
        assert abs(at_ns - arrived_ns) <= 10.5 * MS
        fetched_ns = now_ns


def test_messages_of_one_late_fetch_keep_their_distances() -> None:
    stamps = DistanceStamps()
    stamps.stamp([0.0], after_ns=0, now_ns=100 * MS)
    late = stamps.stamp([0.2, 0.05, 0.1], after_ns=110 * MS, now_ns=1500 * MS)
    # The first message arrived somewhere in 100 ms, so all times are good to half of that; distances are exact.
    assert [round(at_ns / MS) for at_ns in late] == pytest.approx([250, 300, 400], abs=1)


def test_a_driver_that_skips_a_distance_is_set_right_by_the_fetch_before() -> None:
    stamps = DistanceStamps()
    stamps.stamp([0.0], after_ns=0, now_ns=100 * MS)
    assert stamps.stamp([0.001], after_ns=5000 * MS, now_ns=5004 * MS) == [5002 * MS]
    assert stamps.stamp([1.0], after_ns=5990 * MS, now_ns=6900 * MS) == [pytest.approx(6000 * MS, abs=3 * MS)]


REFUSED_SEQUENCER = "/dev/snd/seq may not be opened by this user"


@pytest.mark.parametrize(
    ("alsa", "jack", "told"),
    [
        (None, None, []),
        (None, NO_JACK_SERVER, []),
        (REFUSED_SEQUENCER, None, [REFUSED_SEQUENCER]),
        (REFUSED_SEQUENCER, NO_JACK_SERVER, [REFUSED_SEQUENCER, NO_JACK_SERVER]),
    ],
)
def test_why_a_pedal_may_be_missing_from_the_list_is_told(
    alsa: str | None, jack: str | None, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(_: MidiPorts, api: str) -> list[str]:
        if trouble := {"alsa": alsa, "jack": jack}[api]:
            raise SurfaceError(trouble)
        return []

    monkeypatch.setattr(MidiPorts, "_names", names)
    ports = MidiPorts(client="test")
    assert ports.look() == []
    assert ports.why_so_few() == told
    with pytest.raises(SurfaceError, match=told[0] if told else "plug the pedal in"):
        learn(kinds_that_learn(), seconds=0.1)


def test_rigd_devices_tells_why_a_pedal_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MidiPorts, "why_so_few", lambda ports: [REFUSED_SEQUENCER])
    devices(as_json=True)
    assert f"MIDI: {REFUSED_SEQUENCER}" in json.loads(capsys.readouterr().out)["troubles"]


LISTENS = """
def listen(name):
    found = socket.socket(socket.AF_UNIX)
    found.bind(name)
    found.listen()
    return found
here = [listen(name) for name in sys.argv[1:]]
forged = "\\nffff: 2 0 00010000 1 01 77 " + sys.argv[1].replace("_9_", "_0_")
here.append(listen("\\0" + forged))
print("here", flush=True)
sys.stdin.read()
"""


def test_sockets_of_strangers_are_no_jack_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each that he opens and closes would have the pedal's port opened anew."""
    name = name_of_nobody()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    with everybodys_folder() as place, socket.socket(socket.AF_UNIX) as own:
        own.bind(str(place / f"jack_{name}_0_0"))
        own.listen()
        before = jack_servers()
        assert len(before) == 1
        stranger = begin(LISTENS, place / f"jack_{name}_9_0", listens=True)
        with stranger:
            assert stranger.stdout is not None and stranger.stdout.readline() == "here\n"
            assert jack_servers() == before
            stranger.kill()
        own.close()
        assert jack_servers() == frozenset()
