"""What counts as installed: a program, a library by its whole soname, a path; and nothing that sounds like it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "packages.sh"
MAKEFILE = SCRIPT.parents[1] / "Makefile"
USED = ("bash", "awk", "env", "grep", "mktemp", "rm", "tail")


class Machine:
    """One with few programs and libraries, and an apt-get that notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self._asked = folder / "asked"
        for name in USED:
            found = shutil.which(name)
            assert found is not None
            (self.programs / name).symlink_to(found)
        self.program("id", "echo 0")
        packages = 'for word; do case $word in -*|install|update) ;; *) echo "$word"; esac; done'
        self.program("apt-get", f"{packages} >> {self._asked}")
        self.libraries()

    def program(self, name: str, does: str = "") -> None:
        path = self.programs / name
        path.write_text(f"#!{shutil.which('bash')}\n{does}\n")
        path.chmod(0o755)

    def libraries(self, *sonames: str) -> None:
        lines = [f"\t{each} (libc6,x86-64) => /lib/x86_64-linux-gnu/{each}" for each in sonames]
        self.program("ldconfig", f"printf '%b\\n' '{len(lines)} libs found' {' '.join(map(repr, lines))}")

    def missing(self, *wanted: str) -> list[str]:
        """What `packages.sh want` wants to install."""
        self._asked.unlink(missing_ok=True)
        environment = {**os.environ, "PATH": str(self.programs)}
        subprocess.run(
            ["bash", str(SCRIPT), "want", *wanted], env=environment, check=True, capture_output=True
        )
        return self._asked.read_text().split() if self._asked.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_program_is_not_there_because_a_library_has_its_name(machine: Machine) -> None:
    machine.libraries("libclang-cpp.so.14", "libclang.so.1")
    assert machine.missing("clang:clang") == ["clang"]
    machine.program("clang")
    assert machine.missing("clang:clang") == []


@pytest.mark.parametrize(
    "like_it",
    ["libportaudio.so.2.0.0", "libportaudio-cpp.so.2", "libportaudioxso.2", "myliblibportaudio.so.2"],
)
def test_a_library_is_there_by_its_whole_soname(machine: Machine, like_it: str) -> None:
    wanted = "libportaudio2:libportaudio.so.2"
    machine.libraries(like_it)
    assert machine.missing(wanted) == ["libportaudio2"]
    machine.libraries(like_it, "libportaudio.so.2")
    assert machine.missing(wanted) == []


def test_a_path_is_there_where_a_file_fits_its_wildcards(machine: Machine, tmp_path: Path) -> None:
    wanted = f"libclang-rt-dev:{tmp_path}/llvm*/libclang_rt.tsan*.a"
    assert machine.missing(wanted) == ["libclang-rt-dev"]
    (tmp_path / "llvm-14").mkdir()
    (tmp_path / "llvm-14" / "libclang_rt.tsan-x86_64.a").touch()
    assert machine.missing(wanted) == []


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    machine.program("sox")
    assert machine.missing("sox:sox", "ffmpeg:ffprobe", "jackd2:jackd") == ["ffmpeg", "jackd2"]


def test_each_proof_in_the_makefile_is_of_one_kind() -> None:
    wanted = re.findall(r"packages\.sh want (.*)", MAKEFILE.read_text("utf-8"))
    proofs = [each.strip('"').partition(":")[2] for line in wanted for each in line.split()]
    assert len(proofs) > 10
    for proof in proofs:
        assert re.fullmatch(r"/\S+|lib[\w+-]+\.so\.\d+|[\w.+-]+", proof), proof
