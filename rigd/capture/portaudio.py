"""The PortAudio driver: any interface of its host APIs (ALSA, JACK, PipeWire's JACK) to the tape's C core.

PortAudio calls the C callback directly; no Python runs while sound comes in. One thread makes, finds, starts
and stops. Never waits for an interface that is not there: the process ends and is started again, because
PortAudio's list of interfaces is frozen once it is initialised.

With JACK an interface is a client of the server that has output ports ("system": the sound card), and input n
is its n-th port in the order in which it registered them (pa_jack.c).
"""

from __future__ import annotations

import contextlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rigd.capture.driver import FoundInterface, SettingsModel, StreamLeft
from rigd.capture.interfaces import Interface, card_of, choose_interface
from rigd.capture.jack_clients import StandIn
from rigd.capture.jack_leaving import leave_servers
from rigd.capture.portaudio_library import ALSA_HOST_API, CLIP_OFF, JACK_HOST_API, PortAudio
from rigd.model.errors import InterfaceError, MismatchError
from rigd.model.messages import CaptureSettings
from rigd.wire.sound_cards import read_cards

if TYPE_CHECKING:
    from rigd.model.found import FoundHere
    from rigd.tape.capture_core import CaptureCore

PORTAUDIO_FULL_SCALE = 8_388_608.0
"""pa_converters.c divides integer samples by a power of two; JACK's drivers by 2^23 - 1 (memops.c)."""
LARGEST_RATE_ERROR_HZ = 1.0
LEFT_WITHIN_S = 0.3
ANY_BLOCK_LENGTH = 0
"""paFramesPerBufferUnspecified. Each callback then brings what the host brought, untouched. Asked for a length of
its own, PortAudio puts blocks together: several come at once, each with the flag of one xrun, and the first may begin
with frames from before it (pa_process.c)."""


class PortAudioDriver:
    """A callback stream of planar float32, input only."""

    settings_model = SettingsModel("rigd.capture.options:PortAudioOptions")

    @staticmethod
    def found_here() -> FoundHere:
        """For `rigd devices`; capture itself never loads what lists them."""
        return cast("FoundHere", import_module("rigd.capture.devices").found_here())

    def __init__(self, settings: CaptureSettings, runtime: Path) -> None:
        self._settings = settings
        self._portaudio: PortAudio | None = None
        self._interface: Interface | None = None
        self._stand_in: StandIn | None = None
        self._channels = settings.tape.channels
        self._stream: Any = None

    @property
    def in_callback(self) -> bool:
        return True

    def find(self) -> FoundInterface:
        """PortAudio is initialised and the interface chosen. Raises InterfaceError: not there, ambiguous, another
        rate."""
        channels, rate = self._settings.tape.channels, self._settings.tape.sample_rate_hz
        self._stand_in = StandIn.where_needed(self._settings.device)
        self._portaudio = PortAudio(client_name=str(self._settings.options.get("client_name", "rigd")))
        listed = self._portaudio.interfaces()
        cards = read_cards()
        self._interface = choose_interface(
            listed if self._stand_in is None else self._stand_in.among(listed),
            self._settings.device,
            # One that is named may have come back with fewer; what to make of that is for who opens it.
            channels=1 if self._settings.device.strip() else channels,
            cards=cards,
        )
        channels = self._channels = min(channels, self._interface.inputs)
        self._portaudio.check_rate(self._interface, channels=channels, sample_rate_hz=rate)
        is_jack = self._interface.host_api == JACK_HOST_API
        jack_full_scale = float(self._settings.options.get("jack_full_scale", 8_388_607))
        return FoundInterface(
            device=self._interface.full_name,
            host_api=self._interface.host_api,
            sample_rate_hz=rate,
            channels=channels,
            full_scale=jack_full_scale if is_jack else PORTAUDIO_FULL_SCALE,
            warnings=_warnings(self._interface),
            usb_serial=card[0].usb_serial if (card := card_of(self._interface, cards)) is not None else "",
        )

    def start(self, core: CaptureCore) -> None:
        """The stream runs. Raises InterfaceError where the interface refuses, or opens at another rate."""
        portaudio, interface = self._portaudio, self._interface
        if portaudio is None or interface is None:
            raise InterfaceError("the interface has to be found before it is opened. Nothing was opened")
        rate = self._settings.tape.sample_rate_hz
        ffi, lib = portaudio.ffi, portaudio.lib
        stream = ffi.new("PaStream **")
        code = lib.Pa_OpenStream(
            stream,
            portaudio.stream_parameters(
                interface,
                channels=self._channels,
                period_frames=self._settings.period_frames,
                latency_s=float(self._settings.options.get("latency_ms", 170)) / 1000.0,
                sample_rate_hz=rate,
            ),
            ffi.NULL,
            float(rate),
            ANY_BLOCK_LENGTH,
            CLIP_OFF,
            ffi.cast("PaStreamCallback *", core.callback_address),
            ffi.cast("void *", core.user_address),
        )
        portaudio.check(code, f'interface "{interface.full_name}" could not be opened')
        info = lib.Pa_GetStreamInfo(stream[0])
        actual = info.sampleRate
        if abs(actual - rate) > LARGEST_RATE_ERROR_HZ:
            lib.Pa_CloseStream(stream[0])
            raise MismatchError(
                f'interface "{interface.full_name}" opened at {actual:g} Hz, the rig is set to {rate} Hz. It '
                f"was closed again. Set its clock to {rate} Hz, or audio.sample_rate_hz = {actual:.0f}"
            )
        from rigd.tape.blocks import Blocks  # not at the top: no tape is needed to list interfaces

        core.describe_host(blocks=Blocks.WHOLE, told_frames=self._told_frames(info.inputLatency))
        if self._stand_in is not None:
            self._stand_in.connect(portaudio.jack_client_name(), channels=self._channels)
        portaudio.check(
            lib.Pa_StartStream(stream[0]), f'interface "{interface.full_name}" could not be started'
        )
        if self._stand_in is not None:
            self._stand_in.close()
        self._stream = stream[0]

    def _told_frames(self, latency_s: float) -> int:
        """ALSA tells each overrun, and cannot have one while less than its whole buffer waits. JACK skips cycles and
        tells nobody."""
        assert self._interface is not None
        if self._interface.host_api != ALSA_HOST_API:
            return 0
        return round(latency_s * self._settings.tape.sample_rate_hz) + self._settings.period_frames

    def stop(self) -> None:
        """The stream is closed and PortAudio gone, or a JACK server has let go of this process (StreamLeft). With an
        interface that is gone it may never return."""
        if self._stand_in is not None:
            self._stand_in.close()
        with contextlib.suppress(OSError):  # a server that hangs
            if self._stream is not None and leave_servers(within_s=LEFT_WITHIN_S):
                raise StreamLeft
        if self._portaudio is not None:
            if self._stream is not None:
                self._portaudio.lib.Pa_AbortStream(self._stream)
                self._portaudio.lib.Pa_CloseStream(self._stream)
                self._stream = None
            self._portaudio.terminate()
            self._portaudio = None


def _warnings(interface: Interface) -> tuple[str, ...]:
    if interface.host_api == ALSA_HOST_API and "(hw:" not in interface.name:
        return (
            f'interface "{interface.full_name}" is one of ALSA\'s plugins, which may convert rate and '
            "channels without saying so. Use the name of the card itself, the one with (hw:N,0), from: "
            "rigd devices",
        )
    return ()
