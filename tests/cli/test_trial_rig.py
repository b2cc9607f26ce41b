"""The rig of `rigd init`: it is there for as long as somebody asks, however he leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rigd.cli.trial_rig import TrialRig
from tests.support.patience import wait_for

CONFIG = '[audio]\ndriver = "simulated"\nchannels = 2\n'
ASKS = f"""
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which whoever runs the tests under nohup has ignored
from rigd.cli.trial_rig import TrialRig
with TrialRig({CONFIG!r}) as rig:
    print(rig._folder, flush=True)
    sys.stdin.read()
"""


def processes_of(folder: Path) -> list[int]:
    """Those that have the folder in their command line."""
    found = []
    for each in Path("/proc").iterdir():
        try:
            if each.name.isdecimal() and os.fsencode(folder) in (each / "cmdline").read_bytes():
                found.append(int(each.name))
        except OSError:
            continue
    return found


def test_it_is_looked_at_and_leaves_nothing() -> None:
    with TrialRig(CONFIG) as rig:
        folder = rig._folder
        assert rig.levels(within_s=30.0) is not None
        assert processes_of(folder)
    assert not folder.exists() and not processes_of(folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_who_asks_is_killed_and_it_ends_with_its_folder(number: signal.Signals) -> None:
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asker.stdin is not None and asker.stdout is not None
    try:
        folder = Path(asker.stdout.readline().strip())
        assert processes_of(folder)
        asker.send_signal(number)
        asker.wait()
        wait_for(lambda: not folder.exists() and not processes_of(folder), "all of it is gone")
    finally:
        asker.kill()
        asker.wait()
        asker.stdin.close()
        asker.stdout.close()
