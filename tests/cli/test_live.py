"""The live view: one that rigd cut off, because it had stood still for long, is drawn again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rigd.cli.keys import Press
from rigd.cli.live import Drawing, LiveView, show_live
from rigd.model.errors import LinkError
from rigd.model.units import Ns
from tests.api.test_control_socket import Bench, bench_at
from tests.support.patience import wait_for


def watchers(bench: Bench) -> list[object]:
    """Those who are told what happens."""
    return [visit for visit in bench.server._visits.copy().values() if visit.listener is not None]


def cut_off(bench: Bench) -> None:
    """As rigd does to a client that lets a megabyte wait; the view comes back."""
    wait_for(lambda: bool(watchers(bench)), "the view listens")
    before = watchers(bench)
    for visit in bench.server._visits.copy().values():
        visit.client.is_over = True
    bench.server._wake()
    wait_for(lambda: any(each not in before for each in watchers(bench)), "the view listens again")


def test_the_view_beside_the_rig_comes_back(tmp_path: Path) -> None:
    with bench_at(tmp_path) as bench:
        view = LiveView(bench.path)
        view.start()
        cut_off(bench)
        assert view.stop() and not view.is_cut_off


def test_a_watch_that_was_cut_off_does_not_say_that_rigd_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bench_at(tmp_path) as bench:
        watch = threading.Thread(target=show_live, args=(bench.path,), daemon=True)
        watch.start()
        cut_off(bench)
        assert "has ended" not in capsys.readouterr().out
    watch.join()
    assert "rigd has ended." in capsys.readouterr().out


@pytest.mark.parametrize("key", ["f", "?"])
def test_who_left_the_view_with_the_faults_or_the_keys_open_comes_back_to_the_channels(
    key: str, tmp_path: Path
) -> None:
    drawing = Drawing(tmp_path / "rigd.sock")
    drawing.press(Press(key, Ns(0)))
    assert drawing._look.is_faults or drawing._look.is_help
    drawing.press(Press("q", Ns(1)))
    assert drawing.is_left and not (drawing._look.is_faults or drawing._look.is_help)


def test_without_a_rig_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="rigd is not running here"):
        show_live(tmp_path / "rigd.sock")
