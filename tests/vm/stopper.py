"""Inside the machine: capture stands still, so that its card overruns. stopper.py TIMES HOLD_S

It is stopped for longer than ALSA's buffer lasts ([audio.portaudio] latency_ms) and for less than the half second
after which the daemon kills a capture that brings nothing. In real time, or the emulation would hold it for longer.
"""

import os
import signal
import subprocess
import sys
import time

BETWEEN_S = 3.0


def main(times: int, hold_s: float) -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(70))
    for _ in range(times):
        shown = ["systemctl", "show", "-P", "MainPID", "rigd-capture"]
        pid = int(subprocess.run(shown, check=True, capture_output=True, text=True).stdout)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(hold_s)
        os.kill(pid, signal.SIGCONT)
        time.sleep(BETWEEN_S)


main(int(sys.argv[1]), float(sys.argv[2]))
