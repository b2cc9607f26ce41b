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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rigd.model.errors import RigError

SOCKET_NAME = "interface-sim.sock"
STATE_NAME = "interface-sim.json"
NANOSECONDS = 1_000_000_000
AGAIN_S = 0.5
"""A simulated interface that lives answers with its next block."""


class FaultError(RigError):
    """A fault that there is not, an amount out of range, or no simulated interface to have it."""


class FaultTimeoutError(FaultError):
    """Nobody answered: it stands still, or was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One word that the interface understands."""

    word: str
    does: str
    unit: str = ""
    """What the amount counts; empty for words without an amount."""
    least: float = 0.0
    most: float = 0.0
    amount: float | None = None
    """The amount where none is given; None: it must be given."""


FAULTS: tuple[FaultKind, ...] = (
    FaultKind(
        word="overflow", does="loses frames, says so, its clock jumps", unit="frames", least=1, most=1e8
    ),
    FaultKind(word="flag", does="says that it lost frames, and lost none"),
    FaultKind(word="jump", does="loses frames and does not say so", unit="frames", least=1, most=1e8),
    FaultKind(
        word="stall", does="brings nothing for so long, then says it overflowed", unit="seconds", most=3600
    ),
    FaultKind(word="late", does="brings a block late and loses nothing", unit="milliseconds", most=60_000),
    FaultKind(word="vanish", does="is unplugged: brings nothing, and cannot be opened"),
    FaultKind(word="return", does="is plugged in again: can be opened; does not go on by itself"),
    FaultKind(
        word="return-as", does="is plugged in again as: [channels N] [rate HZ] [name NAME]", unit="otherwise"
    ),
    FaultKind(word="drift", does="its clock runs fast by so much", unit="ppm", least=-100_000, most=100_000),
    FaultKind(
        word="clock", does="its clock is switched, and it does not say so", unit="hz", least=1, most=1e6
    ),
    FaultKind(word="nan", does="brings a block with NaN, infinities and denormals in every channel"),
    FaultKind(word="block", does="brings one block of another length", unit="frames", least=0, most=1 << 20),
    FaultKind(word="zero-block", does="brings one block of no frames"),
    FaultKind(
        word="huge-block", does="brings one huge block", unit="frames", least=1, most=1 << 20, amount=65536
    ),
    FaultKind(word="null", does="brings one block without samples; its frames are lost"),
    FaultKind(
        word="backwards", does="stamps one block earlier than it was", unit="seconds", most=3600, amount=1.0
    ),
    FaultKind(word="status", does="only answers"),
)
CARD_WORDS = ("vanish", "return", "return-as")
"""What happens to the card whether or not a program has it open."""
_BY_WORD = {kind.word: kind for kind in FAULTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What a card comes back as. 0 and "": as the rig is set."""

    channels: int = 0
    sample_rate_hz: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOrder:
    """A fault to have at the next block. `amount` is 0 for words that take none."""

    word: str
    amount: float = 0.0
    otherwise: Otherwise | None = None
    """Of return-as."""


def parse_fault(text: str) -> FaultOrder:
    """From "overflow 480" or {"fault": "overflow", "amount": 480}. Raises FaultError."""
    text = text.strip()
    if text.startswith("{"):
        try:
            plain = json.loads(text)
            word, given = plain["fault"], plain.get("amount")
        except (ValueError, KeyError, RecursionError) as error:
            raise FaultError('not a fault: {"fault": "<word>", "amount": <number>} was expected') from error
    else:
        word, _, rest = text.partition(" ")
        given = rest.strip() or None
    if word == "return-as":
        return FaultOrder(word="return-as", otherwise=_otherwise(given))
    kind = _BY_WORD.get(str(word))
    if kind is None:
        raise FaultError(f'there is no fault "{word}"; there are: {", ".join(_BY_WORD)}')
    if not kind.unit:
        if given is not None:
            raise FaultError(f'"{kind.word}" takes no amount')
        return FaultOrder(word=kind.word)
    return FaultOrder(word=kind.word, amount=_amount(kind, given))


def _otherwise(given: Any) -> Otherwise:
    """From "channels 2 rate 44100 name Other" or the same as an object."""
    if not isinstance(given, dict):
        words = str(given or "").split()
        given = dict(zip(words[::2], words[1::2], strict=False)) if len(words) % 2 == 0 else {"": ""}
    unknown = set(given) - {"channels", "rate", "name"}
    if unknown or not given:
        raise FaultError('"return-as" takes: channels N, rate HZ, name NAME; at least one of them')
    try:
        channels, rate = int(given.get("channels", 0)), int(given.get("rate", 0))
    except (TypeError, ValueError) as error:
        raise FaultError('"return-as" takes whole numbers for channels and rate') from error
    if channels < 0 or rate < 0:
        raise FaultError('"return-as" takes no negative numbers')
    return Otherwise(channels=channels, sample_rate_hz=rate, name=str(given.get("name", "")))


def _amount(kind: FaultKind, given: Any) -> float:
    value = kind.amount if given is None else given
    try:
        amount = float(str(value))
    except (TypeError, ValueError) as error:
        raise FaultError(f'"{kind.word}" needs an amount in {kind.unit}') from error
    if not kind.least <= amount <= kind.most:
        raise FaultError(f'"{kind.word}" takes {kind.least:g} to {kind.most:g} {kind.unit}, not {amount:g}')
    return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """What a card is while no program has it open: plugged in or not, and a clock that runs on.

    Its frame counter at monotonic time t is anchor_frame + (t - anchor_ns) x rate x (1 + drift).
    """

    vanished: bool = False
    drift_ppm: float = 0.0
    anchor_frame: int = 0
    anchor_ns: int = 0
    otherwise: Otherwise = Otherwise()

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
    amount: object = order.amount if _BY_WORD[order.word].unit else None
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
