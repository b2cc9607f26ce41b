"""The words for what can go wrong with the simulated interface: data only.

What a real host does beyond one flag and one block has its words here, too: a period that is not the block, callbacks
that come bunched with old frames in the first (bunch, host-period, overrun), a phase that moves (hold), time that
runs (freewheel).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rigd.model.errors import RigError


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
    FaultKind(
        word="bunch",
        does="its host's period is so many blocks from now on: callbacks come bunched",
        unit="blocks",
        least=1,
        most=8,
    ),
    FaultKind(
        word="host-period",
        does="its host's period is so many frames from now on, whatever the block",
        unit="frames",
        least=16,
        most=65_536,
    ),
    FaultKind(
        word="hold",
        does="wake-ups come later by so much from now on, and nothing is lost",
        unit="milliseconds",
        most=1000,
    ),
    FaultKind(
        word="overrun",
        does="nobody wakes up for so long: its host's ring runs over",
        unit="seconds",
        most=3600,
    ),
    FaultKind(
        word="freewheel",
        does="its host brings blocks of no sound as fast as it can for so long",
        unit="seconds",
        most=3600,
    ),
    FaultKind(word="status", does="only answers"),
)
BY_WORD = {kind.word: kind for kind in FAULTS}


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
    kind = BY_WORD.get(str(word))
    if kind is None:
        raise FaultError(f'there is no fault "{word}"; there are: {", ".join(BY_WORD)}')
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
