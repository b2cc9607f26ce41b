"""What `make vm` tries, in order: each check is a function of the rig in the machine that returns what came of it, in
a few words, or raises. They follow one another in one machine: what one leaves behind the next one finds.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rigd.model.take import GapCause
from tests.vm.rig import ANY_LENGTH, RIGD, XRUN_SLACK_FRAMES, Box, VmRig, hear

FORMATS = [
    ("S32_LE", 48_000),
    ("S24_3LE", 48_000),
    ("FLOAT_LE", 48_000),
    ("S32_LE", 44_100),
    ("S32_LE", 96_000),
    ("S24_3LE", 192_000),
]
"""Sample format and rate of the card (snd-aloop)."""
LOOPBACK = "/sys/bus/platform/drivers/snd_aloop"
VIRMIDI = "/sys/bus/platform/drivers/snd_virmidi"
MAY_OPEN = [
    ("rigd.service", ("116:0", "188:0")),
    ("rigd-capture.service", ("116:0",)),
]
"""ALSA, ttyUSB (the kernel's Documentation/admin-guide/devices.txt): what the config names."""
MAY_NOT_OPEN = ("4:1", "4:64", "166:0", "204:64")
"""A console, ttyS, ttyACM, ttyAMA: what it does not."""
MAY_NOT_SEND_TO = ("203.0.113.7", "10.0.2.2")
"""Nobody's (RFC 5737), and the machine that QEMU runs on."""
EXPOSURE = {
    "rigd.service": 1.9,
    "rigd-capture.service": 0.8,
    "rigd-writer@writer.service": 0.5,
    "rigd-close.service": 0.3,
}
"""systemd-analyze's score of 0 to 10, at most, with the drop-ins of this config."""
AWAY_S = 20
"""Long enough for a capture process to be started, and to find no card, in emulated time."""
STOPS = 5
"""Forced overruns a take."""
HAND_S = 20
RIGD_PYTHON = "/opt/rigd/bin/python"
HOLD_S = 0.3
"""Longer than ALSA's buffer of 170 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    promise: str
    run: Callable[[VmRig], str]


CHECKS: list[Check] = []


def check(name: str, promise: str) -> Callable[[Callable[[VmRig], str]], Callable[[VmRig], str]]:
    def add(run: Callable[[VmRig], str]) -> Callable[[VmRig], str]:
        CHECKS.append(Check(name=name, promise=promise, run=run))
        return run

    return add


# --- the first evening -----------------------------------------------------------------------------


@check(
    "installed by README's words",
    "the service section, line by line, ends in a rig whose first take is exact",
)
def installed(rig: VmRig) -> str:
    rig.play()
    rig.install(rig.machine.share / "wheels")
    rig.wait_for("ready")
    rig.rigd("take start")
    rig.rigd("take stop", timeout=200.0)
    heard = hear(rig.fetch_last())
    assert heard.gaps == (), heard.gaps
    return f"a take by `rigd take start` and `stop`, {heard.frames / 48_000:.0f} s, exact"


@check("the doctor of an installed service", "it does not call rigd's own capture a stranger")
def doctor(rig: VmRig) -> str:
    told = rig.machine.run(f"{RIGD} doctor --config /etc/rigd/rig.toml 2>&1").text
    assert rig.pid("rigd-capture"), "capture does not run"
    assert "service" in told and "recording is taken" not in told and "card in use" not in told, told
    lines = [line for line in told.splitlines() if line.strip()]
    return f"{len(lines)} lines; rigd's own capture is not among the problems"


@check(
    "one take, bit by bit", "in every format and at every rate of the card, each sample is what was played"
)
def formats(rig: VmRig) -> str:
    for sample, rate_hz in FORMATS:
        _change_to(rig, sample, rate_hz)
        heard = hear(rig.take())
        assert heard.gaps == (), f"{sample} at {rate_hz} Hz: {heard.gaps}"
        assert heard.frames > 2 * rate_hz
    _change_to(rig, "S32_LE", 48_000)
    return ", ".join(f"{sample} {rate_hz / 1000:g} kHz" for sample, rate_hz in FORMATS) + ": exact"


# --- sound -----------------------------------------------------------------------------------------


@check(
    "overruns of the card (F45)",
    "10 forced losses: 10 gaps, each right within 64 frames, no frame out of place",
)
def overruns(rig: VmRig) -> str:
    gaps, suspects = 0, 0
    errors: list[int] = []
    for _ in range(2):
        folder = rig.take(f"sleep 2; python3 /share/stopper.py {STOPS} {HOLD_S}")
        heard = hear(folder, slack_frames=ANY_LENGTH)
        sheet = json.loads((folder / "take.json").read_text("utf-8"))
        suspects += sum(mark["suspect"] for mark in sheet["xruns"])
        assert len(heard.gaps) == STOPS, f"{len(heard.gaps)} gaps after {STOPS} losses: {heard.gaps}"
        gaps += len(heard.gaps)
        errors += heard.gap_errors
    assert max(map(abs, errors)) <= XRUN_SLACK_FRAMES, f"gaps are wrong by {errors} frames"
    assert suspects == 0, f"{suspects} suspects over a counter that is unbroken but for the gaps"
    told = ", ".join(str(abs(error)) for error in errors)
    return f"{gaps} gaps, wrong by {told} frames; no suspect"


@check("capture is killed in a take", "one gap, declared, the take goes on")
def capture_killed(rig: VmRig) -> str:
    heard = hear(_with_kill(rig, "rigd-capture"), slack_frames=4 * 1024)
    assert len(heard.gaps) == 1, heard.gaps
    gap = heard.gaps[0]
    return f"gap of {gap.length_frames / 48:.0f} ms, wrong by {heard.worst_gap_error / 48:.1f} ms"


@check("writer and daemon are killed in a take", "not a frame is lost")
def others_killed(rig: VmRig) -> str:
    for unit in ("rigd-writer@writer", "rigd"):
        heard = hear(_with_kill(rig, unit))
        assert heard.gaps == (), f"{unit} killed: {heard.gaps}"
    return "0 frames lost, twice"


@check("the units are restarted in a take", "not a frame is lost by a restart of daemon and writer")
def restarted(rig: VmRig) -> str:
    during = "sleep 2; systemctl restart rigd; sleep 2; systemctl restart rigd-writer@writer; sleep 3"
    heard = hear(rig.take(during))
    assert heard.gaps == (), heard.gaps
    return f"{heard.frames / 48_000:.0f} s, 0 frames lost"


@check(
    "the card is pulled in a take",
    "the loss is declared, with its cause; the take goes on when the card is back",
)
def card_unbound(rig: VmRig) -> str:
    rig.start_take()
    rig.machine.do(
        f"sleep 2; echo snd_aloop.0 > {LOOPBACK}/unbind; sleep {AWAY_S}; echo snd_aloop.0 > {LOOPBACK}/bind"
    )
    rig.play()
    state = _until_heard(rig)
    time.sleep(5.0)
    rig.stop_take()
    heard = hear(rig.fetch_last(), slack_frames=ANY_LENGTH)
    lost = [gap for gap in heard.gaps if gap.cause is GapCause.INTERFACE_LOST]
    assert lost, f"no gap with its cause: {heard.gaps} {state['faults']}"
    away_s = sum(gap.length_frames for gap in heard.gaps) / 48_000
    return f"{len(heard.gaps)} gap(s), {away_s:.1f} s, then sound again"


# --- hands -----------------------------------------------------------------------------------------


@check(
    "a pedal on a MIDI cable", "a tap begins a take, a tap ends it; the same after the pedal was unplugged"
)
def pedal(rig: VmRig) -> str:
    for again in (False, True):
        if again:
            rig.machine.do(
                f"echo snd_virmidi.0 > {VIRMIDI}/unbind; sleep 2; echo snd_virmidi.0 > {VIRMIDI}/bind"
            )
            _until_connected(rig, "pedal", within_s=30.0)
        rig.midi("B0 50 7F", "B0 50 00")
        rig.wait_for("rolling")
        rig.midi("B0 50 7F", "B0 50 00")
        rig.wait_for("ready")
        heard = hear(rig.fetch_last())
        assert heard.gaps == (), heard.gaps
    return "taken twice, before and after unbind and bind"


@check(
    "a hand on a control of the cable",
    "alsa-midi loses nothing of it, knows when it came, and sees the cable go and come; python-rtmidi beside it",
)
def hand(rig: VmRig) -> str:
    told = []
    for kind, burst in (("alsa-midi", 600), ("rtmidi", 0)):
        command = f"cd / && {RIGD_PYTHON} /share/hand.py {kind} {HAND_S} {burst}"
        found = json.loads(rig.machine.do(command, timeout=300.0))
        assert found["in_order"] and found["came"] == found["written"] > HAND_S, found
        late, off = found["latency_ms"], found["stamp_off_ms"]
        told.append(
            f"{kind}: {found['came']} messages, there after {late['50']} ms (p50), {late['99']} ms (p99), their time"
            f" off by {off['1']} to {off['99']} ms (p1, p99); gone seen after {found['gone_s']} s, back after"
            f" {found['back_s']} s"
        )
        _until_connected(rig, "pedal", within_s=60.0)
    return "; ".join(told)


@check("a box plugged in after the service was started (F52)", "its port is opened; its button begins a take")
def late_box(rig: VmRig) -> str:
    assert "ttyUSB" not in rig.machine.do("cat /proc/devices"), "the driver is loaded already: not late"
    box = Box(rig.machine.serial_line())
    try:
        rig.machine.plug("usb-serial,id=box,chardev=serial,bus=uhci.0")
        began = time.monotonic()
        _until_connected(rig, "box", within_s=60.0)
        took_s = time.monotonic() - began
        box.tap()
        rig.wait_for("rolling")
        box.tap()
        rig.wait_for("ready")
    finally:
        box.close()
    return f"{took_s:.0f} s (emulated) from the plug until it was shown as connected; a take by its button"


@check(
    "device numbers of what may come later (F52)",
    "the units may open each that the config names, whether or not its driver is loaded, and no other",
)
def numbers(rig: VmRig) -> str:
    wrong = []
    for unit, wanted in MAY_OPEN:
        probe = f"python3 /usr/src/rigd/tests/support/may_open.py {unit}"
        told = rig.machine.do(f"{probe} {' '.join((*wanted, *MAY_NOT_OPEN))}").splitlines()
        allowed = {line.split()[0] for line in told if " allowed " in line}
        wrong += [f"{unit}: {number}" for number in sorted(allowed ^ set(wanted))]
    assert not wrong, wrong
    return "; ".join(f"{unit}: {', '.join(wanted)}" for unit, wanted in MAY_OPEN)


@check("the network, from inside the units", "nothing goes out: the config names no desk")
def network(rig: VmRig) -> str:
    sent = []
    # The machine has no network: without a way out a packet is given up before the filter sees it.
    rig.machine.do("ip link set lo up && ip route replace default dev lo")
    for unit in ("rigd.service", "rigd-capture.service", "rigd-writer@writer.service"):
        probe = f"python3 /usr/src/rigd/tests/support/may_send.py {unit}"
        told = rig.machine.do(f"{probe} {' '.join(MAY_NOT_SEND_TO)}").splitlines()
        assert len(told) == len(MAY_NOT_SEND_TO), told
        sent += [f"{unit}: {line}" for line in told if "refused" not in line]
    assert not sent, sent
    return f"three units, {len(MAY_NOT_SEND_TO)} addresses each: refused"


@check("the exposure of the units", "systemd-analyze security finds no more than was measured before")
def exposure(rig: VmRig) -> str:
    scores = {}
    for unit in EXPOSURE:
        told = rig.machine.run(f"systemd-analyze security --no-pager {unit} 2>&1").text
        found = re.search(r"exposure level for \S+: ([0-9.]+)", told)
        assert found, told[-300:]
        scores[unit] = float(found[1])
    above = {unit: score for unit, score in scores.items() if score > EXPOSURE[unit]}
    assert not above, above
    return ", ".join(f"{unit} {score:g}" for unit, score in scores.items())


@check("udev rules", "the rules are read without a fault, and a card gets the name that they give it")
def udev(rig: VmRig) -> str:
    rig.machine.do(
        "install -m 644 /usr/src/rigd/systemd/80-rigd.rules /etc/udev/rules.d/ && "
        """echo 'SUBSYSTEM=="sound", ACTION=="add|change", KERNEL=="card*", ATTR{id}=="VirMIDI","""
        """ TAG+="systemd", ENV{SYSTEMD_ALIAS}="/dev/rig-audio"' >> /etc/udev/rules.d/80-rigd.rules && """
        "udevadm control --reload && udevadm trigger --settle --subsystem-match=sound"
    )
    rig.machine.wait_until(
        "systemctl -q is-active 'dev-rig\\x2daudio.device'", "the card's unit", within_s=30.0
    )
    faults = rig.machine.run("journalctl -u systemd-udevd -b --no-pager | grep 80-rigd").text.strip()
    assert not faults, faults
    return "read; the alias of the card is there"


