"""`rigd completion`: what a shell needs to complete rigd's words with Tab, made from the commands themselves.

Everything is in the text that is printed: no rigd is started when Tab is pressed. Main thread.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rigd.cli.form import HELP, Argument, Command, Group, one_of
from rigd.wire.plain_output import write_line

SHELLS = ("bash", "zsh")
_BASH = """\
_rigd() {
    local word="${COMP_WORDS[COMP_CWORD]}" path="rigd" place
    for (( place = 1; place < COMP_CWORD; place++ )); do
        case "$path ${COMP_WORDS[place]}" in
            @deeper@) path="$path ${COMP_WORDS[place]}" ;;
        esac
    done
    local words=""
    case "$path" in
@cases@
    esac
    COMPREPLY=( $(compgen -W "$words" -- "$word") )
    [ -n "${COMPREPLY[0]}" ] || COMPREPLY=( $(compgen -f -- "$word") )
}
complete -o filenames -F _rigd rigd"""


def completion(shell: str) -> None:
    for line in script(shell).split("\n"):
        write_line(line, to=sys.stdout)


def script(shell: str) -> str:
    """What that shell is to read."""
    from rigd.cli.main import command_line

    words = dict(words_of(command_line([]), "rigd"))
    deeper = "|".join(f'"{path}"' for path in words if path != "rigd")
    cases = "\n".join(f'        "{path}") words="{" ".join(each)}" ;;' for path, each in words.items())
    lines = _BASH.replace("@deeper@", deeper).replace("@cases@", cases)
    return f"autoload -U +X bashcompinit && bashcompinit\n{lines}" if shell == "zsh" else lines


def words_of(what: Command | Group, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Of each command and group, by its whole name, the words that may come next."""
    commands = what.commands if isinstance(what, Group) else ()
    alone = what.alone if isinstance(what, Group) else what
    flags = tuple(flag for option in (alone.options if alone else ()) for flag in option.flags)
    arguments = tuple(word for argument in (alone.arguments if alone else ()) for word in argument.one_of)
    yield path, (*(each.name for each in commands), *arguments, *flags, HELP)
    for each in commands:
        yield from words_of(each, f"{path} {each.name}")


COMPLETION = Command(
    name="completion",
    run=completion,
    about="What a shell needs to complete rigd's words with Tab.",
    parts=(Argument(name="shell", read=one_of(SHELLS), one_of=SHELLS, shown="|".join(SHELLS)),),
)
