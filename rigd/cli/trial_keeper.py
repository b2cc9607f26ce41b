"""Keeps a trial rig for as long as whoever asked for it is there: `python -m rigd.cli.trial_keeper FOLDER CONFIG`.

Standard input is the asker's end of a pipe. When that is gone, however he went (killed, his terminal closed), the rig
ends and its folder with it, or it would hold the interface for ever.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

ENDS_WITHIN_S = 10.0
ASKER = 0


def main(folder: str, config: str) -> int:
    """The rig's exit code. The folder of one that ended by itself is the asker's to read."""
    rig = subprocess.Popen(
        [sys.executable, "-m", "rigd", "run", "--plain", "--config", config], stdin=subprocess.DEVNULL
    )
    is_left = threading.Event()

    def end_with_asker() -> None:
        while os.read(ASKER, 64):
            pass
        is_left.set()
        rig.terminate()
        try:
            rig.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            rig.kill()

    threading.Thread(target=end_with_asker, name="asker", daemon=True).start()
    code = rig.wait()
    if is_left.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
