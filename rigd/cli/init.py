"""`rigd init`: from what is plugged in to a config that `rigd check` finds in order. Run again, it changes one thing.

Nothing is written before the end, and then whole: a config that has a fault is never put in the place of one that has
none. Main thread.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from rigd.cli.asking import Asking, NoAnswer
from rigd.cli.doctor import plan_of, this_machine
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Option, one_of
from rigd.cli.growing_config import GrowingConfig, why_not_writable
from rigd.cli.init_questions import QUESTIONS, begun
from rigd.cli.terminal import config_option, errors_told, fail, out
from rigd.config.load import config_text, load_config
from rigd.config.place import OF_THE_MACHINE, find_or_none, own_config
from rigd.config.rig_config import RigConfig
from rigd.doctor.checks import examine
from rigd.doctor.finding import Grade
from rigd.model.errors import ConfigError, RigError

ALL = "all"
WORDS = (*(each.word for each in QUESTIONS), ALL)


def init(part: str, config: Path | None, yes: bool, system: bool) -> None:
    with errors_told():
        path, text = _place(config, system=system)
        asking = Asking(answers_itself=yes)
        try:
            if text.strip():
                growing = GrowingConfig(text, asking, of_service=system)
                _again(growing, path, part)
            else:
                growing = _first(asking, path, part, of_service=system)
        except (NoAnswer, ConfigError) as error:
            code = ExitCode.CONFIG if isinstance(error, ConfigError) else ExitCode.REFUSED
            fail(code, f"{error}; nothing was written")
        except KeyboardInterrupt:
            fail(ExitCode.INTERRUPTED, "", "nothing was written")
        written = growing.read()
        if _text_at(path) != text:
            raise RigError(
                f"{path} was changed by somebody else meanwhile; nothing was written. Run it again"
            )
        if growing.text != text:
            write(path, growing.text, of_service=system)
            out.print(f"{path} is written", style="green")
        else:
            out.print(f"{path} is as it was")
    _last_words(path, written, growing.missing, system=system)


def _place(config: Path | None, *, system: bool) -> tuple[Path, str]:
    """Where the config goes, and what stands there; empty where nothing does. Raises RigError where it cannot be
    written, before a person answers anything."""
    if system:
        path = config or OF_THE_MACHINE
    else:
        found = find_or_none(config, os.environ)
        path = found.path if found is not None else own_config(os.environ)
    text = _text_at(path)
    if text.strip():
        load_config(path)  # what is wrong with it is for a person to mend first
    if why := why_not_writable(Path(os.path.realpath(path)).parent):
        own = own_config(os.environ)
        cure = "" if path == own else f". Run: rigd init --config {quote(str(own))}"
        if system or path.absolute() == OF_THE_MACHINE:
            cure = ". Run: sudo rigd init --system"
        raise RigError(f"{path} cannot be written: {why}; nothing was asked{cure}")
    return path, text


def _text_at(path: Path) -> str:
    return config_text(path) if os.path.exists(path) else ""


def _first(asking: Asking, path: Path, word: str, *, of_service: bool) -> GrowingConfig:
    if word not in ("", ALL):
        out.print("There is no config yet, so everything is asked once.")
    out.print(
        f"A config for this rig, {path}. Enter takes what stands in [ ]; nothing is written before the end."
    )
    growing = begun(asking, of_service=of_service)
    _ask_all(growing)
    return growing


def _again(growing: GrowingConfig, path: Path, word: str) -> None:
    if not word:
        out.print(f"{path} is in order. What is to be another one?")
        about = [f"{each.word}: {each.about}" for each in QUESTIONS]
        word = WORDS[growing.ask.choice("Which", [*about, f"{ALL}: one after the other"], proposed=1)]
    for question in QUESTIONS:
        if word == question.word:
            question.ask(growing)
    if word == ALL:
        _ask_all(growing)


def _ask_all(growing: GrowingConfig) -> None:
    for question in QUESTIONS:
        out.print("")
        question.ask(growing)


def write(path: Path, text: str, *, of_service: bool) -> None:
    """The file is the old one or the new one, whatever happens; its line ends, its mode and its owner stay, and where
    it is a link, the file behind it is another one. Raises RigError."""
    try:
        file = Path(os.path.realpath(path))
        before = file.stat() if file.exists() else None
        newline = "\r\n" if before is not None and b"\r" in file.read_bytes() else "\n"
        if not file.parent.exists():
            file.parent.mkdir(parents=True)
            file.parent.chmod(0o755 if of_service else 0o700)
        handle, beside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with open(handle, "w", encoding="utf-8", newline=newline) as new:
                new.write(text)
                new.flush()
                if before is not None and os.geteuid() == 0:
                    os.chown(handle, before.st_uid, before.st_gid)
                usual = 0o644 if of_service else 0o600  # the service's user reads what root has written
                os.chmod(handle, usual if before is None else before.st_mode & 0o777)
                os.fsync(handle)
            os.replace(beside, file)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        raise RigError(f"{path} cannot be written: {error.strerror}; what stood there stands") from error


def _last_words(path: Path, config: RigConfig, missing: Sequence[str], *, system: bool) -> None:
    for each in missing:
        out.print(f"! {each}", style="yellow")
    if not system:
        for finding in examine(this_machine(), plan_of(config)):
            if finding.grade is Grade.PROBLEM:
                out.print(f"! {finding.what}", style="yellow")
                if finding.cure:
                    out.print(f"    {finding.cure}", style="cyan")
    out.print("")
    if system:
        out.print("Start it: systemctl enable --now rigd.target && systemctl start rigd")
        out.print("Where it runs already: rigd units && systemctl restart rigd rigd-capture")
    else:
        out.print("Start it: rigd run" + ("" if _is_found(path) else f" --config {quote(str(path))}"))
    out.print(f"Change one thing later: rigd init {'|'.join(WORDS)}")


def _is_found(path: Path) -> bool:
    found = find_or_none(None, os.environ)
    return found is not None and found.path.absolute() == path.absolute()


INIT = Command(
    name="init",
    run=init,
    about="Make the config of this rig by a few questions; run again, it changes one thing.",
    parts=(
        Argument(
            name="part",
            about=f"What to change: {', '.join(WORDS)}.",
            read=one_of(WORDS),
            one_of=WORDS,
            shown="PART",
            is_required=False,
            default="",
        ),
        config_option("Where the config is, or goes."),
        Option(name="yes", flags=("--yes", "-y"), about="Ask nothing; take what is found."),
        Option(name="system", flags=("--system",), about=f"The config of the service, {OF_THE_MACHINE}."),
    ),
)