# --- ends ------------------------------------------------------------------------------------------


@check("the target is stopped in a take", "when systemctl returns the take is closed, whole and safe")
def target_stopped(rig: VmRig) -> str:
    rig.start_take()
    time.sleep(3.0)
    rig.machine.do("systemctl stop rigd.target", timeout=200.0)
    heard = hear(rig.fetch_last())
    assert heard.gaps == (), heard.gaps
    rig.machine.do("systemctl start rigd.target", timeout=200.0)
    rig.wait_for("ready")
    return f"{heard.frames / 48_000:.0f} s, closed before systemctl returned"


@check("a reboot in a take", "the take is closed; the rig is ready by itself")
def reboot(rig: VmRig) -> str:
    rig.start_take()
    time.sleep(3.0)
    rig.machine.reboot()
    rig.wait_for("ready", within_s=180.0)
    heard = hear(rig.fetch_last())
    assert heard.gaps == (), heard.gaps
    return f"{heard.frames / 48_000:.0f} s, closed; ready after the boot"


@check(
    "the power is cut in a take",
    "of what the status had shown as written at most 2 s are missing; what is there is exact",
)
def power_cut(rig: VmRig) -> str:
    _change_to(rig, "S32_LE", 48_000)  # nothing plays since the reboot
    rig.start_take()
    time.sleep(10.0)
    frames = rig.status()["take"]["written_frames"]
    rig.machine.cut_power()
    rig.machine.start()
    rig.wait_for("ready", within_s=240.0)
    heard = hear(rig.fetch_last(), slack_frames=ANY_LENGTH)
    short_s = (frames - (heard.frames - heard.gap_frames)) / 48_000
    assert short_s <= 2.0, f"{short_s:.1f} s of what the status had shown are missing"
    return f"{heard.frames / 48_000:.0f} s kept; the status had shown {frames / 48_000:.0f} s as written just before"


