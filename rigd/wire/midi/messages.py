"""MIDI messages by their names: mido's table of MIDI 1.0, for messages that are whole. Pure.

Bytes become messages in parser.py, which is bounded; mido's own parser is not (decisions/0041-midi-backends.md).
Channels are counted from 0 here, as on the wire and in mido; the names of controls count them from 1.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mido import Message


@functools.cache
def load_mido() -> Any:
    """mido, from its first use on: its import takes as long as a rig without MIDI needs for all of its own, so the
    thread that listens does it and the rig's start does not wait."""
    import mido

    return mido


def named(message: bytes) -> Message | None:
    """The message with its fields by mido's names, as in `control_change`: channel, control, value. None where the
    bytes are no whole message, whatever they are."""
    mido = load_mido()
    form = mido.messages.SPEC_BY_STATUS.get(message[0]) if message else None
    # mido itself takes a pitch wheel's message of any length.
    if form is None or form["length"] not in (len(message), math.inf):
        return None
    try:
        found: Message = mido.Message.from_bytes(message)
    except ValueError:
        return None
    return found


def built(kind: str, **fields: int) -> bytes:
    """The bytes of a message, by mido's names: `built("control_change", channel=0, control=80, value=127)`.

    Raises ValueError where a field is out of its range.
    """
    return bytes(load_mido().Message(kind, **fields).bin())
