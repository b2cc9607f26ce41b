"""Takes that are dated anew, killed at any moment: each is the old or the new one, and the next start ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dated_takes import NOW, Clock, date, record, sheets, tell_writer
from msgspec.structs import replace
from take_maker import open_library

from rigd.library import dated_sessions, durable, open_sessions, session, sheet_file, takes
from rigd.takefile.journal import JOURNAL_NAME, read_journal


class Killed(BaseException):
    """At this moment."""


STEPS = ("write_json", "move_folder", "make_folder", "sync_folder")


@pytest.mark.parametrize("reboot", [False, True], ids=["", "reboot"])
def test_killed_at_any_moment_each_take_is_the_old_or_the_new_one(
    root: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, reboot: bool
) -> None:
    """Every change of the disk in turn is the last one that is made."""
    count = 0
    while True:
        clock.__init__()  # type: ignore[misc]
        here = root.with_name(f"library {count}")
        band = open_library(here, now=clock)
        folder = band.open_session("Band").folder
        orders = [record(band, folder, clock, notes=("n",)) for _ in range(2)]
        band.discard(orders[0].take_id)
        before = sheets(here)
        clock.comes()
        with monkeypatch.context() as patch:
            done = [0]
            for module in (durable, session, sheet_file, takes, open_sessions, dated_sessions):
                for name in STEPS:
                    if hasattr(module, name):
                        patch.setattr(module, name, dying(getattr(durable, name), done, count))
            try:
                date(band, clock)
                died = False
            except Killed:
                died = True
        band.close()
        for take_id, sheet in sheets(here).items():
            old = {key: before[take_id][key] for key in ("started_at", "time_reference", "dated")}
            now = {key: sheet[key] for key in old}
            assert now == old or sheet["dated"] == sheet["started_at"] != old["started_at"]
        # The next start makes an end of it.
        again = open_library(here, now=clock)
        again.open_session("Band", going_on=True)
        for _ in again.catch_up(may_move=lambda: True):
            pass
        reading = clock.reading()
        dated = again.date_takes(
            replace(reading, boot_id="c" * 32) if reboot else reading, may_go_on=lambda: True
        )
        if dated is not None:
            tell_writer(dated)
        ends = sheets(here)
        for order in orders:
            place = again.place_of(order.take_id)
            wanted = f"{NOW:%Y-%m-%d}" if ends[order.take_id]["dated"] else "1972"
            assert place.parent.parent.name.startswith(wanted), "the folder is that of the date"
            assert reboot or ends[order.take_id]["dated"]
            says = read_journal(place / JOURNAL_NAME)
            assert says.order.started_at == ends[order.take_id]["started_at"]
        again.close()
        if not died:
            break
        count += 1
    assert count > 10


def dying(real, done: list[int], last: int):  # type: ignore[no-untyped-def]
    """As `real`, `last` times in all; then it is the end."""

    def step(*args: object, **more: object) -> object:
        if done[0] >= last:
            raise Killed
        done[0] += 1
        return real(*args, **more)

    return step
