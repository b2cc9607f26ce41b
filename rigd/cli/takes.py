"""`rigd takes`: what has been recorded, of the running rig or straight from the folders."""

from __future__ import annotations

import typer

from rigd.cli.terminal import AsJson, ExitCode, RuntimeDir, daemon, fail, out, print_json
from rigd.cli.view import clock, take_table, take_title
from rigd.model.state import Take
from rigd.wire.codec import to_plain

app = typer.Typer(help="What has been recorded.", invoke_without_command=True)


@app.callback()
def takes(context: typer.Context, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """Without a word: the list."""
    if context.invoked_subcommand is None:
        list_takes(runtime_dir, as_json)


@app.command("list")
def list_takes(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """The session's takes, oldest first."""
    with daemon(runtime_dir) as client:
        state = client.status().state
        found = client.takes()
    if as_json:
        print_json(
            {"type": "TakesAnswer", "session": state.session, "takes": [to_plain(take) for take in found]}
        )
        return
    if not found:
        out.print(f"no takes yet in {state.session}", markup=False)
        return
    out.print(take_table(found, state.sample_rate_hz))
    out.print(state.session_folder, markup=False, style="dim")


@app.command()
def show(number: str, runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """One take, whole: by its number in the current song, or by (the beginning of) its id."""
    with daemon(runtime_dir) as client:
        state = client.status().state
        found = _meant(number, state.song, client.takes())
        take = client.take(found.take_id)
    if as_json:
        print_json(take)
        return
    rate = state.sample_rate_hz
    out.print(take_title(take), style="bold", markup=False)
    out.print(f"{take.started_at}   {take.folder}", markup=False)
    for file in take.files:
        out.print(f"  {file.name}  {clock(file.frames, rate)}  {file.size_bytes:,} bytes", markup=False)
    for marker in take.markers:
        out.print(f"  marker {clock(marker.at_frame - take.first_frame, rate)}  {marker.name}", markup=False)
    for change in take.gain_changes:
        word = "" if change.confirmed else "  (not confirmed)"
        at = clock(max(0, change.at_frame - take.first_frame), rate)
        out.print(
            f"  {change.parameter} {at}  channel {change.channel}: {change.value:g}{word}", markup=False
        )
    for gap in take.gaps:
        at, word = clock(gap.at_frame - take.first_frame, rate), "exactly" if gap.exact else "about"
        out.print(
            f"  gap    {at}  {word} {gap.length_frames:,} frames ({gap.cause.value})",
            style="red",
            markup=False,
        )
    for note in take.slate.notes:
        out.print(f"  note   {note}", markup=False)


def _meant(word: str, song: str, takes: tuple[Take, ...]) -> Take:
    if word.isdecimal() and len(word) < 8:
        same = [take for take in takes if take.slate.number == int(word)]
        same = [take for take in same if take.slate.song == song] or same
    else:
        same = [take for take in takes if take.take_id.startswith(word.lower())]
    if not same:
        fail(ExitCode.REFUSED, f'there is no take "{word}" in this session; see: rigd takes')
    if len(same) > 1:
        many = ": " + ", ".join(f"{take_title(take)} ({take.take_id[:8]})" for take in same)
        fail(ExitCode.REFUSED, f'"{word}" is {len(same)} takes of this session{many}; see: rigd takes list')
    return same[0]
