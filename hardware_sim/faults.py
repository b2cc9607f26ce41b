"""What can go wrong with the simulated interface, and how a test, the demo or a person makes it happen.

The words are pure data; `FaultClient` sends them to the running interface over its datagram socket in
the runtime folder. Nothing here touches audio. What the interface is between two capture processes
(plugged in or not, its clock) is a small file beside that socket, because a real card has that too.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hardware_sim.fault_words import (
    BY_WORD,
    FaultError,
    FaultOrder,
    FaultTimeoutError,
    Otherwise,
    parse_fault,
)

SOCKET_NAME = "interface-sim.sock"
STATE_NAME = "interface-sim.json"
NANOSECONDS = 1_000_000_000
AGAIN_S = 0.5
"""A simulated interface that lives answers with its next block."""


CARD_WORDS = ("vanish", "return", "return-as")
"""What happens to the card whether or not a program has it open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """What a card is while no program has it open: plugged in or not, and a clock that runs on.

    Its frame counter at monotonic time t is anchor_frame + (t - anchor_ns) x rate x (1 + drift).
    """

    vanished: bool = False
    drift_ppm: float = 0.0
    anchor_frame: int = 0
    anchor_ns: int = 0
    otherwise: Otherwise = field(default_factory=Otherwise)

    def frame_at(self, ns: int, sample_rate_hz: int) -> float:
        """The card's frame counter at a monotonic time."""
        return self.anchor_frame + (ns - self.anchor_ns) * self.rate_hz(sample_rate_hz) / NANOSECONDS

    def ns_at(self, frame: float, sample_rate_hz: int) -> int:
        """When the card's frame counter gets there."""
        return self.anchor_ns + round(
            (frame - self.anchor_frame) * NANOSECONDS / self.rate_hz(sample_rate_hz)
        )

    def rate_hz(self, sample_rate_hz: int) -> float:
        """Frames in a second of CLOCK_MONOTONIC."""
        return sample_rate_hz * (1.0 + self.drift_ppm * 1e-6)


