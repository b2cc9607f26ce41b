"""OSC packets with one thing wrong, each in a way that a careless reader would miss; for a seed always the same.

What is wrong is known, so that a test need not ask the reader whether it was right to refuse. All else of a packet is
right: read carelessly, it sets what `address` names to `value`. It knows nothing of rigd.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from hardware_sim.storms import nested_bundles, osc_bundle, osc_message

UNKNOWN_TAGS = b"aegjklnopquvwxyzABCDEGHJKLMOPQRUVWXYZ0123456789"
MOST_BYTES = 8192
DEEPEST = 8
"""Packets and bundles that rigd takes; OSC itself names no bound."""


def broken_packet(
    chance: random.Random, *, address: str = "/headamp/000/gain", value: float = 0.75
) -> tuple[str, bytes]:
    """What is wrong with it, and the packet."""
    how = chance.choice(tuple(WAYS))
    return how, WAYS[how](chance, address, value)


def right_packet(chance: random.Random, *, address: str = "/headamp/000/gain", value: float = 0.75) -> bytes:
    """One with nothing wrong, from the plain message to bundles in bundles."""
    packet = osc_message(address, value)
    for _ in range(chance.randint(0, DEEPEST)):
        beside = [osc_message(f"/beside/{chance.randrange(100)}", 1.0)] * chance.randint(0, 2)
        packet = osc_bundle(*beside, packet)
    return packet


def _padded(text: bytes) -> bytes:
    return text + bytes(4 - len(text) % 4)


def _tagged(address: str, tags: bytes, arguments: bytes) -> bytes:
    return _padded(address.encode()) + _padded(tags) + arguments


def _float(value: float) -> bytes:
    return struct.pack(">f", value)


def _no_comma(chance: random.Random, address: str, value: float) -> bytes:
    return _tagged(address, b"f", _float(value))


def _too_few_arguments(chance: random.Random, address: str, value: float) -> bytes:
    more = bytes(chance.choices(b"ifhdtcrmsSb", k=chance.randint(1, 20)))
    return _tagged(address, b",f" + more, _float(value))


def _too_many_arguments(chance: random.Random, address: str, value: float) -> bytes:
    return _tagged(address, b",f", _float(value) + chance.randbytes(4 * chance.randint(1, 8)))


def _unknown_tag(chance: random.Random, address: str, value: float) -> bytes:
    return _tagged(address, bytes((0x2C, chance.choice(UNKNOWN_TAGS))), _float(value))


def _tag_that_is_no_text(chance: random.Random, address: str, value: float) -> bytes:
    return _tagged(address, b",f" + bytes((chance.randrange(0x80, 0x100),)), _float(value))


def _cut(chance: random.Random, address: str, value: float) -> bytes:
    packet = osc_message(address, value)
    places = set(range(len(packet))) - {len(_padded(address.encode()))}  # there it is a question, and right
    return packet[: chance.choice(sorted(places))]


def _address_of(letters: bytes) -> Callable[[random.Random, str, float], bytes]:
    def make(chance: random.Random, address: str, value: float) -> bytes:
        name = bytearray(address.encode())
        at = chance.randrange(1, len(name) + 1)
        name[at:at] = bytes((chance.choice(letters),))
        return _padded(bytes(name)) + _padded(b",f") + _float(value)

    return make


def _no_slash(chance: random.Random, address: str, value: float) -> bytes:
    return _tagged(chance.choice(("", "x", "\\", ",", "#")) + address.lstrip("/"), b",f", _float(value))


def _address_without_end(chance: random.Random, address: str, value: float) -> bytes:
    return address.encode().ljust(24, b"x") * chance.randint(1, 300)


def _blob_too_long(chance: random.Random, address: str, value: float) -> bytes:
    size = chance.choice((-1, -4, -(1 << 31), 5, 9, 1 << 16, (1 << 31) - 1))
    return _tagged(address, b",fb", _float(value) + struct.pack(">i", size) + bytes(4))


def _text_argument(chance: random.Random, address: str, value: float) -> bytes:
    bad = chance.choice((b"\xff\xfe\0\0", b"\xc0\x80\0\0", b"\xed\xa0\x80\0", b"\xf5\x80\x80\0", b"endless "))
    return _tagged(address, b",fs", _float(value) + bad)


def _arrays(chance: random.Random, address: str, value: float) -> bytes:
    deep = chance.randint(DEEPEST + 2, 500)
    tags = chance.choice((b",[f", b",f]", b",]f[", b",[[f]", b"," + b"[" * deep + b"f" + b"]" * deep))
    return _tagged(address, tags, _float(value))


def _too_large(chance: random.Random, address: str, value: float) -> bytes:
    size = 4 * chance.randint(MOST_BYTES // 4, 15_000)
    return _tagged(address, b",fb", _float(value) + struct.pack(">i", size) + bytes(size))


def _nested_too_deeply(chance: random.Random, address: str, value: float) -> bytes:
    packet = osc_message(address, value)
    for _ in range(chance.randint(DEEPEST + 1, 400)):
        packet = osc_bundle(packet)
    return packet


def _nothing_nested_too_deeply(chance: random.Random, address: str, value: float) -> bytes:
    return nested_bundles(chance.randint(DEEPEST, 400))


def _element_size(chance: random.Random, address: str, value: float) -> bytes:
    message = osc_message(address, value)
    sizes = {-1, 0, 1, 2, len(message) - 4, len(message) + 4, len(message) + 1, 1 << 30, -(1 << 31)}
    size = chance.choice(sorted(sizes))
    return b"#bundle\0" + struct.pack(">Qi", 1, size) + message


def _another_time(chance: random.Random, address: str, value: float) -> bytes:
    tag = chance.choice((0, 2, 1 << 63, 4_070_908_800 << 32, 2_208_988_800 << 32, chance.getrandbits(64) | 2))
    return osc_bundle(osc_message(address, value), time_tag=tag)


def _another_time_inside(chance: random.Random, address: str, value: float) -> bytes:
    return osc_bundle(osc_message(address, value), _another_time(chance, address, value))


def _cut_time_tag(chance: random.Random, address: str, value: float) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1)[: chance.randrange(8)]


def _bundle_by_another_name(chance: random.Random, address: str, value: float) -> bytes:
    packet = osc_bundle(osc_message(address, value))
    return chance.choice((b"#bundla\0", b"#BUNDLE\0", b"#bundle ", b"bundle#\0", b"\0bundle\0")) + packet[8:]


def _good_beside_broken(chance: random.Random, address: str, value: float) -> bytes:
    broken = WAYS[chance.choice(_SMALL)](chance, address, value)
    broken += bytes(-len(broken) % 4)
    return osc_bundle(osc_message(address, value), broken or bytes(4))


WAYS: dict[str, Callable[[random.Random, str, float], bytes]] = {
    "type tags without a comma": _no_comma,
    "fewer arguments than type tags": _too_few_arguments,
    "more arguments than type tags": _too_many_arguments,
    "an unknown type tag": _unknown_tag,
    "a type tag that is no text": _tag_that_is_no_text,
    "cut off": _cut,
    "an address that is not UTF-8": _address_of(bytes(range(0x80, 0x100))),
    "an address with control characters or a space": _address_of(bytes((*range(1, 0x21), 0x7F))),
    "an address without a slash": _no_slash,
    "an address without an end": _address_without_end,
    "a blob longer than its packet": _blob_too_long,
    "text that is not UTF-8, or without an end": _text_argument,
    "arrays that do not end, or are nested too deeply": _arrays,
    "too large": _too_large,
    "a message in too many bundles": _nested_too_deeply,
    "too many bundles of nothing": _nothing_nested_too_deeply,
    "an element of a wrong size": _element_size,
    "a bundle for another time": _another_time,
    "a bundle for another time in one for now": _another_time_inside,
    "a bundle cut off in its time tag": _cut_time_tag,
    "a bundle by another name": _bundle_by_another_name,
    "a good message beside a broken one": _good_beside_broken,
}
_SMALL = (
    "type tags without a comma",
    "more arguments than type tags",
    "an unknown type tag",
    "an address that is not UTF-8",
    "an address without a slash",
    "an element of a wrong size",
    "a bundle for another time",
)
