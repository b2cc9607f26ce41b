"""T20: somebody else on the machine makes the runtime folder first, with links and FIFOs in it, or as a link. It is
refused before anything in it is opened; also where the rig's own folder vanished and he was quicker."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.cli.terminal import ExitCode
from rigd.wire.own_folder import make_own_folder
from tests.proof.figures import Figures, count
from tests.proof.load import full_load, start_take, stop_take
from tests.proof.oracle import check_a
from tests.support import stranger
from tests.support.patience import PATIENCE_S, wait_for
from tests.support.rig import RigRun
from tests.support.watched import Watched

SECRET = "what the owner of the rig has written" * 10
CHANNELS = count(ci=4, full=64)

TRAPS = {
    "its log is a link": "os.mkdir(folder, 0o755); os.symlink(victim, folder + '/rigd.log')",
    "its log is a FIFO": "os.mkdir(folder, 0o777); os.mkfifo(folder + '/rigd.log', 0o666)",
    "its settings are FIFOs": (
        "os.mkdir(folder, 0o777)\n"
        "for name in ('capture.json', 'writer.json', 'rigd.lock'): os.mkfifo(f'{folder}/{name}', 0o666)"
    ),
    "it is a link to a folder of the owner's": "os.symlink(os.path.dirname(victim), folder)",
    "it lies in a folder of his": "os.mkdir(os.path.dirname(folder), 0o777); os.mkdir(folder, 0o777)",
    "a folder on the way is a link of his": "os.symlink(os.path.dirname(victim), os.path.dirname(folder))",
}
INSIDE = ("it lies in a folder of his", "a folder on the way is a link of his")


def run_in_terminal(config: Path) -> tuple[int, str]:
    """`rigd run` with its live view, as a person starts it: its log goes to the runtime folder, and begins with a
    warning before the rig is started. The exit code, and what it showed."""
    master, line = pty.openpty()
    command = [sys.executable, "-m", "rigd", "run", "--config", str(config)]
    with subprocess.Popen(
        command, stdin=line, stdout=line, stderr=line, start_new_session=True, preexec_fn=_with_short_files
    ) as process:
        os.close(line)
        shown = b""
        try:
            while more := os.read(master, 4096):
                shown += more
        except OSError:  # EIO: nobody has the other end open any more
            pass
        finally:
            os.close(master)
            process.kill()
        return process.wait(), shown.decode("utf-8", "replace")


def _with_short_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))  # rigd warns of that


@pytest.mark.timeout(120)
@pytest.mark.parametrize("trap", TRAPS)
def test_a_folder_that_a_stranger_made_first_is_refused_and_nothing_it_leads_to_is_touched(
    trap: str, tmp_path: Path, figures: Figures
) -> None:
    with stranger.everybodys_folder() as place:
        runtime = place / "on the way" / "rigd" if trap in INSIDE else place / "rigd"
        own = tmp_path / "own"
        (own / "rigd").mkdir(parents=True)
        victim = own / "rigd.log"
        victim.write_text(SECRET * 4000)  # longer than a log may get: it would be renamed, too
        before = {path: path.stat().st_mtime_ns for path in own.rglob("*")}
        stranger.act(f"folder, victim = sys.argv[1:]\n{TRAPS[trap]}", runtime, victim)
        config = tmp_path / "rig.toml"
        config.write_text(
            f'[rig]\nlibrary = "{tmp_path}/takes"\nruntime_dir = "{runtime}"\n{full_load(channels=2, stall_s=3)}'
        )
        with Watched(runtime) as watched, Watched(own) as watched_own:
            code, shown = run_in_terminal(config)
        changed = {path: path.stat().st_mtime_ns for path in own.rglob("*")} != before
        assert not changed and victim.read_text() == SECRET * 4000
        assert watched.seen == [] and watched_own.seen == []
        assert code == ExitCode.FAILED and "no file grows beyond" in shown, shown
        told = " ".join(shown.split())
        assert "nobody" in told or "is a link" in told, shown
        assert "Nothing in it was opened" in told and "runtime_dir" in told, shown
        assert not (tmp_path / "takes").exists()
    figures.record(
        "T20",
        "names touched in, or through, a runtime folder that a stranger made first",
        bound="0",
        measured=len(watched.seen) + len(watched_own.seen) + changed,
        unit="names",
        count="1 start",
        load="",
    )


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rigd.log", lambda path, victim: path.symlink_to(victim)),
        ("writer.json", lambda path, victim: os.mkfifo(path)),
        ("tape", lambda path, victim: path.symlink_to(victim)),
        ("capture.lock", lambda path, victim: os.link(victim, path)),
        ("interface.known", lambda path, victim: path.mkdir()),
        ("rigd.sock", lambda path, victim: path.write_text("no socket")),
    ],
)
def test_what_lies_in_a_folder_that_was_open_to_others_is_named_and_nothing_is_started(
    name: str, make: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """The folder is one's own, and somebody could write there before."""
    folder, victim = tmp_path / "rigd", tmp_path / "victim"
    folder.mkdir()
    folder.chmod(0o777)
    victim.write_text(SECRET)
    make(folder / name, victim)
    with Watched(folder) as watched, pytest.raises(OSError, match=f"{folder}/{name} .*rm {folder}/{name}"):
        make_own_folder(folder, most=0o700)
    assert watched.seen == []
    assert victim.read_text() == SECRET
    assert folder.stat().st_mode & 0o077 == 0, "nobody can put more there"


