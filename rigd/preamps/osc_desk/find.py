"""Which desk answers at an address: for a person who is asked for one. Waits at most `ANSWERS_WITHIN_S`; any thread.

Source: P.-G. Maillot, "Unofficial X32/M32 OSC Remote Protocol": /info (X32, M32) and /xinfo (X Air) are answered with
four texts, the third of which is the model.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence

from msgspec import Struct

from rigd.wire.osc import OscError, decode_packet, encode_message

ANSWERS_WITHIN_S = 1.5
LARGEST_ANSWER_BYTES = 2048


class Question(Struct, frozen=True, kw_only=True):
    """How a kind of desk is asked what it is."""

    kind: str
    port: int
    address: str


QUESTIONS = (
    Question(kind="x32", port=10_023, address="/info"),
    Question(kind="xair", port=10_024, address="/xinfo"),
)


class FoundDesk(Struct, frozen=True, kw_only=True):
    """`kind` is that of [preamp.NAME]."""

    kind: str
    model: str
    """As the desk says it."""


def find_desk(
    host: str, questions: Sequence[Question] = QUESTIONS, *, within_s: float = ANSWERS_WITHIN_S
) -> FoundDesk | None:
    """The desk at this address or name; None where none answers, or there is no such name."""
    try:
        place = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0]
    except (OSError, UnicodeError, IndexError):
        return None
    until = time.monotonic() + within_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            for question in questions:
                line.sendto(encode_message(question.address), (place, question.port))
        except OSError:
            return None
        while (left_s := until - time.monotonic()) > 0 and select.select([line], [], [], left_s)[0]:
            try:
                packet, sender = line.recvfrom(LARGEST_ANSWER_BYTES)
                (answer,) = decode_packet(packet)
            except (OSError, OscError, ValueError):
                continue
            for question in questions:
                is_of_it = sender == (place, question.port) and answer.address == question.address
                if is_of_it and len(answer.arguments) == 4:
                    return FoundDesk(kind=question.kind, model=str(answer.arguments[2]))
    return None
