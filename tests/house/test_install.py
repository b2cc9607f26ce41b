"""`make install` and `make uninstall`, into a folder: what is laid down, that again does no harm, an upgrade beside
what runs, and that takes and config stay. On a real systemd: make vm."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.built_wheels import ROOT, Built
from tests.support.tools import need_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LAID_DOWN = {
    *(
        "etc/systemd/system/rigd.target",
        "etc/systemd/system/rigd.service",
        "etc/systemd/system/rigd-capture.service",
    ),
    *("etc/systemd/system/rigd-writer@.service", "etc/systemd/system/rigd-close.service"),
    *("etc/sysusers.d/rigd.conf", "etc/tmpfiles.d/rigd.conf", "etc/polkit-1/rules.d/50-rigd.rules"),
    *("etc/rigd/rig.toml", "usr/local/bin/rigd", "opt/rigd"),
}
Make = Callable[..., str]


def offline() -> dict[str, str]:
    """What rigd depends on is the test's own."""
    of_pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}
    return {**os.environ, **of_pip, "PYTHONPATH": sysconfig.get_path("purelib")}


@pytest.fixture
def make(built: Built, tmp_path: Path) -> Make:
    """make WHAT NAME=VALUE ..., into tmp_path/root; its output."""
    need_tool("make")

    def run(what: str, *, may_fail: bool = False, **variables: str) -> str:
        words = {"DESTDIR": str(tmp_path / "root"), "WHEEL": str(built.wheels["clone"]), **variables}
        ended = subprocess.run(
            ["make", "-s", what, *(f"{name}={value}" for name, value in words.items())],
            cwd=ROOT,
            env=offline(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (ended.returncode == 0) is not may_fail, ended.stdout
        return ended.stdout

    return run


def files_of(root: Path) -> set[str]:
    """Below it, without what is inside of a build."""
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }
    return {path for path in found if not path.startswith("opt/rigd-builds/")}


def version(root: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    told = subprocess.run(
        [root / "opt/rigd/bin/rigd", "--version"], capture_output=True, text=True, env=environment
    )
    return told.stdout


def test_installed_again_and_uninstalled(make: Make, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (tmp_path / "mine.toml").write_text('[rig]\nname = "Mine"\nlibrary = "/srv/takes"\n')
    make("install", CONFIG=str(tmp_path / "mine.toml"))
    assert files_of(root) == LAID_DOWN
    assert version(root).startswith("rigd ")
    assert (root / "srv/takes").is_dir() and (root / "srv/takes").stat().st_mode & 0o7777 == 0o2750
    (root / "etc/rigd/rig.toml").write_text('[rig]\nname = "Changed by hand"\n')
    (root / "srv/takes/a take").touch()
    first = (root / "opt/rigd").resolve()
    long_ago = root / "opt/rigd-builds/20200101T000000-1"
    long_ago.mkdir()
    os.utime(long_ago, (0, 0))

    said = make("install", CONFIG=str(tmp_path / "mine.toml"))
    assert "stays as it is" in said
    assert (root / "etc/rigd/rig.toml").read_text() == '[rig]\nname = "Changed by hand"\n'
    second = (root / "opt/rigd").resolve()
    assert second != first and first.is_dir(), "what runs from the build before finds it where it was"
    # The path is in the script's first two lines: a long one goes by /bin/sh (pip, distlib).
    head = (first / "bin/rigd-capture").read_text().split("\n")[:2]
    assert any(f"{first}/bin/python" in line for line in head)
    assert not long_ago.exists(), "of those that nothing runs from two are kept"
    assert files_of(root) == LAID_DOWN | {"srv/takes/a take"}

    dropin = root / "etc/systemd/system/rigd.service.d/rigd-units.conf"
    dropin.parent.mkdir()
    dropin.touch()
    (root / "etc/systemd/system/other.service").touch()
    said = make("uninstall")
    left = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
    assert left == {"srv/takes/a take", "etc/rigd/rig.toml", "etc/systemd/system/other.service"}
    assert "srv/takes" in said and "etc/rigd" in said
    make("uninstall")  # again, without harm


def test_another_place_and_what_cannot_be_taken(make: Make, tmp_path: Path) -> None:
    root, places = tmp_path / "root", {"PREFIX": "/usr/local/lib/rigd", "TAKES": "/data/takes"}
    (tmp_path / "wrong.toml").write_text("[rig]\nlibrary = “/srv/takes”\n")
    said = make("install", may_fail=True, CONFIG=str(tmp_path / "wrong.toml"), **places)
    assert "LEFT DOUBLE QUOTATION MARK" in said and not (root / "etc/rigd/rig.toml").exists()
    text = "".join(path.read_text() for path in (root / "etc/systemd/system").iterdir())
    assert "/opt/rigd/" not in text and "/srv/takes" not in text
    assert re.search(r"^ExecStart=/usr/local/lib/rigd/bin/rigd-writer ", text, re.M) and "/data/takes" in text
    before = (root / "usr/local/lib/rigd").resolve()
    assert (before / "bin/rigd").is_file()

    (tmp_path / "broken.whl").write_bytes(b"no wheel")
    said = make("install", may_fail=True, WHEEL=str(tmp_path / "broken.whl"), **places)
    assert "nothing was changed" in said and (root / "usr/local/lib/rigd").resolve() == before
    assert list((root / "usr/local/lib/rigd-builds").iterdir()) == [before]


def test_a_config_whose_takes_go_where_the_service_cannot_write_is_refused(
    make: Make, tmp_path: Path
) -> None:
    """The units see nobody's home: what a person's own rig does would be a rig that never records."""
    mine, there = tmp_path / "mine.toml", tmp_path / "root/etc/rigd/rig.toml"
    for library in ("~/rigd-takes", "/home/somebody/takes"):
        mine.write_text(f'[rig]\nlibrary = "{library}"\n')
        said = make("install", may_fail=True, CONFIG=str(mine))
        assert "in somebody's home" in said and "be asked for one" in said
        assert not there.exists()
    mine.write_text('[rig]\nlibrary = "/srv/takes"\n')
    make("install", CONFIG=str(mine))
    assert there.read_text() == mine.read_text()


def test_in_a_terminal_it_asks_for_what_there_is(built: Built, tmp_path: Path) -> None:
    master, line = os.openpty()
    root = tmp_path / "root"
    answers = ["The Attic", f"{tmp_path}/takes", "n", "Kick, -", ""]
    os.write(master, "".join(f"{answer}\n" for answer in answers).encode())
    # What is answered waits in the terminal until it is asked for.
    with subprocess.Popen(
        ["make", "-s", "install", f"DESTDIR={root}", f"WHEEL={built.wheels['clone']}"],
        cwd=ROOT,
        env={**offline(), "HOME": str(tmp_path)},
        stdin=line,
        stdout=line,
        stderr=line,
    ) as install:
        os.close(line)
        shown = b""
        with contextlib.suppress(OSError):  # nobody has the other end any more
            while piece := os.read(master, 65536):
                shown += piece
    os.close(master)
    assert install.returncode == 0, shown.decode()
    plain = tomllib.loads((root / "etc/rigd/rig.toml").read_text())
    assert plain["rig"] == {"name": "The Attic", "library": f"{tmp_path}/takes"}, shown.decode()
    assert [each["name"] for each in plain["channel"]] == ["Kick", "Input 2"]
    assert (root / "etc/rigd/rig.toml").stat().st_mode & 0o777 == 0o644


def test_it_wants_root_where_it_is_no_folder() -> None:
    if os.geteuid() != 0:
        ended = subprocess.run(["make", "-s", "install"], cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode != 0 and "needs root; nothing was done" in ended.stderr
    text = (ROOT / "systemd/install.sh").read_text()
    assert text.index("allowed install") < text.index("packages\n    built=")


def test_the_install_lays_down_what_the_tests_on_systemd_do() -> None:
    """Every unit there is, but for the one that only few want."""
    units = {path.name for path in (ROOT / "systemd").iterdir()} - {
        "install.sh",
        "80-rigd.rules",
        "run-rigd.mount",
    }
    script = (ROOT / "systemd/install.sh").read_text()
    assert not [unit for unit in units if unit not in script]
    assert "install -d -o rigd -g rigd -m 2750" in script
