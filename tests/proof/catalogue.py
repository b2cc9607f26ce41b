"""What docs/promises.md is about: the faults, what each test of them is done to, and the promises that people compare
recorders by. Nothing here is measured; promises.py puts what was measured beside it. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FAULTS: dict[str, str] = {
    "F1": "the writer is killed (SIGKILL)",
    "F2": "the daemon is killed while recording",
    "F3": "the capture process is killed",
    "F4": "all of rigd is killed at once, then started",
    "F5": "the writer stands still for 30 s",
    "F6": "the daemon stands still for 60 s",
    "F7": "the daemon is held by one long call, and by the garbage collector",
    "F8": "a CPU hog on every core",
    "F9": "memory runs out",
    "F10": "the wall clock is set during a take",
    "F11": "counters cross 2^31 and 2^32",
    "F12": "days of recording",
    "F13": "the disk stalls for 10, 20, 30 s",
    "F14": "the disk stalls longer than the tape lasts",
    "F15": "the disk runs full",
    "F16": "the disk is about to run full",
    "F17": "a write fails, at every write of a take in turn",
    "F18": "fdatasync fails once",
    "F19": "the power is cut while a take rolls",
    "F20": "the power is cut at start, stop, rename, next, keep and library commits",
    "F21": "the volume becomes read-only, or is gone",
    "F22": "the mirror is too slow",
    "F23": "a file crosses 4 GiB",
    "F24": "names made to break out, or to break things",
    "F25": "the library's index is deleted, cut short, damaged, or from the future",
    "F26": "two daemons on one library",
    "F27": "foreign, truncated and fuzzed files in the library",
    "F28": "the interface vanishes and returns",
    "F29": "the interface stands still and says nothing",
    "F30": "the interface returns with other channels or another rate",
    "F31": "the driver says that it lost sound; and the driver loses sound and does not say so",
    "F32": "blocks of 0, 1, 4096 and 65536 frames, none at all, NaN",
    "F33": "100 times unplugged and plugged in",
    "F34": "mutated OSC packets",
    "F35": "OSC from 2099, and floods of it",
    "F36": "random MIDI, endless SysEx",
    "F37": "random bytes, endless and halved lines on a serial port",
    "F38": "a storm of pedal presses; a pedal that is stuck",
    "F39": "a preamp that does not answer, or answers wrongly",
    "F40": "malformed requests to the HTTP API",
    "F41": "hundreds of idle and slow clients",
    "F42": "start, stop and next raced by many clients",
    "F43": "the power is cut right after a stop was acknowledged",
    "F44": "rigd is upgraded or rolled back in mid-take",
    "F45": "a host that bunches its callbacks overruns; wake-ups are late and the phase moves",
    "F46": "the rate changes under a running rig",
    "F47": "JACK freewheels in a take",
    "F48": "the terminal that rigd was started in hangs up",
    "F49": "the clock comes late, is set back, and a month goes by",
    "F50": "a file may not grow any further (FAT's 4 GiB, a limit of the process)",
    "F51": "the runtime folder, or a file in it, vanishes in a take",
    "F52": "an interface, a pedal, a box that is plugged in for the first time after the service started",
    "F53": "a wrong, a spiked, a halved line of a serial box; a sensor that wavers at a switch's threshold",
    "F54": "a desk that is away, and orders to it; one that comes back with another address",
    "T20": "a stranger makes the runtime folder first, with links and FIFOs in it",
    "T21": "a stranger plays the daemon, or a process of the rig",
    "T22": "files that are read back (session.json, take.json, journals, the index) hold paths, numbers, escapes",
    "T23": "links, hard links and devices in the library",
    "T24": "clients that watch take every place of the control socket",
    "T25": "limits that contradict each other: an answer longer than its reader takes",
    "T26": "a lock names a process that came to that number later",
    "T27": "newlines, escapes and bidirectional marks in names",
    "T28": "a box names commands that its config does not allow",
    "T29": "commands with times from before the tape",
}
"""The faults by their numbers: F of the trade, T of somebody who means harm."""

WAITS_FOR = {
    "F40": "waits for the HTTP API",
    "F42": "waits for the HTTP API",
}


BESIDE: dict[str, str] = {
    "tape_stress": "the C core of the tape: one writer and four readers, under sanitizers",
    "units": "the systemd units: what they reach, and systemd's own opinion (0 is the least exposed, 10 the most)",
}
"""What is tested beside the faults, by the files of tests."""

_SOUND = re.compile(
    r"\bframes (lost|inserted)\b|\bframes that .* loses\b|: lost$"
    r"|\bdeclared\b|\bgap is wrong by\b|\bunder the wrong label\b|\btakes that were .*\bshort\b"
)


def is_about_sound(promise: str) -> bool:
    """It says that sound is there and right, or declared where it is not; not how long something took, and not how
    much is missing at the end of a take that was cut off, which is told by itself."""
    return bool(_SOUND.search(promise))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What faults are done to, and what of the sound is compared afterwards."""

    name: str
    what: str
    compared: str
    tests: tuple[str, ...]
    """Files below tests/, or `file::test` where one differs from the others of its file; without "test_"."""


