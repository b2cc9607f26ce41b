"""ALSA's sequencer as far as a machine without one shows it: names, times, events by ALSA's own library. Its ports
are tried in `make vm`."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.model.errors import SurfaceError
from rigd.model.units import Ns
from rigd.wire.midi import alsa_system
from rigd.wire.midi import ports as midi_ports
from rigd.wire.midi.alsa_clients import read_alsa_ports
from rigd.wire.midi.alsa_system import TICK_NS, AlsaLink, AlsaSystem, QueueClock, alsa_midi_is_there
from rigd.wire.midi.names import output_of
from rigd.wire.midi.parser import MidiParser
from rigd.wire.midi.ports import MidiPorts
from rigd.wire.midi.rtmidi_system import NO_JACK_SERVER, RtMidiSystem
from rigd.wire.midi.sequencer import Address, News, PortCame, bytes_in
from tests.support.jack_server import name_of_nobody
from tests.support.patience import wait_for
from tests.surfaces.midi_bench import running

CLIENTS = """Client info
  cur  clients : 7
  peak clients : 9
  max  clients : 192

Client   0 : "System" [Kernel Legacy]
  Port   0 : "Timer" (Rwe-) [In/Out]
  Port   1 : "Announce" (R-e-) [In]
    Connecting To: 15:0, 128:0
Client  14 : "Midi Through" [Kernel Legacy]
  Port   0 : "Midi Through Port-0" (RWe-) [In/Out]
Client  24 : "SSCOM" [Kernel]
  Port   0 : "SSCOM MIDI 1" (RWeX)
    Connecting To: 128:1[r:0]
Client  28 : "The "Foot" \xe9" [Kernel]
  Port   0 : "Out: only" (R-e-)
  Port   1 : "Lamps" (-We-)
  Port   2 : "closed" (rw--)
Client 128 : "rigd-pedal" [User Legacy]
  Port   0 : "news" (-We-)
  Output pool :
    Pool size          : 500
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc/asound/seq").mkdir(parents=True)
    (tmp_path / "proc/asound/seq/clients").write_bytes(CLIENTS.encode("latin-1"))
    return tmp_path


def test_ports_are_called_as_rtmidi_calls_them_and_no_name_hides_another(root: Path) -> None:
    found = read_alsa_ports(root)
    assert [port.name for port in found if port.can_be_heard] == [
        "Midi Through:Midi Through Port-0 14:0",
        "SSCOM:SSCOM MIDI 1 24:0",
        'The "Foot" �:Out: only 28:0',
    ]
    assert [(port.client, port.port) for port in found if port.can_be_sent_to] == [
        (14, 0),
        (24, 0),
        (28, 1),
        (128, 0),
    ]


def test_a_kernel_without_a_sequencer_has_no_ports(tmp_path: Path) -> None:
    assert read_alsa_ports(tmp_path) == []


@given(st.text(max_size=300))
def test_any_text_is_read_as_ports_or_not(text: str) -> None:
    from rigd.wire.midi.alsa_clients import _ports

    list(_ports(CLIENTS + text))


def test_lamps_are_those_of_the_device_that_is_listened_to() -> None:
    outputs = ["FCB:FCB MIDI 1 20:0", "FCB:FCB MIDI 1 24:0", "rigd-x:FCB 130:0"]
    assert output_of("FCB:FCB MIDI 1 24:0", "FCB", outputs) == ("FCB:FCB MIDI 1 24:0", "")
    found, why = output_of("FCB:FCB MIDI 1 28:0", "FCB", outputs)
    assert (found, "matches 2 MIDI outputs" in why) == ("", True), "of two others it is neither"
    found, why = output_of("FCB:FCB MIDI 1 20:0", "lamps", outputs)
    assert not found and why == 'no MIDI output "lamps"; outputs now: "FCB:FCB MIDI 1", "FCB:FCB MIDI 1"'


@given(
    fetches=st.lists(
        st.tuples(st.integers(0, 10**10), st.integers(0, 10**9), st.integers(1_000, 10**9)), min_size=1
    ),
    offset_ns=st.integers(-(10**12), 10**12),
)
def test_a_time_is_as_good_as_the_best_look_at_both_clocks(
    fetches: list[tuple[int, int, int]], offset_ns: int
) -> None:
    """However late the thread is that fetches it, and however long it is held up while it looks at the clocks."""
    clock, now_ns, narrowest_ns = QueueClock(), 10**12, 10**9
    for rest_ns, late_ns, held_up_ns in fetches:
        came_ns = now_ns + rest_ns
        before_ns = came_ns + late_ns
        now_ns = before_ns + held_up_ns
        clock.read(before_ns, before_ns - offset_ns, now_ns)  # held up after the look at the queue's
        narrowest_ns = min(narrowest_ns, held_up_ns)
        tick_ns = (came_ns - offset_ns) // TICK_NS * TICK_NS
        at_ns = clock.stamp(tick_ns, now_ns=now_ns)
        drift_ns = (now_ns - 10**12) * 1e-6
        assert abs(at_ns - came_ns) <= TICK_NS // 2 + narrowest_ns // 2 + drift_ns + 1
        assert at_ns <= now_ns


