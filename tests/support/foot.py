"""A foot whose every press is placed on a frame: a JACK MIDI port that tells the frame it pressed at.

The frame is JACK's own frame time, which is what `CounterPlayer` counts: the code on row 0 of that very
frame is `frame mod 2^23`.
"""

from __future__ import annotations

import queue
from types import TracebackType
from typing import Any

from tests.support.jack_server import JackServer, open_client

ANSWER_WITHIN_S = 10.0


class JackFoot:
    """A momentary switch, control change 80, as port "foot:switch"."""

    def __init__(self, server: JackServer) -> None:
        self._client: Any = open_client("foot", server.name)
        self._port: Any = self._client.midi_outports.register("switch")
        self._wanted: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._pressed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._held = 0
        self._client.set_process_callback(self._process)

    def __enter__(self) -> JackFoot:
        self._client.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.deactivate()
        self._client.close()

    def tap(self, offset: int) -> int:
        """Down `offset` frames into a period and up some periods later. The frame of the press."""
        self._wanted.put(offset)
        return self._pressed.get(timeout=ANSWER_WITHIN_S)

    def _process(self, frames: int) -> None:
        self._port.clear_buffer()
        if self._held:
            self._held -= 1
            if self._held == 0:
                self._port.write_midi_event(0, (0xB0, 80, 0))
        elif not self._wanted.empty():
            offset = self._wanted.get_nowait()
            self._port.write_midi_event(offset, (0xB0, 80, 127))
            self._pressed.put(self._client.last_frame_time + offset)
            self._held = 4