GROUNDS = (
    Ground(
        name="rig",
        what="a whole rig: daemon, capture and writer process, a simulated interface that plays a frame counter on"
        " every channel, real files, real signals; a file system of its own where the disk is the fault",
        compared="every sample of every file of the take; after a power cut, of what is left of it on the disk",
        tests=(
            "f01_writer_killed",
            "f02_daemon_killed",
            "f03_capture_killed",
            "f04_all_killed",
            "f05_f13_is_told",
            "f05_writer_stands_still",
            "f06_stopped_daemon",
            "f07_held_daemon",
            "f08_busy_cores",
            "f09_out_of_memory",
            "f10_wall_clock",
            "f12_soak",
            "f13_disk_stalls",
            "f15_disk_full",
            "f16_space_left",
            "f17_write_fails_once",
            "f18_sync_fails_once",
            "f19_power_cut",
            "f20_power_cut_of_changes",
            "f21_volume_gone",
            "f22_slow_mirror",
            "f24_names",
            "f26_two_daemons",
            "f28_server_gone",
            "f30_returns_otherwise",
            "f31_overflow_flags",
            "f32_odd_blocks",
            "f33_replug",
            "f35_osc_storm",
            "f36_midi_storm",
            "f37_serial_storm",
            "f38_footswitch",
            "f39_preamp",
            "f41_idle_clients",
            "f43_stop_is_durable",
            "f44_upgrade",
            "f46_rate_changes::a_take_goes_on_when_the_clock_of_the_card_is_right_again",
            "f48_hang_up",
            "f49_clock_comes",
            "f45_host_overruns::a_take_over_a_host_that_bunches_has_one_gap_an_overrun_and_no_alarm",
            "f51_runtime_folder",
            "t28_box",
            "t29_old_times::a_start_from_before_the_tape_costs_no_frame",
            "t22_files_read_back",
            "t23_links_in_the_library::a_folder_that_becomes_a_link_while_the_rig_runs_is_recorded_beside",
            "t23_links_in_the_library::a_library_that_is_a_link_is_recorded_to",
        ),
    ),
    Ground(
        name="rig, unheard",
        what="a whole rig",
        compared="nothing: only what rigd says and does",
        tests=(
            "f08_busy_cores::the_callback_of_a_real_driver_runs_in_real_time",
            "f09_out_of_memory::capture_and_writer_are_spared_by_the_daemon_that_starts_them",
            "f38_footswitch::a_switch_that_is_stuck_from_the_start_starts_nothing_until_it_was_released",
        ),
    ),
    Ground(
        name="rig, new take",
        what="a whole rig, and `rigd recover`, on a library that was spoiled before",
        compared="every sample of the take that is recorded then; of the others, that they are there",
        tests=("f25_library_index", "f27_foreign_files"),
    ),
    Ground(
        name="rig on JACK",
        what="a whole rig whose interface is PortAudio on a real JACK server without a card",
        compared="every sample between two gaps; a gap's length against the monotonic clock",
        tests=(
            "f28_server_gone::a_killed_jack_server_costs_a_gap_as_long_as_it_was_away",
            "f29_callbacks_stop",
            "f30_returns_otherwise::an_interface_with_another_index_is_the_same_one_by_its_name",
            "f33_replug::every_restart_of_a_jack_server_is_a_declared_gap_and_leaves_nothing_behind",
            "f52_late_plug::an_interface_that_comes_after_the_rig_is_found",
            "f47_freewheel::jack_freewheels_in_a_take_and_what_it_brought_is_no_sound",
        ),
    ),
    Ground(
        name="capture on JACK or PipeWire",
        what="a capture process whose interface is PortAudio on a real jackd or PipeWire without a card",
        compared="every sample on the tape between two gaps; a gap's length against the monotonic clock",
        tests=("f46_rate_changes",),
    ),
    Ground(
        name="rig on systemd",
        what="a whole rig under systemd as process 1 of namespaces of its own, with the units as they are installed",
        compared="every sample, as libsndfile reads it",
        tests=("f06_on_systemd",),
    ),
    Ground(
        name="rig on systemd, unheard",
        what="the same",
        compared="nothing but the gaps that the take declares",
        tests=("f06_on_systemd::a_killed_writer_and_a_killed_capture_are_back_in_the_same_take",),
    ),
    Ground(
        name="rig on systemd, two volumes",
        what="the same, with a mirror and a black box",
        compared="both copies of a take, byte by byte",
        tests=("f06_two_volumes_on_systemd",),
    ),
    Ground(
        name="units on systemd",
        what="a process in each unit's control group opens device nodes, sends to addresses; nothing is plugged in",
        compared="no sound is there",
        tests=("f52_plugged_in_later_on_systemd", "units_on_systemd", "units_on_systemd_jack"),
    ),
    Ground(
        name="surface",
        what="a serial surface alone, at the other end of a pty, with a list of ports in place of /sys",
        compared="no sound is there",
        tests=("f37_serial_storm::a_box_that_returns_as_another_tty_is_found_by_its_usb_serial_number",),
    ),
    Ground(
        name="part",
        what="the part alone at the far end of its wire: a pedal's or a box's surface on a port of JACK or a pty, a"
        " preamp's thread and a desk on UDP",
        compared="no sound is there",
        tests=("f52_late_plug", "f53_wrong_lines", "f54_desk_away"),
    ),
    Ground(
        name="writer",
        what="the real writer process on a real tape that the test itself fills, faster than real time: no daemon, no"
        " capture process, no interface. F17 and F18: each write, or sync, of a short take fails in turn, and"
        " a sync that fails loses what was written since the one before",
        compared="every sample of every file",
        tests=("f11_borders", "f17_f18_failing_disk", "f50_file_too_long"),
    ),
    Ground(
        name="writer, in part",
        what="the same; most of the take is a declared gap, so that it is long enough",
        compared="the sound at both ends, or around the border; and the number of frames",
        tests=(
            "f11_borders::one_take_has_more_frames_than_the_border",
            "f23_four_gib",
            "f50_file_too_long::a_file_is_filled_up_to_four_gigabytes_and_the_next_one_goes_on",
        ),
    ),
    Ground(
        name="writer and library",
        what="the real writer process on a tape that the test fills, and the library's own code beside it, on a"
        " library that was spoiled before; the kernel tells what is opened outside of it (inotify)",
        compared="every sample of the take that is recorded then; of what is outside, that nothing was touched",
        tests=("t23_links_in_the_library",),
    ),
    Ground(
        name="parser",
        what="the OSC parser alone; F35 does the same to a rig",
        compared="no sound is there",
        tests=("f34_osc_fuzz",),
    ),
    Ground(
        name="C core",
        what="the tape's C core in a program of its own, built with each sanitizer of gcc and of clang",
        compared="every sample that a reader gets",
        tests=("tape_stress",),
    ),
    Ground(
        name="C core, simulated host",
        what="the tape's C core, fed by a host that does what PortAudio's does, in a time of its own; F47: by the"
        " simulated interface in a real capture process",
        compared="every sample on the tape, and the length of each gap against the card's counter",
        tests=("f45_host_overruns", "f47_freewheel"),
    ),
    Ground(
        name="two users",
        what="rigd's commands and a whole rig as one user, a stranger as another one of the same machine (root, and"
        " uid 65534)",
        compared="what the stranger could reach; every sample of the take, where one rolls",
        tests=("t20_runtime_folder", "t21_who_is_there"),
    ),
    Ground(
        name="control socket",
        what="the real control socket with a controller behind it, and real clients; of another user where that is"
        " the point",
        compared="what each client is told; T27: what is drawn and logged, line by line",
        tests=("t24_lock_out", "t25_limits", "t27_text_is_text", "t29_old_times"),
    ),
    Ground(
        name="link to a process",
        what="the daemon's link to a process of its own, with small real processes beside it",
        compared="who lives afterwards",
        tests=("t26_wrong_process",),
    ),
    Ground(
        name="unit files",
        what="the systemd units as files: nothing runs",
        compared="no sound is there",
        tests=("units",),
    ),
)


