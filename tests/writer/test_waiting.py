"""More takes than can be open at once: orders wait in order, with their sound, and none of them fails."""

from __future__ import annotations

import resource
from pathlib import Path

import msgspec

from rigd.model.messages import (
    Annotate,
    EndTake,
    OpenTake,
    Retag,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    WriterReport,
)
from rigd.model.take import Marker, TakeOrder
from rigd.model.units import Frame
from rigd.takefile.journal import read_journal
from rigd.tape.holds import PRIMARY_WRITER, waiting_keys
from rigd.writer.waiting_orders import MOST_OPEN
from tests.support.patience import wait_for
from tests.support.writer_run import FedTape, WriterRun, check_take, order_for


def fill(writer: WriterRun, library: Path, *, first_frame: int = 0) -> list[TakeOrder]:
    """As many takes as can be open are open, and none of them ends by itself."""
    orders = [
        order_for(library, channels=1, first_frame=first_frame, name=f"Open {number:02d}")
        for number in range(MOST_OPEN)
    ]
    for order in orders:
        writer.send(OpenTake(order=order))
    for order in orders:
        writer.await_fact(TakeOpened, take_id=order.take_id)
    return orders


def reported(writer: WriterRun, count: int) -> WriterReport:
    """A report that lists so many takes."""
    while len((report := writer.await_fact(WriterReport)).open_takes) != count:
        pass
    return report


def held_from(fed: FedTape) -> int:
    """The position that the waiting takes' own hold keeps."""
    return min(hold.position for hold in fed.tape.holds() if hold.key in waiting_keys(PRIMARY_WRITER))


def test_a_storm_of_orders_and_ends_is_written_whole(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=3) as fed, WriterRun(runtime, library) as writer:
        fed.feed(100 * 700)
        orders = [
            order_for(library, channels=3, first_frame=700 * number, name=f"Take {number:03d}")
            for number in range(100)
        ]
        for order in orders:
            writer.send(OpenTake(order=order))
            writer.send(EndTake(take_id=order.take_id, end_frame=Frame(order.first_frame + 700)))
        for order in orders:
            assert writer.await_fact(TakeClosed, take_id=order.take_id).frames == 700
            check_take(Path(order.folder), first_frame=order.first_frame, frames=700)
        wait_for(lambda: fed.tape.holds() == (), "no hold is left")
        assert (runtime / "writer.waiting").read_bytes() == b""


def test_what_waits_is_not_overwritten_and_is_opened_as_soon_as_one_is_closed(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=1, capacity_frames=1 << 14) as fed, WriterRun(runtime, library) as writer:
        fed.feed(8_192)
        rolling = fill(writer, library, first_frame=8_192)
        late = order_for(library, channels=1, first_frame=8_000, name="Late")
        keep = order_for(library, channels=1, first_frame=2_000, end_frame=8_192, name="Keep")
        writer.send(OpenTake(order=late))
        wait_for(lambda: len(fed.tape.holds()) == MOST_OPEN + 1, "the waiting take has its hold")
        assert held_from(fed) == 8_000
        writer.send(OpenTake(order=keep))
        wait_for(lambda: held_from(fed) == 2_000, "the hold reaches back to the earlier take")
        wait_for(lambda: len(fed.tape.holds()) == MOST_OPEN + 1, "one hold for all that waits")
        fed.feed(9_216)  # behind what is open all of it is soon free; the tape would go over 2,000
        writer.await_progress(rolling[0].take_id, durable=8_192)
        assert fed.tape.counters().dropped_blocks == 0
        assert held_from(fed) == 2_000
        assert {take.order.folder for take in reported(writer, MOST_OPEN + 2).open_takes} >= {
            late.folder,
            keep.folder,
        }
        writer.send(EndTake(take_id=rolling[0].take_id, end_frame=Frame(9_000)))
        writer.await_fact(TakeOpened, take_id=late.take_id)
        assert held_from(fed) == 2_000, "the one that waits on is still held"
        writer.send(EndTake(take_id=late.take_id, end_frame=Frame(12_000)))
        assert writer.await_fact(TakeOpened, take_id=keep.take_id).first_frame == 2_000
        writer.await_fact(TakeClosed, take_id=keep.take_id)
        check_take(Path(keep.folder), first_frame=2_000, frames=6_192)
        check_take(Path(late.folder), first_frame=8_000, frames=4_000)
        assert not [hold for hold in fed.tape.holds() if hold.key in waiting_keys(PRIMARY_WRITER)]


