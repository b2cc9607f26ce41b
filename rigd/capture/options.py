"""What [audio.portaudio] may hold. Imported by the config only; the capture process gets plain values."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import field_validator

from rigd.capture.interfaces import is_card_number
from rigd.config.options import Options, option
from rigd.model.access import Access

JACK_FULL_SCALES = (8_388_607, 8_388_608)


class PortAudioOptions(Options):
    """PortAudio's own settings."""

    client_name: str = option("rigd", "Name of rigd's client on a JACK server", longest=32)
    jack_full_scale: int = option(
        8_388_607,
        "What the JACK server divides a 24-bit code by: 8388607 for jackd, 8388608 for PipeWire",
        choices=JACK_FULL_SCALES,
    )
    latency_ms: int = option(
        170, "How late the computer may be before an ALSA interface loses sound: its buffer is as long, in whole "
        "periods; more is safer, and costs a recording nothing",
        unit="ms", least=10, most=2000,
    )  # fmt: skip

    @staticmethod
    def access(device: str) -> Access:
        """What [audio] device needs: ALSA's devices, and a JACK server unless it is a card's own name."""
        return Access(sound=True, shared_memory=not device.startswith(("hw:", "usb:")))

    @staticmethod
    def warnings(device: str) -> Iterator[str]:
        """What a person should know of [audio] device."""
        if is_card_number(device):
            yield (
                f'device "{device}" is a card\'s number, which goes by the order of plugging: rigd refuses it. Write '
                "hw:CARD=... as rigd devices prints it"
            )

    @field_validator("client_name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not name or not name.isascii() or not name.isprintable() or ":" in name:
            raise ValueError("must be plain ASCII without a colon, as JACK asks")
        return name

    @field_validator("jack_full_scale")
    @classmethod
    def _known_scale(cls, scale: int) -> int:
        if scale not in JACK_FULL_SCALES:
            raise ValueError("must be 8388607 or 8388608")
        return scale
