"""rigd as pip gets it: an sdist, a wheel of a clone, a wheel of the sdist; and a venv of nothing else for it.

No network is asked: what rigd depends on is that of the tests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = "from setuptools import build_meta; import sys; print(build_meta.{what}(sys.argv[1]))"


def done(command: list[str], **more: object) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return str(ended.stdout)


def tracked() -> list[str]:
    """What a clone has."""
    return done(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    ).splitlines()


def clone_to(folder: Path) -> Path:
    """A clone, with what is not committed yet."""
    clone = folder / "a clone"
    for name in tracked():
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    return clone


def build(what: str, source: Path, to: Path) -> Path:
    """`what`: build_wheel or build_sdist, of that folder."""
    to.mkdir()
    told = done([sys.executable, "-c", BUILD.format(what=what), str(to)], cwd=source)
    return to / told.splitlines()[-1]


class Built:
    """A clone, its sdist, a wheel of the clone, and a wheel of what the sdist unpacks to."""

    def __init__(self, folder: Path) -> None:
        clone = clone_to(folder)
        self.sdist = build("build_sdist", clone, folder / "sdist")
        with tarfile.open(self.sdist) as archive:
            archive.extractall(folder / "unpacked", filter="data")
        (unpacked,) = (folder / "unpacked").iterdir()
        self.wheels = {
            "clone": build("build_wheel", clone, folder / "of clone"),
            "sdist": build("build_wheel", unpacked, folder / "of sdist"),
        }

    def names(self, wheel: str) -> set[str]:
        with zipfile.ZipFile(self.wheels[wheel]) as archive:
            return {name for name in archive.namelist() if not name.endswith("/RECORD")}


def installed(wheel: Path, folder: Path) -> Path:
    """`rigd` of a venv of its own, on a path with a space."""
    venv = folder / "a venv"
    done([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    done([*pip, "install", "--no-index", "--no-deps", str(wheel)])
    site = done([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    # Only the folder, so that the editable rigd of the tests is not found through it.
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin" / "rigd"
