"""F7: the daemon's interpreter is held for a second by one call, and by a garbage collection of 3 million objects,
again and again. It is held for real: by a surface kind that somebody installed and that behaves so.
Audio notices nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof.figures import Figures, count
from tests.proof.load import source, start_take, stop_take
from tests.proof.oracle import check_a, check_b
from tests.support.patience import wait_for
from tests.support.rig import RigRun

pytestmark = pytest.mark.alone

SECONDS = count(ci=6.0, full=600.0)
HOLD_S = 1.0
OBJECTS = count(ci=500_000, full=3_000_000)
HOG = '''"""A surface whose thread holds the interpreter: what a bad extension does to the daemon."""
import ctypes, gc, os, threading, time
from rigd.model.state import SurfaceStatus

class Hog:
    shows_levels = False
    def __init__(self, name, settings, bindings, sink):
        self.name = name
        self._sink = sink
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._holds = 0
    def start(self):
        self._thread.start()
    def stop(self):
        self._stopping.set()
        self._thread.join()
    def _report(self):
        self._sink.surface_status(SurfaceStatus(name=self.name, kind="hog", connected=True, port=str(self._holds)))
    def show(self, state, levels): pass
    def answered(self, control, accepted, text): pass
    def _run(self):
        held = ctypes.PyDLL(None)  # unlike CDLL it does not let go of the interpreter during a call
        objects = [[] for _ in range(int(os.environ["HOG_OBJECTS"]))]
        self._report()
        while not self._stopping.wait(0.5):
            began = time.monotonic()
            while time.monotonic() - began < float(os.environ["HOG_HOLD_S"]):
                held.usleep(int(1e6 * float(os.environ["HOG_HOLD_S"])))
            gc.collect()
            self._holds += 1
            self._report()
        del objects
'''


def install(folder: Path) -> None:
    """The package "hog" with its entry point, to be put on PYTHONPATH."""
    (folder / "hog.py").write_text(HOG, "utf-8")
    described = folder / "hog-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: hog\nVersion: 1.0\n", "utf-8")
    (described / "entry_points.txt").write_text("[rigd.surfaces]\nhog = hog:Hog\n", "utf-8")


@pytest.mark.timeout(count(ci=120, full=1200))
def test_the_daemon_is_held_again_and_again_and_audio_notices_nothing(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    install(tmp_path)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "HOG_OBJECTS": str(OBJECTS),
        "HOG_HOLD_S": str(HOLD_S),
    }
    rig = rig_of(more='[surface.hog]\nkind = "hog"\n', environment=environment)
    start_take(rig)
    before, held_before = source(rig), holds(rig)
    began = time.monotonic()
    slowest_s = 0.0
    while time.monotonic() - began < SECONDS:
        asked = time.monotonic()
        rig.state()
        slowest_s = max(slowest_s, time.monotonic() - asked)
    wait_for(lambda: holds(rig) > held_before, "the daemon is held")
    held, after = holds(rig) - held_before, source(rig)
    assert slowest_s > HOLD_S / 2, "the interpreter was not held"
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    check_b(closed.folder)
    assert heard.gaps == () and closed.xruns == 0
    assert after.lost_frames == before.lost_frames
    of = f"{held} holds of {HOLD_S:g} s and collections of {OBJECTS:,} objects in {SECONDS:g} s"
    figures.record("F7", "frames lost", bound="0 frames", measured=heard.gap_frames, unit="frames", count=of)
    figures.record("F7", "overflows", bound="0", measured=closed.xruns, unit="overflows", count=of)


def holds(rig: RigRun) -> int:
    """How often the daemon was held so far."""
    (hog,) = rig.state().surfaces
    return int(hog.port or 0)
