"""`rigd init`: from an empty home to a config that runs, by nothing but answers; and one thing changed later."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rigd.cli.exit_codes import ExitCode
from tests.support.patience import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RIGD_", "XDG_"))}
    return plain | {"HOME": str(home), "RIGD_RUNTIME_DIR": str(home / "run")}


def init(home: Path, *words: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    return rigd(home, "init", *words, answers=answers)


def rigd(home: Path, *words: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rigd", *words],
        input=answers,
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
    )


def config_of(home: Path) -> Path:
    return home / ".config" / "rigd" / "rig.toml"


def test_yes_takes_what_is_found_and_what_is_made_is_in_order(home: Path) -> None:
    """Also on a machine without any device: the config is right, and what is missing is said."""
    ended = init(home, "--yes")
    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert "rigd init interface" in ended.stdout
    assert rigd(home, "check").returncode == ExitCode.DONE
    assert config_of(home).stat().st_mode & 0o077 == 0
    shown = rigd(home, "config")
    assert f"{config_of(home)} (your own)" in shown.stdout
    before = config_of(home).read_text()
    assert init(home, "takes", "--yes").returncode == ExitCode.DONE
    assert config_of(home).read_text() == before


def test_whoever_answers_nothing_more_changes_nothing(home: Path) -> None:
    for answers in ("", "Band\n", "Band\n~/x\n"):
        ended = init(home, answers=answers)
        assert ended.returncode == ExitCode.REFUSED
        assert "nothing was written" in ended.stderr
        assert not config_of(home).exists()


def test_one_thing_is_changed_and_the_rest_stays_as_it_was_written(home: Path) -> None:
    config = home / "rig.toml"
    config.write_text('# mine\n[rig]\nname = "Attic"  # keep\nlibrary = "takes"\n\n[audio]\nchannels = 4\n')
    folder = home / "disk"
    ended = init(home, "takes", answers=f"relative\n{folder}\n")
    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert "depends on where rigd is started" in ended.stdout
    text = config.read_text()
    assert tomllib.loads(text)["rig"] == {"name": "Attic", "library": str(folder)}
    assert "# mine" in text and "# keep" in text


def test_everything_is_asked_once_more_where_that_is_wished(home: Path) -> None:
    config = home / "rig.toml"
    config.write_text('[rig]\nname = "Attic"\nlibrary = "takes"\n\n[audio]\nchannels = 2\n# mine\n')
    # Takes beside the config are right there, and a place that a person types is whole.
    ended = init(home, answers=f"8\nCellar\n{home}/disk\nn\nKick, -\n\n")
    assert ended.returncode == ExitCode.DONE, ended.stdout + ended.stderr
    plain = tomllib.loads(config.read_text())
    assert plain["rig"] == {"name": "Cellar", "library": f"{home}/disk"}
    assert [each["name"] for each in plain["channel"]] == ["Kick", "Input 2"]
    assert "# mine" in config.read_text()


def test_a_config_with_faults_is_a_persons_to_mend(home: Path) -> None:
    """And nothing is asked before."""
    config = home / "rig.toml"
    config.write_text("[rig]\nnam = 3\n")
    ended = init(home, "--yes")
    assert ended.stdout == ""
    assert ended.returncode == ExitCode.CONFIG
    assert 'did you mean "name"' in ended.stderr
    assert config.read_text() == "[rig]\nnam = 3\n"


@pytest.mark.parametrize("saved", ["utf-16", "utf-8-sig"])
def test_a_config_is_read_in_whatever_form_it_was_saved(home: Path, saved: str) -> None:
    """By every command that reads one; and its line ends stay what they were."""
    config = home / "rig.toml"
    config.write_bytes('[rig]\r\nname = "Attic"\r\nlibrary = "takes"\r\n'.encode(saved))
    shown = rigd(home, "config", "--json")
    assert shown.returncode == ExitCode.DONE and '"Attic"' in shown.stdout, shown.stderr
    ended = init(home, "takes", answers=f"{home / 'disk'}\n")
    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert config.read_bytes() == f'[rig]\r\nname = "Attic"\r\nlibrary = "{home / "disk"}"\r\n'.encode()


def test_where_no_config_is_a_part_of_it_is_all_of_it(home: Path) -> None:
    """Without an interface there is nothing to listen to, so nobody waits for levels."""
    ended = init(home, "pedal", answers="Band\n~/takes\nn\n.\n\n")
    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert "There is no config yet, so everything is asked once." in ended.stdout
    assert "! no interface: plug it in" in ended.stdout
    assert "listened to" not in ended.stdout and "nothing was heard" not in ended.stdout


@pytest.mark.parametrize("words", [(), ("pedal",)])
def test_a_place_that_cannot_be_written_is_said_before_anything_is_asked(
    home: Path, words: tuple[str, ...]
) -> None:
    (home / "file").touch()
    ended = init(home, *words, "--config", str(home / "file" / "rig.toml"), answers="Band\n")
    assert ended.returncode == ExitCode.FAILED
    assert "is no folder; nothing was asked. Run: rigd init --config" in ended.stderr
    assert ended.stdout == ""


def test_a_part_that_is_none(home: Path) -> None:
    ended = init(home, "pedals")
    assert ended.returncode == ExitCode.USAGE
    assert "rig, takes, interface, names, pedal, desk, box, all" in ended.stderr


class Terminal:
    """A person at a terminal who waits for each question."""

    def __init__(self, home: Path, *words: str) -> None:
        self.master, line = os.openpty()
        self.shown = ""
        self._answered = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rigd", *words],
            env=environment(home) | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
            cwd=home,
            stdin=line,
            stdout=line,
            stderr=line,
            start_new_session=True,
        )
        os.close(line)

    def _read(self) -> None:
        while select.select([self.master], [], [], 0)[0]:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            self.shown += piece.decode("utf-8", "replace")

    def answer(self, question: str, words: str) -> None:
        """Once the question is asked."""

        def is_asked() -> bool:
            self._read()
            return question in self.shown[self._answered :]

        wait_for(is_asked, question)
        self._answered = len(self.shown)
        os.write(self.master, f"{words}\n".encode())

    def ended(self) -> int:
        def is_over() -> bool:
            self._read()
            return self.process.poll() is not None

        wait_for(is_over, "it has ended")
        self._read()
        os.close(self.master)
        return self.process.returncode


def trials_of(name: str) -> list[Path]:
    """What is left of rigs that were only listened to; of this test's, and nobody else's."""
    left = []
    for path in Path("/dev/shm").glob("rigd-trial-*/rig.toml"):
        with contextlib.suppress(FileNotFoundError):
            left += [path] if f'"{name}"' in path.read_text() else []
    return left


def test_the_first_evening_in_a_terminal(home: Path) -> None:
    """The inputs are listened to while the person is asked for their names; what was made is a rig that runs."""
    person = Terminal(home, "init")
    person.answer("What is this rig called", "The Attic of the first evening")
    person.answer("Takes go to", "~/takes")
    person.answer("simulated one", "y")
    person.answer("  1 #", "")  # they move until Enter
    person.answer("input 1", "Kick In, Snare")
    person.answer("input 3", "-")
    person.answer("input 4", ".")
    person.answer("The network address of a desk", "")
    assert person.ended() == ExitCode.DONE, person.shown
    assert "input 1 (-" in person.shown, person.shown[-3000:]
    assert "no interface:" not in person.shown, "a simulated one is there"
    assert re.search(r"  1 [#.]{20}.*  5 [#.]{20}.*\r\n  2 [#.]{20}.*\r\n  3 [#.]", person.shown)
    plain = tomllib.loads(config_of(home).read_text())
    assert plain["rig"] == {"name": "The Attic of the first evening", "library": "~/takes"}
    assert [each["name"] for each in plain["channel"][:2]] == ["Kick In", "Snare"]
    assert plain["channel"][2]["armed"] is False
    checked = rigd(home, "check", "--json")
    assert checked.returncode == ExitCode.DONE, checked.stderr
    assert not trials_of("The Attic of the first evening")
