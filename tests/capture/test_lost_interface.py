"""An interface that is away is tried at once for a minute, then rarely, and at once where something changed."""

from __future__ import annotations

from pathlib import Path

from rigd.capture.lost_interface import EAGER_S, LONGEST_PAUSE_S, LostInterface, what_there_is


def test_tries_become_fewer_and_the_reason_is_news_once(tmp_path: Path) -> None:
    now_s = [1000.0]

    def of_the_next_process() -> LostInterface:
        return LostInterface(tmp_path, clock_ns=lambda: round(now_s[0] * 1e9))

    tmp_path.chmod(0o700)
    news, pauses, tries = [], [], 0
    while now_s[0] < 1000.0 + 24 * 3600:
        lost = of_the_next_process()
        news.append(lost.note("not found"))
        pauses.append(lost.pause_s())
        now_s[0] += 1.8 + pauses[-1]
        tries += 1
    assert news[0] and not any(news[1:])
    assert pauses[: round(EAGER_S / 1.8)] == [0.0] * round(EAGER_S / 1.8), "as before, for a minute"
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_S
    assert tries < 24 * 3600 / LONGEST_PAUSE_S
    assert of_the_next_process().note("busy"), "another reason is news"


def test_a_card_a_recorder_or_a_server_that_comes_or_goes_is_seen(tmp_path: Path) -> None:
    asound, doors = tmp_path / "asound", tmp_path / "shm"
    status = asound / "card0" / "pcm0c" / "sub0" / "status"
    status.parent.mkdir(parents=True)
    doors.mkdir()
    seen = []

    def look() -> None:
        seen.append(what_there_is(asound, (doors, tmp_path / "none")))
        assert seen[-1] == what_there_is(asound, (doors, tmp_path / "none")), (
            "the same as long as nothing changes"
        )

    look()
    (asound / "cards").write_text(" 0 [Scarlett]: USB-Audio\n")
    look()
    status.write_text("state: RUNNING\nowner_pid   : 7\ntrigger_time: 1.2\n")
    look()
    status.write_text("closed\n")
    look()
    (doors / "jack_default_0_0").touch()
    look()
    assert len(set(seen)) == 5
    status.write_text("closed\nhw_ptr: 4711\n")
    assert what_there_is(asound, (doors,)) == seen[-1], "how far a stream is changes nothing"
