"""A library and its mirror on real folders, with the real threads; what stands where controller and writers stand."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace
from take_maker import NOON, begin, order_take
from take_maker import close as close_take

from rigd.library.keeper import LibraryKeeper
from rigd.library.library import Library
from rigd.library.sheet_file import read_sheet, write_sheet
from rigd.mirror.keeper import MirrorKeeper
from rigd.model.library import CopiesLeft, SessionOpened, TakeCompared, VolumeChecked, WhichVolume
from rigd.model.names import parse_naming
from rigd.model.state import Take
from rigd.model.take import TakeOrder
from rigd.model.units import Frame
from rigd.rules.take_orders import take_of
from tests.support.patience import PATIENCE_S, wait_for

F = TypeVar("F")


class TwoVolumes:
    """Stands where controller and both writers stand."""

    def __init__(self, root: Path) -> None:
        self.here, self.there = root / "library", root / "mirror"
        self.facts: queue.Queue[object] = queue.Queue()
        self.quiet = True
        self.library = Library(
            self.here,
            naming=parse_naming(),
            now=lambda: NOON,
            mirror=self.there,
        )
        self.keeper = LibraryKeeper(self.library, post=self.facts.put)
        self.library.when_filed(lambda found: self.second.filed(found))
        self.second = self.make_second()
        self.keeper.start()
        self.keeper.open_session("Band")
        self.session = self.hears(SessionOpened).folder

    def make_second(self, *, may_copy: Callable[[], bool] | None = None) -> MirrorKeeper:
        return MirrorKeeper(
            library=self.here,
            mirror=self.there,
            keeper=self.keeper,
            may_copy=may_copy or (lambda: self.quiet),
            post=self.facts.put,
            now=lambda: NOON,
        )

    def start(self) -> None:
        self.second.start()
        self.second.check(WhichVolume.MIRROR)
        assert self.hears(VolumeChecked) == VolumeChecked(volume=WhichVolume.MIRROR)

    def begin_again(self) -> None:
        """As after a restart: nothing is remembered but what the folders say."""
        self.second.stop()
        self.second = self.make_second()
        self.start()

    def stop(self) -> None:
        self.second.stop()
        self.keeper.stop()
        self.library.close()

    def hears(self, kind: type[F]) -> F:
        while True:
            fact = self.facts.get(timeout=PATIENCE_S)
            if isinstance(fact, kind):
                return fact

    def compared(self, take: TakeOrder, *, below: str = "") -> TakeCompared:
        """What the controller is told of this take; with `below`, of it when it lies there."""
        while True:
            fact = self.hears(TakeCompared)
            if fact.take.take_id == take.take_id and below in fact.take.folder:
                return fact

    def settled(self) -> None:
        while self.hears(CopiesLeft).count:
            pass

    def twin(self, order: TakeOrder) -> TakeOrder:
        """The same order as the mirror's writer has it."""
        return replace(order, folder=order.folder.replace(str(self.here), str(self.there)))

    def order(self) -> TakeOrder:
        return order_take(self.library, self.session)

    def file(self, order: TakeOrder) -> None:
        """The controller has heard that it is closed."""
        self.keeper.write_sheet(closed(order))

    def take_on_both(self) -> TakeOrder:
        order = self.order()
        for each in (order, self.twin(order)):
            begin(each)
            close_take(each)
        self.file(order)
        assert self.compared(order).take.copy is not None
        return order

    def await_digests(self, order: TakeOrder) -> None:
        def there() -> bool:
            sheet = read_sheet(Path(order.folder))
            return sheet is not None and bool(sheet.files) and all(file.sha256 for file in sheet.files)

        wait_for(there, "a SHA-256 of every file")

    def await_same(self, order: TakeOrder) -> None:
        """take.json says that both copies are the same."""

        def same() -> bool:
            sheet = read_sheet(Path(order.folder))
            return sheet is not None and sheet.mirror is not None and sheet.mirror.state == "same"

        wait_for(same, "both copies are the same")
        self.rest()

    def rest(self) -> None:
        """The keeper has done what it was asked for so far: from now on nobody else writes a sheet."""
        done = threading.Event()
        self.keeper._do_soon("rest", "", done.set)
        assert done.wait(PATIENCE_S)


def closed(order: TakeOrder) -> Take:
    return replace(take_of(order), closed=True, end_frame=Frame(order.first_frame + 480))


def sound_of(folder: Path | str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.wav")}


def spoil(folder: Path | str, name: str) -> None:
    """A bit of the sound is another one."""
    with (Path(folder) / name).open("r+b") as file:
        file.seek(-5, 2)
        bad = bytes([file.read(1)[0] ^ 1])
        file.seek(-5, 2)
        file.write(bad)


def forget_comparison(order: TakeOrder) -> None:
    """As though the copies had never been compared."""
    sheet = read_sheet(Path(order.folder))
    assert sheet is not None
    write_sheet(Path(order.folder), replace(sheet, mirror=None))
