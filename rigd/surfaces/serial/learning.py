"""`rigd learn` of boxes on a serial line: which one speaks there, and which of its controls is moved. One thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import to_builtins

from rigd.hands.bindings import ONE_SWITCH
from rigd.hands.learning import LearnedControl, LearnedSoFar, toml_text
from rigd.model.plain_text import plain_line
from rigd.model.units import ClockNs, Ns
from rigd.surfaces.serial.recognised import GREETING, Box, BoxRecogniser
from rigd.wire.serial_ports import config_for, lasting_path, list_ports

BAUDS = {"deej": 9_600, "rigd": 115_200}
"""As the settings have them where they say nothing."""


class BoxLearner:
    """See rigd.hands.learning.Learner. It has no ports of its own: a line is named."""

    speeds = (9_600, 115_200, 57_600, 38_400)
    """Of deej and of rigd's own boxes; two that older sketches have."""

    def __init__(self, clock: ClockNs) -> None:
        self._path = ""
        self._baud: int | None = None
        self._send: Callable[[bytes], None] = lambda said: None
        self._has_greeted = False
        self._begin()

    def _begin(self) -> None:
        self._recogniser = BoxRecogniser()
        self._unknown_bytes = 0

    def open(self, port: str) -> Sequence[str]:
        """See Learner."""
        return ()

    def wait(self, timeout_s: float) -> None:
        """See Learner."""

    def begin_line(self, path: str, baud: int | None, send: Callable[[bytes], None]) -> None:
        """See Learner."""
        self._path, self._baud, self._send = path, baud, send
        self._begin()

    def feed(self, brought: bytes, at_ns: Ns) -> int:
        """See Learner. A box is known all at once, and then all that it said is understood."""
        self._recogniser.feed(brought)
        self._unknown_bytes += len(brought)
        box = self._recogniser.box
        if box is None:
            return 0
        if box.protocol == "rigd" and not self._has_greeted:
            self._has_greeted = True
            self._send(GREETING)  # it says what it has, and where its faders stand
        understood, self._unknown_bytes = self._unknown_bytes, 0
        return understood

    def finding(self, now_ns: Ns) -> LearnedSoFar | None:
        """See Learner."""
        box = self._recogniser.box
        if box is None:
            return None
        if not box.control:
            what = box.what or "a box"
            return LearnedSoFar(
                ask=f"{what}: move one of its controls",
                trouble=f"{what} is there, and nothing was moved",
                is_moved=False,
            )
        return LearnedSoFar(learned=self._learned(box))

    @property
    def remark(self) -> str:
        """See Learner."""
        return ""

    def close(self) -> None:
        """See Learner."""

    def _learned(self, box: Box) -> LearnedControl:
        place, remark = _place(self._path)
        facts = {
            "port": self._path,
            "control": box.control,
            "absolute": box.control.startswith("fader"),
            "baud": self._baud,
            "remark": remark,
            "place": place,
            "box": to_builtins(box),
        }
        lines = ["[surface.box]", 'kind = "serial"', place, f"protocol = {toml_text(box.protocol)}"]
        if self._baud not in (None, BAUDS[box.protocol]):
            lines.append(f"baud = {self._baud}")
        if box.protocol == "deej" and box.fader_max != 1023:
            lines.append(f"fader_max = {box.fader_max}")
        lines.append("")
        if remark:
            lines.append(f"# {remark}")
        lines += ["[[surface.box.binding]]", f"control = {toml_text(box.control)}", *_does(box)]
        return LearnedControl(lines="\n".join(map(plain_line, lines)) + "\n", facts=facts)


def _does(box: Box) -> list[str]:
    if box.control.startswith("fader"):
        return ["gain = 1  # the channel"]
    if box.control.startswith("encoder"):
        return ["nudge = 1  # the channel"]
    grammar = [f"{gesture} = {toml_text(command)}" for gesture, command in ONE_SWITCH.items()]
    return ['mode = "momentary"', *grammar]


def _place(path: str) -> tuple[str, str]:
    """The line of the config by which a box is found after the next plug, and what to know where there is none."""
    ports = list_ports()
    meant = [port for port in ports if port.device == path]
    line = config_for(meant[0], ports).splitlines()[2] if meant else ""
    if line.startswith("usb_"):
        return line, ""
    lasting, remark = lasting_path(path, ports)
    return f"port = {toml_text(lasting)}", remark