@pytest.mark.timeout(120)
def test_a_rig_whose_folder_vanished_uses_none_that_a_stranger_makes_in_its_place(
    rig_of: Callable[..., RigRun], figures: Figures, tmp_path: Path
) -> None:
    times = count(ci=1, full=10)
    victim = tmp_path / "victim"
    names = ("capture.lock", "writer.lock", "rigd.lock", "interface.known.new", "writer.json.new", "tape")
    take_it = (
        "folder, victim = sys.argv[1:3]\nprint('ready', flush=True)\n"
        "while True:\n"
        "    try: os.mkdir(folder, 0o777)\n"
        "    except OSError: continue\n"
        "    os.chmod(folder, 0o777)\n"
        "    for name in sys.argv[3:]: os.symlink(victim, f'{folder}/{name}')\n"
        "    break\n"
    )
    rig = rig_of(channels=CHANNELS, stall_s=5.0)
    start_take(rig, seconds=0.3)
    touched = 0
    for _ in range(times):
        victim.write_text(SECRET)
        client = rig.client()
        while True:  # the rig makes its folder again within half a second, and may be quicker
            with stranger.begin(take_it, rig.runtime, victim, *names) as quick:
                assert quick.stdout is not None and quick.stdout.readline() == "ready\n"
                shutil.rmtree(rig.runtime)
                try:
                    quick.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    quick.kill()
            if rig.runtime.owner() == "nobody":
                break
        with Watched(rig.runtime) as watched:
            wait_for(
                lambda here=client: any(
                    "belongs to nobody" in fault.what for fault in here.status().state.faults
                ),
                "it is told whose it is",
            )
            rig.roll(2.5)  # each of its processes has looked for its files, and more than once
        touched += len(watched.seen)
        assert watched.seen == []
        assert sorted(path.name for path in rig.runtime.iterdir()) == sorted(names)
        assert victim.read_text() == SECRET
        shutil.rmtree(rig.runtime)
        wait_for(
            (rig.runtime / "rigd.sock").exists, "the rig's own folder is there again", within_s=PATIENCE_S
        )
        rig._hang_up()
    closed = stop_take(rig)
    heard = check_a(closed.folder)
    assert heard.gaps == ()
    figures.record(
        "T20",
        "names touched in a folder that a stranger made in the place of one that vanished",
        bound="0",
        measured=touched,
        unit="names",
        count=f"{times} times, in a take",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )
    figures.record(
        "T20",
        "frames lost",
        bound="0 frames",
        measured=heard.gap_frames,
        unit="frames",
        count=f"{times} folders taken away and made by a stranger",
        load=f"{CHANNELS} ch/48 kHz/24 bit",
    )
