"""What a desk says it is: for a person who is asked for its address. Waits at most `ANSWERS_WITHIN_S`; any thread."""

from __future__ import annotations

import select
import socket
import time

from rigd.wire.osc import OscError, decode_packet, encode_message

ANSWERS_WITHIN_S = 1.0
LARGEST_ANSWER_BYTES = 2048


def model_at(host: str, port: int, question: str, *, within_s: float = ANSWERS_WITHIN_S) -> str:
    """The model of the desk at this address or name; empty where none answers, or there is no such name.

    `question` is answered with four texts, the third of which is the model (P.-G. Maillot, "Unofficial X32/M32 OSC
    Remote Protocol", /info and /xinfo)."""
    try:
        place = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0]
    except (OSError, UnicodeError, IndexError):
        return ""
    until = time.monotonic() + within_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.sendto(encode_message(question), (place, port))
        except OSError:
            return ""
        while (left_s := until - time.monotonic()) > 0 and select.select([line], [], [], left_s)[0]:
            try:
                packet, sender = line.recvfrom(LARGEST_ANSWER_BYTES)
                (answer,) = decode_packet(packet)
            except (OSError, OscError, ValueError):
                continue
            if sender == (place, port) and answer.address == question and len(answer.arguments) == 4:
                return str(answer.arguments[2])
    return ""