def _change_to(rig: VmRig, sample: str, rate_hz: int) -> None:
    """The loopback's other side has the format of the one that has it open, so capture lets go of it first."""
    rig.machine.do("systemctl stop rigd-capture", timeout=60.0)
    rig.play(sample=sample, rate_hz=rate_hz)
    rig.write_config(rate_hz=rate_hz)
    rig.restart()


def _with_kill(rig: VmRig, unit: str) -> Path:
    rig.start_take()
    rig.machine.do(f"sleep 2; kill -9 {rig.pid(unit)}; sleep 6")
    rig.wait_for("rolling")
    _until_heard(rig)
    rig.machine.do("sleep 3")
    rig.stop_take()
    return rig.fetch_last()


def _until_connected(rig: VmRig, surface: str, *, within_s: float) -> None:
    end = time.monotonic() + within_s
    told: list[dict[str, Any]] = []
    while time.monotonic() < end:
        told = [each for each in rig.status()["surfaces"] if each["name"] == surface]
        if told and told[0]["connected"]:
            return
    raise AssertionError(f"{surface} is not connected after {within_s:.0f} s: {told}")


def _until_heard(rig: VmRig) -> dict[str, Any]:
    """Until capture listens again in the take that rolls."""
    end = time.monotonic() + 60.0
    state: dict[str, Any] = {}
    while time.monotonic() < end:
        state = rig.status()
        if state["interface"] and state["interface"]["phase"] == "listening":
            return state
    raise AssertionError(f"the interface does not come back: {state.get('faults')}")
