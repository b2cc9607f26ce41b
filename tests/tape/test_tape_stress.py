"""One writer and four readers, in C under the sanitizers, and as processes.

RIGD_FAULTS=full: with 10^8 frames.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tape_source import assert_is_counter, geometry

import rigd.tape
from rigd.model.units import Frame
from rigd.tape.tape import PORTAUDIO_FULL_SCALE, Tape
from tests.proof.figures import Figures, count
from tests.support.tools import Exempt, excused, lacking, need_tool

pytestmark = pytest.mark.slow

CORE = Path(rigd.tape.__file__).parent
FRAMES = count(ci=4_000_000, full=100_000_000)
SANITIZERS = {
    "thread": ["-O1", "-g", "-fsanitize=thread"],
    "address": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "none": ["-O3", "-Wall", "-Wextra", "-Werror"],
}
REPORTS = re.compile(r"(?:WARNING|ERROR): (?:Thread|Address|Leak)Sanitizer|: runtime error:")
SANITIZED = {"thread": "ThreadSanitizer", "address": "AddressSanitizer and UBSan"}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_core_holds_under_stress(
    compiler: str, sanitizer: str, folder: Path, tmp_path: Path, figures: Figures
) -> None:
    need_tool(compiler)
    program = tmp_path / "stress"
    sources = [Path(__file__).with_name("stress.c"), *sorted(CORE.glob("*.c"))]
    command = [compiler, "-std=c11", "-fno-math-errno", "-fno-trapping-math", *SANITIZERS[sanitizer]]
    command += [f"-I{CORE}", *map(str, sources), "-o", str(program), "-lm", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if built.returncode != 0 and "cannot find" in built.stderr and "san" in built.stderr:
        if compiler != "gcc":
            excused(Exempt.SANITIZERS)
        lacking(f"{compiler} came without its {sanitizer} sanitizer")
    assert built.returncode == 0, built.stderr
    run = [str(program), str(folder), str(FRAMES)]
    if shutil.which("setarch") is not None:
        run = ["setarch", "-R", *run]  # the sanitizers' shadow does not fit every layout of a newer kernel
    result = subprocess.run(run, capture_output=True, text=True, timeout=1700)
    if sanitizer in SANITIZED:
        figures.record(
            "tape_stress",
            f"reports of {SANITIZED[sanitizer]}, {compiler}",
            bound="0",
            measured=len(REPORTS.findall(result.stderr)),
            unit="reports",
            count=f"{FRAMES:,} frames",
            load="3 ch, 1 writer, 4 readers",
        )
    assert result.returncode == 0, result.stderr
    words = result.stdout.split()
    figures = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    assert all(figures[word] > 0 for word in ("held", "ran", "late", "mirrored", "let_go")), result.stdout


PLAYER = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    import numpy as np
    from tape_source import Source
    from rigd.tape.capture_core import CaptureCore
    from rigd.tape.tape import Tape
    with Tape.attach(Path(sys.argv[1]), writable=True) as tape, CaptureCore(tape) as core:
        source = Source(tape, core)
        rng = np.random.default_rng(1)
        while source.frame < int(sys.argv[3]):
            source.play(int(rng.integers(1, 1500)))
"""
FOLLOWER = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    import numpy as np
    from tape_source import counter
    from rigd.model.take import GapCause
    from rigd.model.units import Frame
    from rigd.tape.blocks import Lost, Run
    from rigd.tape.tape import OverwrittenError, Tape
    holds = sys.argv[4] == "hold"
    with Tape.attach(Path(sys.argv[1]), writable=holds) as tape:
        hold = tape.take_hold(Frame(0), key=os.getpid()) if holds else None
        print("ready", flush=True)
        reader, at, heard, lost = tape.reader(Frame(0)), 0, 0, 0
        while at < int(sys.argv[3]):
            over = tape.next_frame >= int(sys.argv[3])
            piece = reader.next(4000)
            if piece is None:
                if over:
                    break
                os.sched_yield()
                continue
            assert piece.frame == at, (piece, at)
            at += piece.frames
            if isinstance(piece, Lost):
                assert piece.cause is (GapCause.TAPE_FULL if holds else piece.cause)
                lost += piece.frames
                continue
            try:
                samples = tape.samples(piece)
            except OverwrittenError:
                assert not holds
                lost += piece.frames
                continue
            np.testing.assert_array_equal(samples, counter(piece.frame, piece.frames, 8))
            heard += piece.frames
            if hold is not None:
                hold.advance(reader.position)
        assert heard > 0
        print(heard, lost, flush=True)
"""


def test_processes_share_a_tape_without_a_torn_or_missing_frame(folder: Path) -> None:
    frames = 2_000_000
    path = folder / "tape"
    here = str(Path(__file__).parent)

    def start(script: str, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(script), str(path), here, str(frames), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    shape = geometry(channels=8, capacity_frames=2**15)
    with Tape.create(path, shape, full_scale=PORTAUDIO_FULL_SCALE) as tape:
        followers = [start(FOLLOWER, kind) for kind in ("hold", "hold", "free")]
        player = None
        try:
            for follower in followers:
                assert follower.stdout is not None
                assert follower.stdout.readline() == "ready\n"
            player = start(PLAYER)
            assert player.wait(60) == 0
            counters = tape.counters()
            for follower in followers:
                out, _ = follower.communicate(timeout=60)
                assert follower.returncode == 0
                heard, lost = map(int, out.split())
                assert heard + lost <= counters.next_frame
                # Blocks dropped at the very end have no stored block after them to be declared by.
                assert heard + lost >= counters.next_frame - counters.lost_frames
        finally:
            for process in [*followers, *([player] if player else [])]:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
        assert counters.written + counters.lost_frames == counters.next_frame >= frames
        assert_is_counter(tape, tape.oldest_frame, list(tape.blocks())[-1].first_frame)
        assert tape.frame_to_position(Frame(10**12)) == counters.written