def ground_of(test: str) -> str:
    """The name of what pytest's test is done to; "?" where nobody has said."""
    file, _, name = test.partition("[")[0].rpartition("/")[2].partition("::")
    stem = file.removesuffix(".py").removeprefix("test_")
    known = {each: ground.name for ground in GROUNDS for each in ground.tests}
    return known.get(f"{stem}::{name.removeprefix('test_')}") or known.get(stem, "?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A promise that people compare recorders by, and the rows that it is measured by."""

    promise: str
    figure: str
    faults: tuple[str, ...]
    measured_by: tuple[str, ...]
    """The promises of these rows, word by word."""
    others: str
    limit: float | None = None
    """As of a Figure, where `figure` is no comparison in the unit that is measured."""


NOBODY = "nobody publishes a figure"
UNDECLARED = Headline(
    promise="Loss that is not declared", figure="0 frames, always", faults=(), measured_by=(), others=NOBODY
)
"""Of every fault with a row about sound."""
HEADLINES = (
    Headline(
        promise="Writer or daemon killed: lost",
        figure="0 frames",
        faults=("F1", "F2"),
        measured_by=("frames lost",),
        others=NOBODY,
    ),
    Headline(
        promise="Capture process killed: gap, declared",
        figure="<= 1.0 s",
        faults=("F3",),
        measured_by=("gap", "the gap, where systemd starts capture again"),
        others=NOBODY,
    ),
    Headline(
        promise="Power cut: lost at the end of the take",
        figure="<= 2.0 s",
        faults=("F19",),
        measured_by=("lost at the end of the take",),
        others="Sony XDCAM: 2 to 6 s",
    ),
    Headline(
        promise="Disk stalls up to 30 s: lost",
        figure="0 frames",
        faults=("F5", "F13"),
        measured_by=("frames lost",),
        others=NOBODY,
    ),
    Headline(
        promise="Disk stalls longer: recording goes on, the silence is declared; wrong by",
        figure="<= 1 block",
        faults=("F14",),
        measured_by=("declared silence is wrong by",),
        others=NOBODY,
        limit=1024,
    ),
    Headline(
        promise="Files on disk trail the sound by",
        figure="<= 1 s",
        faults=("F1", "F13"),
        measured_by=("files trail the sound by",),
        others=NOBODY,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What the machine of the tests cannot hold."""

    key: str
    what: str
    how: str


ELSEWHERE = (
    Elsewhere(
        key="soak 0.5 h",
        what="64 channels for 30 minutes, a CPU hog on each core, a 20 s disk freeze every 5 minutes",
        how="make soak HOURS=0.5",
    ),
    Elsewhere(key="soak 24 h", what="the same for 24 hours (F12)", how="make soak HOURS=24"),
    Elsewhere(
        key="usb",
        what="a real USB interface pulled and plugged in 100 times (F28, F33)",
        how="by hand, while a take rolls: every pull one declared gap, same channels",
    ),
    Elsewhere(
        key="alsa",
        what="a real ALSA interface, 30 minutes (PortAudio on hw:)",
        how='make bench, and a take of 30 minutes with driver = "portaudio"',
    ),
    Elsewhere(key="arm", what="every test on ARM (Raspberry Pi 4 or 5)", how="make test faults there"),
)