def test_a_killed_writer_s_waiting_takes_are_taken_up_as_they_were(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1, capacity_frames=1 << 15) as fed, WriterRun(runtime, library) as writer:
        rolling = fill(writer, library)
        fed.feed(20_000)
        waiting = [
            order_for(library, channels=1, first_frame=1_000 * number, name=f"Wait {number}")
            for number in range(3)
        ]
        marker = Marker(at_frame=Frame(1_500), name="here")
        slate = msgspec.structs.replace(waiting[1].slate, circled=True)
        for order in waiting:
            writer.send(OpenTake(order=order))
        for note in (marker, slate):
            writer.send(Annotate(take_id=waiting[1].take_id, note=note))
        for order in waiting[:2]:
            end = EndTake(take_id=order.take_id, end_frame=Frame(order.first_frame + 5_000))
            writer.send(end)
        shown = {take.order.take_id: take.order for take in reported(writer, MOST_OPEN + 3).open_takes}
        assert shown[waiting[1].take_id].slate == slate
        assert shown[waiting[1].take_id].end_frame == 6_000
        writer.restart()
        assert len(reported(writer, MOST_OPEN + 3).open_takes) == MOST_OPEN + 3
        fed.feed(10_000)
        assert held_from(fed) == 0
        for order in rolling[:3]:
            writer.send(EndTake(take_id=order.take_id, end_frame=Frame(20_000)))
        for order in waiting[:2]:
            assert writer.await_fact(TakeClosed, take_id=order.take_id).frames == 5_000
        record = check_take(Path(waiting[1].folder), first_frame=1_000, frames=5_000)
        assert (record.markers, record.slate) == ((marker,), slate)
        writer.send(EndTake(take_id=waiting[2].take_id, end_frame=Frame(30_000)))
        writer.await_fact(TakeClosed, take_id=waiting[2].take_id)
        check_take(Path(waiting[2].folder), first_frame=2_000, frames=28_000)


def test_a_storm_whose_writer_is_killed_again_and_again_loses_no_take(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=8) as fed:
        fed.feed(60 * 1_000)
        orders = [
            order_for(
                library,
                channels=8,
                first_frame=1_000 * number,
                end_frame=1_000 * number + 1_000,
                name=f"Take {number:03d}",
            )
            for number in range(60)
        ]
        closed = [Path(order.folder) / "take.journal" for order in orders]
        with WriterRun(runtime, library) as writer:
            for order in orders:
                writer.send(OpenTake(order=order))
            writer.await_fact(TakeOpened, take_id=orders[0].take_id)
            # By now every order is with the writer: it reads all that is there before it opens any.
            for kills in range(1, 5):
                writer.restart()
                wait_for(
                    lambda most=12 * kills: sum(journal.exists() for journal in closed) >= most,
                    "some more takes are there",
                )
            for order, journal in zip(orders, closed, strict=True):
                wait_for(lambda at=journal: at.exists() and read_journal(at).closed, f"{order.folder}")
                record = check_take(Path(order.folder), first_frame=order.first_frame, frames=1_000)
                assert record.gaps == () and record.faults == ()
            wait_for(lambda: fed.tape.holds() == (), "no hold is left")
            assert "cannot" not in writer.log()


