"""OSC 1.0/1.1 packets to messages and back: strict, bounded, and silent about what others send. Pure.

Written for rigd because python-osc 1.10.2 lets a UnicodeDecodeError and a RecursionError out on bad packets
and logs a line for each. Here everything that is not OSC is an OscError, which the caller counts.
Format: "The Open Sound Control 1.0 Specification" (opensoundcontrol.org), big-endian, padded to 4 bytes.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from rigd.model.errors import RigError

LARGEST_PACKET_BYTES = 8192
DEEPEST_BUNDLE = 8
IMMEDIATELY = 1
"""The time tag "at once" (OSC 1.0, "OSC Time Tags")."""
_BUNDLE = b"#bundle\0"
_NOT_IN_ADDRESSES = frozenset(' #*,?[]{}"')

OscValue = int | float | str | bytes | bool | None
OscArguments = tuple["OscValue | OscArguments", ...]


class OscError(RigError):
    """A packet is not OSC, or not what may be sent."""


class OscMessage(Struct, frozen=True):
    """`address` begins with a slash; `arguments` are empty for a query."""

    address: str
    arguments: OscArguments = ()


def encode_message(address: str, *arguments: int | float | str | bytes | bool) -> bytes:
    """The packet of one message: int as i, float as f, str as s, bytes as b, bool as T or F.

    Without arguments there is no type-tag string, which is how an X32 is asked. Raises OscError.
    """
    if not address.startswith("/") or _NOT_IN_ADDRESSES & set(address):
        raise OscError(f'"{address[:60]}" is not an OSC address')
    if not arguments:
        return _padded(address)
    tags, packed_arguments = ",", b""
    for value in arguments:
        tag, packed = _packed(value)
        tags += tag
        packed_arguments += packed
    packet = _padded(address) + _padded(tags) + packed_arguments
    if len(packet) > LARGEST_PACKET_BYTES:
        raise OscError(f"{address} would be a packet of {len(packet):,} bytes")
    return packet


def decode_packet(packet: bytes) -> tuple[OscMessage, ...]:
    """The messages of a packet, in order; those of a bundle only where it is to be done at once: rigd does nothing at
    a time that others name. A packet is used whole or not at all: raises OscError for what is not OSC throughout."""
    if len(packet) > LARGEST_PACKET_BYTES:
        raise OscError(f"a packet of {len(packet):,} bytes is too large")
    messages: list[OscMessage] = []
    _take_apart(packet, messages, DEEPEST_BUNDLE)
    return tuple(messages)


def _padded(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise OscError("text that is not Unicode cannot be sent") from error
    if b"\0" in raw:
        raise OscError("text with a NUL cannot be sent")
    return raw + bytes(4 - len(raw) % 4)


def _packed(value: int | float | str | bytes | bool) -> tuple[str, bytes]:
    try:
        if isinstance(value, bool):
            return ("T" if value else "F"), b""
        if isinstance(value, int):
            return "i", struct.pack(">i", value)
        if isinstance(value, float):
            return "f", struct.pack(">f", value)
        if isinstance(value, str):
            return "s", _padded(value)
        return "b", struct.pack(">i", len(value)) + value + bytes(-len(value) % 4)
    except (struct.error, OverflowError) as error:
        raise OscError(f"{value!r:.40} does not fit an OSC argument") from error


def _take_apart(packet: bytes, messages: list[OscMessage], depth: int) -> None:
    if not packet.startswith(_BUNDLE):
        messages.append(_message(packet))
        return
    if depth == 0:
        raise OscError("bundles are nested too deeply")
    time_tag, at = _number(">Q", packet, len(_BUNDLE))
    if time_tag != IMMEDIATELY:
        raise OscError("a bundle is for another time; rigd does nothing later, and nothing late")
    while at < len(packet):
        size, at = _number(">i", packet, at)
        if size <= 0 or size % 4 or at + size > len(packet):
            raise OscError("an element of a bundle has a wrong size")
        _take_apart(packet[at : at + size], messages, depth - 1)
        at += size


def _message(packet: bytes) -> OscMessage:
    address, at = _text(packet, 0)
    if not address.startswith("/") or not address.isascii() or not address.isprintable() or " " in address:
        raise OscError("an address must be plain text that begins with a slash")
    if at == len(packet):
        return OscMessage(address)  # old senders and desks leave out an empty type-tag string
    tags, at = _text(packet, at)
    if not tags.startswith(","):
        raise OscError("the type tags do not begin with a comma")
    open_arrays: list[list[OscValue | OscArguments]] = [[]]
    for tag in tags[1:]:
        if tag == "[":
            if len(open_arrays) > DEEPEST_BUNDLE:
                raise OscError("arrays are nested too deeply")
            open_arrays.append([])
        elif tag == "]":
            if len(open_arrays) == 1:
                raise OscError("an array ends that never began")
            inner = tuple(open_arrays.pop())
            open_arrays[-1].append(inner)
        else:
            value, at = _argument(tag, packet, at)
            open_arrays[-1].append(value)
    if len(open_arrays) != 1 or at != len(packet):
        raise OscError("the arguments do not fit their type tags")
    return OscMessage(address, tuple(open_arrays[0]))


def _argument(tag: str, packet: bytes, at: int) -> tuple[OscValue, int]:
    match tag:
        case "i":
            return _number(">i", packet, at)
        case "f":
            return _real(">f", packet, at)
        case "s" | "S":
            return _text(packet, at)
        case "b":
            size, at = _number(">i", packet, at)
            end = at + size
            if size < 0 or end + -size % 4 > len(packet):
                raise OscError("a blob is longer than its packet")
            return packet[at:end], end + -size % 4
        case "T" | "F":
            return tag == "T", at
        case "N" | "I":
            return None, at
        case "h" | "t":
            return _number(">q" if tag == "h" else ">Q", packet, at)
        case "d":
            return _real(">d", packet, at)
        case "c" | "r" | "m":
            return _number(">I", packet, at)
        case _:
            raise OscError("an unknown type tag")


def _number(form: str, packet: bytes, at: int) -> tuple[int, int]:
    try:
        (value,) = struct.unpack_from(form, packet, at)
    except struct.error as error:
        raise OscError("the packet ends within a number") from error
    return int(value), at + struct.calcsize(form)


def _real(form: str, packet: bytes, at: int) -> tuple[float, int]:
    try:
        (value,) = struct.unpack_from(form, packet, at)
    except struct.error as error:
        raise OscError("the packet ends within a number") from error
    return float(value), at + struct.calcsize(form)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.find(b"\0", at)
    after = end + 4 - end % 4
    if end < 0 or after > len(packet):
        raise OscError("text without an end")
    try:
        return packet[at:end].decode("utf-8"), after
    except UnicodeDecodeError as error:
        raise OscError("text that is not UTF-8") from error
