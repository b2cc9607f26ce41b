"""What pip installs is all of rigd: a wheel, and one that was made from the sdist, in a venv of nothing else, run
from an empty home by somebody who has no checkout. No network: what rigd depends on is the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.tools import need_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
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


class Built:
    """A clone, its sdist, a wheel of the clone, and a wheel of what the sdist unpacks to."""

    def __init__(self, folder: Path) -> None:
        clone = folder / "a clone"
        for name in tracked():
            if (ROOT / name).is_file():
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, clone / name)
        self.sdist = self._build("build_sdist", clone, folder / "sdist")
        with tarfile.open(self.sdist) as archive:
            archive.extractall(folder / "unpacked", filter="data")
        (unpacked,) = (folder / "unpacked").iterdir()
        self.wheels = {
            "clone": self._build("build_wheel", clone, folder / "of clone"),
            "sdist": self._build("build_wheel", unpacked, folder / "of sdist"),
        }

    def _build(self, what: str, source: Path, to: Path) -> Path:
        to.mkdir()
        told = done([sys.executable, "-c", BUILD.format(what=what), str(to)], cwd=source)
        return to / told.splitlines()[-1]

    def names(self, wheel: str) -> set[str]:
        with zipfile.ZipFile(self.wheels[wheel]) as archive:
            return {name for name in archive.namelist() if not name.endswith("/RECORD")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    need_tool("git")
    need_tool("gcc")
    return Built(tmp_path_factory.mktemp("built"))


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


def at_home(home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(home), "JACK_NO_START_SERVER": "1"}


def test_the_wheel_of_the_sdist_is_that_of_the_clone(built: Built) -> None:
    assert built.names("sdist") == built.names("clone")


def test_a_clone_and_its_sdist_have_the_same_files(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    left_out = {name for name in tracked() if not name.startswith(".")} - there
    assert left_out == set()


def test_configs_units_and_docs_are_in_the_wheel(built: Built) -> None:
    inside = {name.partition("/data/share/rigd/")[2] for name in built.names("clone")}
    wanted = {
        name
        for name in tracked()
        if name.startswith(("configs/", "systemd/", "docs/")) and (ROOT / name).is_file()
    }
    assert wanted - inside == set()


@pytest.mark.parametrize("source", ["clone", "sdist"])
def test_from_an_empty_home_every_example_is_in_order(built: Built, source: str, tmp_path: Path) -> None:
    rigd = installed(built.wheels[source], tmp_path)
    environment = at_home(tmp_path / "home")
    where = (
        "from rigd.config.shipped import shipped_folder as f; import rigd; print(f()); print(rigd.__file__)"
    )
    shipped, module = done([str(rigd.parent / "python"), "-c", where], env=environment, cwd="/").splitlines()
    for path in (shipped, module):
        assert path.startswith(str(tmp_path)), "none of it is the checkout's"
    examples = sorted((Path(shipped) / "configs").glob("*.toml"))
    assert len(examples) == len(list((ROOT / "configs").glob("*.toml")))
    for example in examples:
        assert "in order" in done([str(rigd), "check", str(example)], env=environment, cwd="/")
    refused = subprocess.run(
        [str(rigd), "check", "none.toml"], capture_output=True, text=True, env=environment, cwd="/"
    )
    assert f"Examples are in {shipped}/configs" in refused.stderr


def test_the_demo_plays_from_the_wheel(built: Built, tmp_path: Path) -> None:
    rigd = installed(built.wheels["clone"], tmp_path)
    runtime = Path("/dev/shm") / f"rigd-test-wheel-{os.getpid()}"
    environment = {
        **at_home(tmp_path / "home"),
        "RIGD_DEMO_LIBRARY": str(tmp_path / "takes"),
        "RIGD_RUNTIME_DIR": str(runtime),
    }
    try:
        # As `rigd demo`, with folders of its own: that has one for the whole user, who may be watching one.
        told = done(
            [str(rigd.parent / "python"), "-m", "hardware_sim.demo"], env=environment, cwd="/", timeout=300
        )
    finally:
        shutil.rmtree(runtime, ignore_errors=True)
    assert "FAILED" not in told and "demo" in done([str(rigd), "demo", "--help"], env=environment, cwd="/")
    assert len(list((tmp_path / "takes").glob("*/*/Take*/take.json"))) == 3