def read_card(runtime: Path) -> CardState | None:
    """The card as the last process left it; None where there was none, or its file cannot be read."""
    try:
        plain = json.loads((runtime / STATE_NAME).read_text("utf-8"))
        return CardState(
            vanished=bool(plain["vanished"]),
            drift_ppm=float(plain["drift_ppm"]),
            anchor_frame=int(plain["anchor_frame"]),
            anchor_ns=int(plain["anchor_ns"]),
            otherwise=Otherwise(**plain["otherwise"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def card_after(card: CardState, order: FaultOrder) -> CardState:
    """The card once it was unplugged, or plugged in again."""
    return replace(card, vanished=order.word == "vanish", otherwise=order.otherwise or Otherwise())


def _told(order: FaultOrder) -> bytes:
    amount: object = order.amount if BY_WORD[order.word].unit else None
    if order.otherwise is not None:
        as_given = order.otherwise
        amount = {"channels": as_given.channels, "rate": as_given.sample_rate_hz, "name": as_given.name}
    return json.dumps({"fault": order.word, "amount": amount}).encode()


def write_card(runtime: Path, card: CardState) -> None:
    """The file is the new state or the old one, never half of either."""
    plain = {
        "vanished": card.vanished,
        "drift_ppm": card.drift_ppm,
        "anchor_frame": card.anchor_frame,
        "anchor_ns": card.anchor_ns,
        "otherwise": asdict(card.otherwise),
    }
    waiting = runtime / (STATE_NAME + ".new")
    waiting.write_text(json.dumps(plain), "utf-8")
    waiting.replace(runtime / STATE_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReceipt:
    """What the interface answers: the card's frame counter where the next block begins, and its sums."""

    card_frame: int
    delivered_frames: int
    lost_frames: int
    """Frames that the card had and no block brought, for whatever fault, since it was opened."""
    vanished: bool


class FaultClient:
    """Gives faults to the simulated interface of one runtime folder. One thread."""

    def __init__(self, runtime: Path, *, timeout_s: float = 5.0) -> None:
        self._runtime = runtime
        self._timeout_s = timeout_s

    def give(self, text: str) -> FaultReceipt | None:
        """The fault is with the interface and comes with its next block; what it answered.

        "vanish", "return" and "return-as" also work while no capture process has the interface open, and then
        answer None. Raises FaultError where the words are wrong or nobody is there.
        """
        order = parse_fault(text)
        deadline = time.monotonic() + self._timeout_s
        if order.word in CARD_WORDS:
            # Whom it is given to may be killed before it answers; given twice these are as given once.
            while time.monotonic() < deadline - AGAIN_S:
                with contextlib.suppress(FaultTimeoutError):
                    return self._give(order, AGAIN_S)
        return self._give(order, max(AGAIN_S, deadline - time.monotonic()))

    def _give(self, order: FaultOrder, within_s: float) -> FaultReceipt | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.bind("")  # an address of its own, chosen by Linux (unix(7), autobind)
            asking.settimeout(within_s)
            try:
                asking.connect(str(self._runtime / SOCKET_NAME))
                asking.send(_told(order))
                answer = json.loads(asking.recv(4096))
            except TimeoutError as error:
                raise FaultTimeoutError(f'"{order.word}": the simulated interface did not answer') from error
            except OSError as error:
                self._while_closed(order, error)
                return None
        if "error" in answer:
            raise FaultError(answer["error"])
        return FaultReceipt(**answer)

    # The same by name, for tests: one method a fault.

    def overflow(self, frames: int) -> FaultReceipt:
        """It loses frames, says so, and its clock jumps."""
        return self._given(f"overflow {frames}")

    def flag(self) -> FaultReceipt:
        """It says that it lost frames, and its clock does not jump."""
        return self._given("flag")

    def jump(self, frames: int) -> FaultReceipt:
        """It loses frames and does not say so."""
        return self._given(f"jump {frames}")

    def stall(self, seconds: float) -> FaultReceipt:
        """It brings nothing for so long, then says that it overflowed."""
        return self._given(f"stall {seconds}")

    def late(self, milliseconds: float) -> FaultReceipt:
        """A block comes late; nothing is lost."""
        return self._given(f"late {milliseconds}")

    def drift(self, ppm: float) -> FaultReceipt:
        """Its clock runs fast by so much from the next block on."""
        return self._given(f"drift {ppm}")

    def clock(self, rate_hz: float) -> FaultReceipt:
        """It runs at this rate from the next block on, and goes by the name of the one before."""
        return self._given(f"clock {rate_hz}")

    def bad_numbers(self) -> FaultReceipt:
        """A block has NaN, both infinities and a denormal in every channel."""
        return self._given("nan")

    def block(self, frames: int) -> FaultReceipt:
        """One block is of another length; it may be 0."""
        return self._given(f"block {frames}")

    def null_block(self) -> FaultReceipt:
        """One block comes without samples; its frames are lost."""
        return self._given("null")

    def backwards(self, seconds: float = 1.0) -> FaultReceipt:
        """One block is stamped earlier than it was."""
        return self._given(f"backwards {seconds}")

    def bunch(self, blocks: int) -> FaultReceipt:
        """Its host's period is so many blocks from now on."""
        return self._given(f"bunch {blocks}")

    def host_period(self, frames: int) -> FaultReceipt:
        """Its host's period is so many frames from now on."""
        return self._given(f"host-period {frames}")

    def hold(self, milliseconds: float) -> FaultReceipt:
        """Wake-ups come later by so much from now on."""
        return self._given(f"hold {milliseconds}")

    def overrun(self, seconds: float) -> FaultReceipt:
        """Nobody wakes up for so long."""
        return self._given(f"overrun {seconds}")

    def freewheel(self, seconds: float) -> FaultReceipt:
        """Blocks come as fast as they can for so long."""
        return self._given(f"freewheel {seconds}")

    def status(self) -> FaultReceipt:
        """Only its sums."""
        return self._given("status")

    def vanish(self) -> None:
        """It is unplugged, whether or not it is open."""
        self.give("vanish")

    def come_back(self) -> None:
        """It is plugged in again, as it was; whoever had it open has to open it again."""
        self.give("return")

    def return_as(self, *, channels: int = 0, sample_rate_hz: int = 0, name: str = "") -> None:
        """It is plugged in again, otherwise. What is not given is as the rig is set."""
        parts = {"channels": channels, "rate": sample_rate_hz, "name": name}
        self.give(json.dumps({"fault": "return-as", "amount": {k: v for k, v in parts.items() if v}}))

    def _given(self, text: str) -> FaultReceipt:
        receipt = self.give(text)
        assert receipt is not None  # only the words of the card itself are obeyed by nobody
        return receipt

    def _while_closed(self, order: FaultOrder, error: OSError) -> None:
        if order.word not in CARD_WORDS:
            raise FaultError(
                f'"{order.word}": no simulated interface is open in {self._runtime} ({error.strerror})'
            ) from error
        card = read_card(self._runtime) or CardState()
        write_card(self._runtime, card_after(card, order))


class FaultSocket:
    """The interface's end: orders in, receipts out. Belongs to the interface's thread."""

    def __init__(self, runtime: Path) -> None:
        self._path = runtime / SOCKET_NAME
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        previous = os.umask(0o177)
        try:
            self._socket.bind(str(self._path))
        finally:
            os.umask(previous)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def take(self) -> tuple[FaultOrder, str | bytes | None] | None:
        """The next good order and whom to answer, or None. What is not an order is answered here."""
        while True:
            try:
                text, sender = self._socket.recvfrom(4096)
            except OSError:
                return None
            try:
                return parse_fault(text.decode("utf-8", errors="replace")), sender
            except FaultError as error:
                self._send({"error": str(error)}, sender)

    def answer(self, receipt: FaultReceipt, sender: str | bytes | None) -> None:
        """The receipt goes back, if anybody waits for it."""
        self._send(
            {
                "card_frame": receipt.card_frame,
                "delivered_frames": receipt.delivered_frames,
                "lost_frames": receipt.lost_frames,
                "vanished": receipt.vanished,
            },
            sender,
        )

    def _send(self, plain: dict[str, object], sender: str | bytes | None) -> None:
        if sender:
            with contextlib.suppress(OSError):
                self._socket.sendto(json.dumps(plain).encode(), sender)

    def close(self) -> None:
        """Nobody can give a fault any more."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