def test_few_descriptors_make_takes_wait_and_not_fail(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=64) as fed, WriterRun(runtime, library) as writer:
        fed.feed(5_000)
        resource.prlimit(writer.process.pid, resource.RLIMIT_NOFILE, (220, 220))
        orders = [
            order_for(library, channels=64, first_frame=9 * n, end_frame=9 * n + 900, name=f"Take {n}")
            for n in range(8)
        ]
        for order in orders:
            writer.send(OpenTake(order=order))
        for order in orders:
            assert writer.await_fact(TakeClosed, take_id=order.take_id).frames == 900
        assert writer.take_facts(TakeFailed) == []


def test_told_to_stop_it_opens_and_closes_what_waits(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        fed.feed(4_000)
        fill(writer, library)
        waiting = [order_for(library, channels=1, first_frame=99, name=f"Wait {n}") for n in range(40)]
        for order in waiting:
            writer.send(OpenTake(order=order))
        assert writer.ask_to_stop() == 0
        for order in waiting:
            assert check_take(Path(order.folder), first_frame=99, frames=3_901).closed
        assert fed.tape.holds() == ()


def test_a_waiting_take_whose_tape_is_gone_is_reported_and_leaves_nothing(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        fed.feed(4_000)
        fill(writer, library)
        order = order_for(library, channels=1, name="Wait")
        writer.send(OpenTake(order=order))
        reported(writer, MOST_OPEN + 1)
        writer.kill()
        with FedTape(runtime, channels=1):
            writer.start()
            failed = writer.await_fact(TakeFailed)
            assert failed.take_id == order.take_id and "tape is gone" in failed.reason
            assert not Path(order.folder).exists()


def test_a_new_tape_does_not_take_the_sound_from_what_waits(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        fed.feed(4_000)
        fill(writer, library)
        order = order_for(library, channels=1, first_frame=10, end_frame=3_000, name="Wait")
        writer.send(OpenTake(order=order))
        reported(writer, MOST_OPEN + 1)
        with FedTape(runtime, channels=2, origin_frame=700_000):
            assert writer.await_fact(TakeClosed, take_id=order.take_id).frames == 2_990
            check_take(Path(order.folder), first_frame=10, frames=2_990)


def test_an_order_said_again_to_the_next_writer_after_its_close_is_told_as_closed(
    runtime: Path, library: Path
) -> None:
    with FedTape(runtime, channels=2) as fed, WriterRun(runtime, library) as writer:
        fed.feed(3_000)
        order = order_for(library, channels=2, end_frame=2_500)
        marker = Marker(at_frame=Frame(70), name="once")
        said = (OpenTake(order=order), Annotate(take_id=order.take_id, note=marker))
        writer.send(said[0])
        writer.send(said[1])
        closed = writer.await_fact(TakeClosed)
        for again in range(2):
            if again:
                writer.restart()
            for message in said:
                writer.send(message)
            assert writer.await_fact(TakeClosed) == closed
        slate = msgspec.structs.replace(order.slate, rating=4)
        writer.send(Retag(take_id=order.take_id, folder=order.folder, slate=slate))
        wait_for(
            lambda: read_journal(Path(order.folder) / "take.journal").slate == slate, "the slate is there"
        )
        record = check_take(Path(order.folder), first_frame=0, frames=2_500)
        assert record.markers == (marker,) and writer.take_facts(TakeFailed) == []


def test_a_note_said_twice_stands_once(runtime: Path, library: Path) -> None:
    with FedTape(runtime, channels=1) as fed, WriterRun(runtime, library) as writer:
        order = order_for(library, channels=1, end_frame=1_000)
        marker = Marker(at_frame=Frame(70), name="once")
        writer.send(OpenTake(order=order))
        for _ in range(2):
            writer.send(Annotate(take_id=order.take_id, note=marker))
        writer.await_fact(TakeOpened)
        for _ in range(2):
            writer.send(Annotate(take_id=order.take_id, note=marker))
        fed.feed(1_024)
        writer.await_fact(TakeClosed)
        assert check_take(Path(order.folder), first_frame=0, frames=1_000).markers == (marker,)
