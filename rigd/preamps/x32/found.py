"""A desk of these kinds at an address, and the config to mean it. Any thread; waits a second at most."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from rigd.model.found import FoundPreamp
from rigd.model.plain_text import toml_inside
from rigd.preamps.osc_desk.find import model_at

MOST_OWN_SOCKETS = 32
"""Those beyond are its stage boxes'."""


def found_at(
    host: str, *, kind: str, question: str, settings: type[BaseModel], port: int | None = None
) -> FoundPreamp | None:
    """None where no such desk answers. A model that rigd does not know is left to the default."""
    usual: int = settings.model_fields["port"].default
    model = model_at(host, usual if port is None else port, question)
    if not model:
        return None
    lines = f'kind = "{kind}"\nhost = "{toml_inside(host)}"\n'
    lines += "" if port is None else f"port = {port}\n"
    try:
        known: Any = settings(host=host, model=model)
        lines += f'model = "{model}"\n'
    except ValidationError:
        known = settings(host=host)
    sockets = sum(socket <= MOST_OWN_SOCKETS for socket in known.sockets())
    return FoundPreamp(called=model, lines=lines, sockets=sockets)
