"""Inside the machine: a hand on a control of the virtual MIDI cable, and rigd's own port at its other end.

    /opt/rigd/bin/python hand.py alsa-midi|rtmidi SECONDS BURST

Another process writes controllers into the cable, 3 to 30 ms apart, and a first one after a rest now and then; at the
end BURST of them at once, more than are fetched at once, which count for no time. One
line of JSON: how many were written and came, milliseconds from the writing until they were handed over, and by how
much their time is off; then how long the port takes to be seen as gone and as back when its driver is unbound and
bound.
"""

from __future__ import annotations

import glob
import json
import multiprocessing
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rigd.model.errors import SurfaceError
from rigd.model.units import Ns
from rigd.wire.midi.alsa_system import AlsaSystem
from rigd.wire.midi.links import MidiSystem
from rigd.wire.midi.rtmidi_system import RtMidiSystem

DRIVER = Path("/sys/bus/platform/drivers/snd_virmidi")
CHECK_S = 0.25
LOOK_S = 1.0
"""As the surface does."""


def main(kind: str, seconds: float, burst: int) -> None:
    system: MidiSystem = AlsaSystem("rigd-hand") if kind == "alsa-midi" else RtMidiSystem("rigd-hand", "alsa")
    name = next(each for each in system.names() if "VirMIDI" in each)
    link = system.open(name, output="", sysex=False, clock=lambda: Ns(time.monotonic_ns()))
    link.wait(0.5)
    ours, theirs = multiprocessing.Pipe()
    hand = multiprocessing.Process(target=write, args=(theirs, seconds, burst), daemon=True)
    hand.start()
    came: list[tuple[bytes, int, int]] = []
    until_s = time.monotonic() + seconds + 30.0
    began = time.process_time()
    while time.monotonic() < until_s and not (
        came and ours.poll() and time.monotonic_ns() - came[-1][1] > 2e9
    ):
        came += [(message, time.monotonic_ns(), at_ns) for message, at_ns in link.wait(0.25)]
    written = ours.recv()
    hand.join()
    told: dict[str, Any] = {"written": len(written), "came": len(came)}
    told["in_order"] = [message for message, _, _ in came] == [message for message, _ in written]
    pairs = list(zip(written, came, strict=False))[: len(written) - burst]
    told["latency_ms"] = percentiles([(now - at) / 1e6 for (_, at), (_, now, _) in pairs])
    told["stamp_off_ms"] = percentiles([(stamp - at) / 1e6 for (_, at), (_, _, stamp) in pairs])
    told["cpu_s"] = round(time.process_time() - began, 2)
    told |= unplugged(system, link, name)
    print(json.dumps(told))


def write(to: Any, seconds: float, burst: int) -> None:
    (card,) = [path for path in glob.glob("/proc/asound/card*/id") if "VirMIDI" in Path(path).read_text()]
    dice = random.Random(41)
    written: list[tuple[bytes, int]] = []
    with open(f"/dev/snd/midiC{card.split('card')[1].split('/')[0]}D0", "wb", buffering=0) as cable:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            time.sleep(1.3 if dice.random() < 0.02 else dice.uniform(0.003, 0.03))
            written.append(_written(cable, len(written)))
        written += [_written(cable, len(written) + each) for each in range(burst)]
    to.send(written)


def _written(cable: Any, number: int) -> tuple[bytes, int]:
    message = bytes((0xB0, 80 + number // 128 % 16, number % 128))
    at_ns = time.monotonic_ns()
    cable.write(message)
    return message, at_ns


def unplugged(system: MidiSystem, link: Any, name: str) -> dict[str, float]:
    """Seconds until it is seen that the port is gone, and that it is back, as the surface's thread sees it."""
    began = after(1.0, lambda: (DRIVER / "unbind").write_text("snd_virmidi.0"))
    checked = time.monotonic()
    try:
        while True:
            link.wait(CHECK_S)
            if time.monotonic() - checked >= CHECK_S:
                link.check()
                checked = time.monotonic()
    except SurfaceError:
        gone_s = time.monotonic() - began[0]
    link.close()
    began = after(1.7, lambda: (DRIVER / "bind").write_text("snd_virmidi.0"))
    while not any(name.rpartition(" ")[0] in each for each in system.names()):
        system.wait_for_change(LOOK_S)
    back_s = time.monotonic() - began[0]
    system.close()
    return {"gone_s": round(gone_s, 3), "back_s": round(back_s, 3)}


def after(seconds: float, act: Any) -> list[float]:
    """Acts on a thread of its own; the list has one time, of when it begins."""
    began = [time.monotonic() + seconds]

    def run() -> None:
        began[0] = time.monotonic()
        act()

    threading.Timer(seconds, run).start()
    return began


def percentiles(values: list[float]) -> dict[str, float]:
    values = sorted(values) or [0.0]
    return {
        str(part): round(values[min(len(values) - 1, int(part / 100 * len(values)))], 2)
        for part in (1, 50, 90, 99)
    }


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
