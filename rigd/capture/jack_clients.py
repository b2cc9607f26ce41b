"""JACK's clients as the server itself lists them, and those that PortAudio cannot reach by its own means.

PortAudio hands a client's name to `jack_get_ports`, which reads it as a regular expression, to be found anywhere in
a port's name (pa_jack.c). A name with + ( [ $ ^ * or a dot then fits no port, or others' ports; and "stage" fits
those of "backstage" as well. For such a client a stand-in with as many ports and a plain name is there when PortAudio
makes its list; the stream is opened on the stand-in, and the ports that are meant are connected to it by their exact
names before it starts. Belongs to one thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from rigd.capture.interfaces import Interface
from rigd.capture.portaudio_library import JACK_HOST_API
from rigd.capture.quiet import quiet_stderr
from rigd.model.errors import InterfaceError

STAND_IN = "rigd-stand-in"
_LOOKING = "rigd-looks"
_OF_ALSA = ("hw:", "usb:")
_PATTERN = frozenset("\\^$.|?*+()[]{}")
"""What means something in a POSIX extended regular expression."""


def read_jack_clients() -> dict[str, tuple[str, ...]]:
    """Every client with audio outputs, and the full names of its ports in the order in which it registered them.
    Empty where no server runs, or libjack is missing."""
    client = _client(_LOOKING)
    if client is None:
        return {}
    try:
        return clients_of(_port_names(client, is_output=True))
    finally:
        client.close()


def clients_of(ports: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The clients of these ports, but for rigd's own."""
    found: dict[str, list[str]] = {}
    for port in ports:
        found.setdefault(port.partition(":")[0], []).append(port)
    return {name: tuple(of) for name, of in found.items() if not name.startswith((STAND_IN, _LOOKING))}


def meant_client(clients: Mapping[str, Sequence[str]], wanted: str) -> tuple[str, tuple[str, ...]] | None:
    """The client that a config's device means, and its ports; None where it means none, or several."""
    name = wanted.strip().removesuffix(f", {JACK_HOST_API}")
    if not name:
        return None
    if name in clients:
        return name, tuple(clients[name])
    # A client's own name may have a colon in it; its ports then begin with all of it.
    ports = tuple(port for of in clients.values() for port in of if port.startswith(f"{name}:"))
    if ports:
        return name, ports
    fitting = [each for each in clients if wanted.strip().casefold() in f"{each}, {JACK_HOST_API}".casefold()]
    return (fitting[0], tuple(clients[fitting[0]])) if len(fitting) == 1 else None


def is_misread(name: str, clients: Mapping[str, Sequence[str]]) -> bool:
    """Whether PortAudio, looking for this client's ports, finds none of them, or others' as well."""
    if _PATTERN & set(name) or ":" in name:
        return True
    return any(f"{name}:" in port[1:] for of in clients.values() for port in of)


def with_true_inputs(
    interfaces: Sequence[Interface], clients: Mapping[str, Sequence[str]]
) -> list[Interface]:
    """What PortAudio lists, with JACK's clients as the server has them. A client that PortAudio lists with a wrong
    number of inputs, or not at all, has index -1: it is opened by a stand-in."""
    if not clients:
        return list(interfaces)
    of_jack = {each.name: each for each in interfaces if each.host_api == JACK_HOST_API}
    rate_hz = next((each.default_rate_hz for each in of_jack.values()), 0)
    true = [each for each in interfaces if each.host_api != JACK_HOST_API or each.name not in clients]
    true = [each for each in true if not each.name.startswith((STAND_IN, _LOOKING))]
    for name, ports in clients.items():
        listed = of_jack.get(name)
        if listed is None:
            listed = Interface(index=-1, name=name, host_api=JACK_HOST_API, inputs=0, default_rate_hz=rate_hz)
        true.append(replace(listed, inputs=len(ports)))
    return true


class StandIn:
    """A client with a plain name in the place of one that PortAudio cannot reach. Made before PortAudio is."""

    def __init__(self, name: str, ports: Sequence[str], client: Any) -> None:
        self.name = name
        """The client that is meant."""
        self._ports = tuple(ports)
        self._client = client
        for number in range(len(self._ports)):
            client.outports.register(f"out_{number + 1}")
        _take_part(client)
        client.activate()

    @classmethod
    def where_needed(cls, wanted: str) -> StandIn | None:
        """For the client that a config's device means; None where PortAudio can reach it, or it is none of JACK's."""
        if not wanted.strip() or wanted.startswith(_OF_ALSA):
            return None
        clients = read_jack_clients()
        meant = meant_client(clients, wanted)
        if meant is None or not is_misread(meant[0], clients):
            return None
        client = _client(STAND_IN)
        return None if client is None else cls(*meant, client)

    def among(self, interfaces: Sequence[Interface]) -> list[Interface]:
        """PortAudio's list with the client that is meant in the stand-in's place."""
        stand_in = next((each for each in interfaces if each.name == str(self._client.name)), None)
        if stand_in is None:
            raise InterfaceError(
                f'the JACK client "{self.name}" has a name that PortAudio reads as a pattern, and the stand-in that '
                "rigd made for it is not listed. Nothing was opened. Give that client a name of letters and digits"
            )
        others = [each for each in interfaces if each not in (stand_in,) and each.name != self.name]
        return [*others, replace(stand_in, name=self.name, inputs=len(self._ports), is_default=False)]

    def connect(self, client_name: str, *, channels: int) -> None:
        """The ports that are meant are connected to those of PortAudio's client. Between opening and starting."""
        own = [
            name for name in _port_names(self._client, is_input=True) if name.startswith(f"{client_name}:")
        ]
        if len(own) < channels:
            raise InterfaceError(
                f'the JACK client "{self.name}" could not be connected: rigd has {len(own)} ports on the server and '
                f"needs {channels}. Nothing was recorded. Give that client a name of letters and digits"
            )
        module = importlib.import_module("jack")
        for source, port in zip(self._ports[:channels], own, strict=False):
            try:
                self._client.connect(source, port)
            except module.JackError as error:
                raise InterfaceError(
                    f'the JACK port "{source}" could not be connected to "{port}" ({error}). Nothing was recorded'
                ) from error

    def close(self) -> None:
        """The stand-in is gone with its silence; the connections that are meant stay."""
        if self._client is not None:
            client, self._client = self._client, None
            with quiet_stderr():
                client.deactivate()
                client.close()


def _port_names(client: Any, **kind: bool) -> list[str]:
    """In the order in which they were registered."""
    names = []
    for port in client.get_ports(is_audio=True, **kind):
        with contextlib.suppress(RuntimeError):  # it went between the list and the question for its name
            names.append(port.name)
    return names


def _take_part(client: Any) -> None:
    """The client has a place in the server's cycle: without one, whoever is connected to it waits for ever.

    What is called in each cycle is libc's `pthread_equal`, which takes (frames, NULL), touches nothing and answers 0:
    a function of Python's would hold up the whole graph whenever another thread has the GIL.
    """
    module = importlib.import_module("jack")
    address = ctypes.cast(ctypes.CDLL(None).pthread_equal, ctypes.c_void_p).value
    nothing = module._ffi.cast("JackProcessCallback", address)
    module._lib.jack_set_process_callback(client._ptr, nothing, module._ffi.NULL)


def _client(name: str) -> Any:
    """A client of the server that runs; None where none does."""
    with quiet_stderr():
        try:
            module = importlib.import_module("jack")
            return module.Client(name, no_start_server=True)
        except (ImportError, OSError):
            return None
        except module.JackError:
            return None
