"""`rigd init`: from what is plugged in to a config that `rigd check` finds in order. Run again, it changes one thing.

Nothing is written before the end, and then whole: a config that has a fault is never put in the place of one that has
none. Main thread.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rigd.cli.asking import Asking, NoAnswer
from rigd.cli.doctor import plan_of, this_machine
from rigd.cli.exit_codes import ExitCode
from rigd.cli.form import Argument, Command, Option
from rigd.cli.init_parts import LIBRARY_OF_THE_MACHINE, OWN_LIBRARY, PARTS, Talk, one_line
from rigd.cli.terminal import config_option, errors_told, fail, out
from rigd.config.load import config_text, load_config
from rigd.config.place import OF_THE_MACHINE, find_or_none, own_config
from rigd.config.rig_config import RigConfig
from rigd.config.writing import new_config
from rigd.doctor.checks import examine
from rigd.doctor.finding import Grade
from rigd.model.errors import RigError


def init(part: str, config: Path | None, yes: bool, system: bool) -> None:
    with errors_told():
        path, text = _begun(config, system=system)
        is_new = not text
        asking = Asking(answers_itself=yes)
        talk = Talk(text, asking, is_new=is_new)
        try:
            if is_new:
                _first(talk, path, system=system)
            else:
                _again(talk, path, part)
        except NoAnswer as error:
            fail(ExitCode.REFUSED, f"{error}; nothing was written")
        except KeyboardInterrupt:
            fail(ExitCode.INTERRUPTED, "", "nothing was written")
        written = talk.config()
        if talk.text != text:
            write(path, talk.text, group_reads=system)
            out.print(f"{path} is written", style="green")
        else:
            out.print(f"{path} is as it was")
    _last_words(path, written, talk.missing, system=system)


def _begun(config: Path | None, *, system: bool) -> tuple[Path, str]:
    """Where the config goes, and what stands there; empty where nothing does."""
    if system:
        path = config or OF_THE_MACHINE
    else:
        found = find_or_none(config, os.environ)
        path = found.path if found is not None else own_config(os.environ)
    if not path.exists():
        return path, ""
    text = config_text(path)
    if text.strip():
        load_config(path)  # what is wrong with it is for a person to mend first
    return path, text


def _first(talk: Talk, path: Path, *, system: bool) -> None:
    out.print(
        f"A config for this rig, {path}. Enter takes what stands in [ ]; nothing is written before the end."
    )
    out.print("")
    name = talk.ask.read("What is this rig called? Its sessions have this name", "Rehearsal", one_line)
    talk.text = new_config(name=name, library=LIBRARY_OF_THE_MACHINE if system else OWN_LIBRARY)
    for part in PARTS:
        out.print("")
        part.ask(talk)


def _again(talk: Talk, path: Path, word: str) -> None:
    if not word:
        out.print(f"{path} is in order. What is to be another one?")
        chosen = talk.ask.choice("Which", [f"{part.word}: {part.about}" for part in PARTS])
        part = PARTS[chosen]
    else:
        part = next(part for part in PARTS if part.word == word)
    part.ask(talk)


def write(path: Path, text: str, *, group_reads: bool) -> None:
    """The file is the old one or the new one, whatever happens; with the line ends that it had. Raises RigError."""
    newline = "\r\n" if path.exists() and b"\r" in path.read_bytes() else "\n"
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else (0o644 if group_reads else 0o600)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "w", encoding="utf-8", newline=newline) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path.resolve() if path.is_symlink() else path)
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
    else:
        out.print("Start it: rigd run" + ("" if _is_found(path) else f" --config {path}"))
    out.print(f"Change one thing later: rigd init {'|'.join(part.word for part in PARTS)}")


def _is_found(path: Path) -> bool:
    found = find_or_none(None, os.environ)
    return found is not None and found.path.absolute() == path.absolute()


def _part(word: str) -> str:
    words = [part.word for part in PARTS]
    if word not in words:
        raise ValueError(f'"{word[:40]}" is none of: {", ".join(words)}')
    return word


INIT = Command(
    name="init",
    run=init,
    about="Make the config of this rig by a few questions; run again, it changes one thing.",
    parts=(
        Argument(
            name="part",
            about=f"What to change: {', '.join(part.word for part in PARTS)}.",
            read=_part,
            is_required=False,
            default="",
        ),
        config_option("Where the config is, or goes."),
        Option(name="yes", flags=("--yes", "-y"), about="Ask nothing; take what is found."),
        Option(name="system", flags=("--system",), about=f"The config of the service, {OF_THE_MACHINE}."),
    ),
)
