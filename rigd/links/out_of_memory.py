"""Who is to be killed when memory runs out (proc(5), oom_score_adj): never capture or a writer, sooner the daemon.

Without a service manager the daemon asks for this itself when it starts a process. The kernel lets only root (or
CAP_SYS_RESOURCE) lower a score; `rigd doctor` names a rig without it. Any thread.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

SPARED_SCORE = -900
"""That of capture and the writers, as in systemd/*.service."""


def spare(pid: int, proc: Path = Path("/proc")) -> None:
    """The process is among the last that the kernel kills, where this user may ask for that."""
    with contextlib.suppress(OSError):
        (proc / str(pid) / "oom_score_adj").write_text(f"{SPARED_SCORE}\n", "ascii")