class NoSequencer:
    """What a link asks of the sequencer, on a machine without one: notes what is sent, brings what it is given."""

    def __init__(self) -> None:
        self.brings: list[News] = []
        self.connected: dict[int, Address] = {}
        self.sent: list[tuple[Address, bytes]] = []

    def listen(self, source: Address) -> int:
        return 0

    def queue_now_ns(self) -> int:
        return 0

    def connect_out(self, dest: Address) -> int:
        self.connected[port := 1 + len(self.connected)] = dest
        return port

    def wait(self, timeout_s: float) -> list[News]:
        brought, self.brings = self.brings, []
        return brought

    def send(self, port: int, message: bytes) -> None:
        self.sent.append((self.connected[port], message))


def test_lamps_whose_port_comes_after_the_pedal_are_reached_from_then_on(root: Path) -> None:
    """Each of a controller's ports is announced by itself."""
    clients = root / "proc/asound/seq/clients"
    all_of_them = clients.read_bytes()
    clients.write_bytes(all_of_them.replace(b'  Port   1 : "Lamps" (-We-)\n', b""))
    sequencer = NoSequencer()
    (source,) = (port for port in read_alsa_ports(root) if "Out: only" in port.name)
    link = AlsaLink(sequencer, source, "lamps", sysex=False, clock=lambda: Ns(0), root=root)  # type: ignore[arg-type]
    link.send(b"\xb0\x50\x7f")
    assert sequencer.sent == [] and 'no MIDI output "lamps"' in link.output_trouble
    sequencer.brings = [PortCame()]
    link.wait(0.0)
    assert link.output_trouble, "another one came"
    clients.write_bytes(all_of_them)
    sequencer.brings = [PortCame(), PortCame()]
    link.wait(0.0)
    link.send(b"\xb0\x50\x7f")
    assert link.output_trouble == ""
    assert sequencer.sent == [((28, 1), b"\xb0\x50\x7f")] and len(sequencer.connected) == 1


def events_of(data: bytes) -> list[bytes]:
    """Bytes to ALSA's events and back again, as the kernel and rigd do it."""
    from alsa_midi import alsa, ffi

    coder = ffi.new("snd_midi_event_t **")
    assert alsa.snd_midi_event_new(1024, coder) == 0
    alsa.snd_midi_event_no_status(coder[0], 1)
    short = ffi.new("unsigned char[]", 12)
    event: Any = ffi.new("snd_seq_event_t *")
    back = []
    for byte in data:
        if alsa.snd_midi_event_encode_byte(coder[0], byte, event) == 1:
            back.append(bytes_in(event, coder[0], short, alsa, ffi))
    alsa.snd_midi_event_free(coder[0])
    return back


def test_events_become_the_bytes_that_they_were() -> None:
    messages = [
        bytes.fromhex(each)
        for each in ("B0507F", "903C64", "803C40", "C203", "E00040", "D040", "F07F7F0606F7", "FA", "F212 34")
    ]
    assert events_of(b"".join(messages)) == messages


def test_an_nrpn_of_another_program_is_its_four_messages() -> None:
    from alsa_midi import alsa, ffi

    coder = ffi.new("snd_midi_event_t **")
    assert alsa.snd_midi_event_new(1024, coder) == 0
    alsa.snd_midi_event_no_status(coder[0], 1)
    event: Any = ffi.new("snd_seq_event_t *")
    event.type = alsa.SND_SEQ_EVENT_NONREGPARAM
    event.data.control.channel, event.data.control.param, event.data.control.value = 1, 300, 8193
    found = bytes_in(event, coder[0], ffi.new("unsigned char[]", 12), alsa, ffi)
    alsa.snd_midi_event_free(coder[0])
    assert MidiParser().feed(found) == [
        bytes.fromhex(each) for each in ("B16302", "B1622C", "B10640", "B12601")
    ]


def test_without_alsa_midi_python_rtmidi_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(midi_ports.alsa_system("x"), AlsaSystem)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    alsa_midi_is_there.cache_clear()
    try:
        assert isinstance(midi_ports.alsa_system("x"), RtMidiSystem)
    finally:
        monkeypatch.undo()
        alsa_midi_is_there.cache_clear()


def test_without_a_sequencer_it_is_told_and_waiting_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alsa_system, "SEQUENCER", "/dev/snd/no-such-node")
    ports = MidiPorts(client="test", api="alsa")
    with pytest.raises(SurfaceError, match="ALSA's MIDI sequencer"):
        ports.find("FCB")
    ports.wait_for_change(0.01)
    ports.wake()
    ports.wait_for_change(600.0)
    ports.close()


def test_without_python_rtmidi_a_missing_jack_server_is_all_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Python 3.13, for which it has no wheels: a rig without JACK must not be bothered with it."""
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    name = name_of_nobody()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    ports = MidiPorts(client="test", api="jack")
    assert ports.look() == [] and ports.troubles == [NO_JACK_SERVER]
    with socket.socket(socket.AF_UNIX) as server:
        place = Path(f"/dev/shm/jack_{name}_0_0")
        server.bind(str(place))
        try:
            server.listen()
            assert ports.look() == [] and "rigd[jack-midi]" in ports.troubles[0]
        finally:
            place.unlink()
    ports.close()


def test_a_surface_that_waits_for_its_port_stops_at_once() -> None:
    class Nothing:
        port = "no such port"

    with running(Nothing(), wait=False, api="alsa") as (_, sink):
        wait_for(lambda: bool(sink.status.detail), "looking")
