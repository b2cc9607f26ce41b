"""What pip installs is all of rigd: a wheel, and one that was made from the sdist, in a venv of nothing else, run
from an empty home by somebody who has no checkout. No network: what rigd depends on is the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.built_wheels import ROOT, Built, done, installed, tracked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
