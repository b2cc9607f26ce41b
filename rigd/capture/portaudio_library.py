"""PortAudio itself: loaded, initialised and asked. One thread only, as PortAudio demands.

The declarations come from the sounddevice package (its module _sounddevice, cffi, out of line). Importing
`sounddevice` itself would initialise PortAudio at once, before a JACK client name can be set, and would close
it at exit, where it may hang. Every error leaves here as InterfaceError with PortAudio's own words.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import math
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from rigd.capture.interfaces import Interface
from rigd.capture.quiet import quiet_stderr as _quiet_stderr
from rigd.model.errors import InterfaceError, MismatchError

LIBRARY_NAMES = ("libportaudio.so.2", "libportaudio.2.dylib")
PLANAR_FLOAT32 = 0x00000001 | 0x80000000
"""paFloat32 | paNonInterleaved (portaudio.h)."""
CLIP_OFF = 0x00000001
"""paClipOff: nothing is converted on the way, so nothing is to be clipped."""
INVALID_SAMPLE_RATE = -9997
UNANTICIPATED_HOST_ERROR = -9999
JACK_HOST_API = "JACK Audio Connection Kit"
ALSA_HOST_API = "ALSA"
LEAST_PERIODS = 2
RATES_OF_THE_TRADE_HZ = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)

MISSING = (
    "PortAudio is not installed: {names} was not found. Nothing was opened. "
    "Install it: sudo apt install libportaudio2"
)


class AlsaBuffer(Struct, frozen=True, kw_only=True):
    """What PortAudio is asked for so that ALSA's own period is the one of the config.

    Left free to choose the length of its callbacks' blocks, PortAudio hands each host buffer through as it came,
    divides the latency by a number of periods, and makes the buffer one period longer than that (pa_linux_alsa.c,
    DetermineFramesPerBuffer and FinishConfigure).
    """

    periods: int
    latency_s: float

    @classmethod
    def of(cls, *, period_frames: int, latency_s: float, sample_rate_hz: int) -> AlsaBuffer:
        """So many whole periods that an interface may hold back at least `latency_s`."""
        periods = max(LEAST_PERIODS, math.ceil(latency_s * sample_rate_hz / period_frames))
        # Half a frame more: PortAudio cuts off what is behind the point.
        return cls(periods=periods, latency_s=(periods * period_frames + 0.5) / sample_rate_hz)


class PortAudio:
    """An initialised PortAudio. Its list of interfaces is that of the moment it was made, for ever:
    who wants a new one starts a new process."""

    def __init__(self, *, client_name: str = "rigd", library_names: Sequence[str] = LIBRARY_NAMES) -> None:
        self.ffi: Any = _declarations()
        self.lib, name = _load(self.ffi, library_names)
        # PortAudio keeps the pointer, not the text (pa_jack.c), so the bytes must live as long as it does.
        self._client_name = client_name.encode("ascii")
        self._name = name
        _set_jack_client_name(name, self._client_name)
        with _quiet_stderr():
            self.check(self.lib.Pa_Initialize(), "PortAudio could not start")

    def interfaces(self) -> list[Interface]:
        """Every interface that PortAudio found, in its order, those without inputs among them."""
        default = self.lib.Pa_GetDefaultInputDevice()
        found = []
        for index in range(max(0, self.lib.Pa_GetDeviceCount())):
            device = self.lib.Pa_GetDeviceInfo(index)
            host_api = self.lib.Pa_GetHostApiInfo(device.hostApi)
            found.append(
                Interface(
                    index=index,
                    name=self._text(device.name),
                    host_api=self._text(host_api.name),
                    inputs=device.maxInputChannels,
                    default_rate_hz=round(device.defaultSampleRate),
                    is_default=index == default,
                )
            )
        return found

    def jack_client_name(self) -> str:
        """What the JACK server calls this process; the server may have added a number."""
        name = ctypes.c_char_p()
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(self._name).PaJack_GetClientName(ctypes.byref(name))
        return (name.value or self._client_name).decode(errors="replace")

    def input_parameters(self, interface: Interface, *, channels: int, latency_s: float) -> Any:
        """A PaStreamParameters for planar float32 input."""
        return self.ffi.new(
            "PaStreamParameters *",
            {
                "device": interface.index,
                "channelCount": channels,
                "sampleFormat": PLANAR_FLOAT32,
                "suggestedLatency": latency_s,
            },
        )

    def stream_parameters(
        self,
        interface: Interface,
        *,
        channels: int,
        period_frames: int,
        latency_s: float,
        sample_rate_hz: int,
    ) -> Any:
        """The same for a stream that is to run: with ALSA its own period is `period_frames`, or as near to it as the
        card has one, and the card may hold back `latency_s`."""
        highest = self.lib.Pa_GetDeviceInfo(interface.index).defaultHighInputLatency
        latency_s = max(latency_s, highest)
        if interface.host_api == ALSA_HOST_API:
            buffer = AlsaBuffer.of(
                period_frames=period_frames, latency_s=latency_s, sample_rate_hz=sample_rate_hz
            )
            latency_s = buffer.latency_s
            with contextlib.suppress(AttributeError, OSError):  # a PortAudio without ALSA does not export it
                ctypes.CDLL(self._name).PaAlsa_SetNumPeriods(ctypes.c_int(buffer.periods))
        return self.input_parameters(interface, channels=channels, latency_s=latency_s)

    def check_rate(self, interface: Interface, *, channels: int, sample_rate_hz: int) -> None:
        """Raises MismatchError where the interface cannot be opened at this rate; says which it runs at."""
        if interface.host_api == JACK_HOST_API:
            if interface.default_rate_hz != sample_rate_hz:
                raise MismatchError(
                    f"the JACK server runs at {interface.default_rate_hz} Hz, the rig is set to "
                    f"{sample_rate_hz} Hz. Nothing was opened. Set audio.sample_rate_hz = "
                    f"{interface.default_rate_hz}, or start the server with -r {sample_rate_hz}"
                )
            return
        parameters = self.input_parameters(interface, channels=channels, latency_s=0.0)
        with _quiet_stderr():
            code = self.lib.Pa_IsFormatSupported(parameters, self.ffi.NULL, float(sample_rate_hz))
        if code == INVALID_SAMPLE_RATE:
            rates = self.rates_of(interface, channels=channels)
            listed = ", ".join(str(rate) for rate in rates) or str(interface.default_rate_hz)
            raise MismatchError(
                f'interface "{interface.full_name}" does not run at {sample_rate_hz} Hz; it runs at '
                f"{listed} Hz. Nothing was opened. Set audio.sample_rate_hz to what its clock is set to"
            )
        self.check(code, f'interface "{interface.full_name}" cannot be opened with {channels} inputs')

    def rates_of(self, interface: Interface, *, channels: int) -> tuple[int, ...]:
        """The usual rates at which the interface can be opened now with so many inputs."""
        if interface.host_api == JACK_HOST_API:
            return (interface.default_rate_hz,)
        parameters = self.input_parameters(interface, channels=channels, latency_s=0.0)
        with _quiet_stderr():
            return tuple(
                rate
                for rate in RATES_OF_THE_TRADE_HZ
                if self.lib.Pa_IsFormatSupported(parameters, self.ffi.NULL, float(rate)) == 0
            )

    def check(self, code: int, what: str) -> None:
        """Raises InterfaceError with PortAudio's own words for any code but success."""
        if code >= 0:
            return
        words = self._text(self.lib.Pa_GetErrorText(code))
        if code == UNANTICIPATED_HOST_ERROR:
            host = self.lib.Pa_GetLastHostErrorInfo()
            words = f"{words} ({self._text(host.errorText)})" if host.errorCode else words
        raise InterfaceError(
            f"{what}: PortAudio says: {words} ({code}). Nothing was opened. If another program holds it "
            "(PipeWire, PulseAudio), stop that program; else look at: rigd devices"
        )

    def terminate(self) -> None:
        """All streams are closed and PortAudio is gone. May hang where an interface does."""
        self.lib.Pa_Terminate()

    def _text(self, words: Any) -> str:
        return str(self.ffi.string(words).decode("utf-8", errors="replace")) if words else ""


def _declarations() -> Any:
    try:
        return importlib.import_module("_sounddevice").ffi
    except ImportError as error:
        raise InterfaceError(
            "the Python package sounddevice is not installed. Nothing was opened. "
            "Install it: pip install sounddevice"
        ) from error


def _load(ffi: Any, names: Sequence[str]) -> tuple[Any, str]:
    failure: OSError | None = None
    for name in names:
        try:
            return ffi.dlopen(name), name
        except OSError as error:
            failure = error
    raise InterfaceError(MISSING.format(names=names[0])) from failure


def _set_jack_client_name(library: str, client_name: bytes) -> None:
    """Only a PortAudio that was built with JACK exports it."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(library).PaJack_SetClientName(ctypes.c_char_p(client_name))
