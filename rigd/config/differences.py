"""What a config says that differs from the defaults. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from rigd.config.faults import shown
from rigd.config.sections import PLAIN_SECTIONS


def differences(
    document: dict[str, Any], drivers: Mapping[str, type[BaseModel]]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Each option by its whole name, with its value and its default, where they differ. Pure.

    `drivers`: the settings model of each kind of [audio.NAME]."""
    for section, model in PLAIN_SECTIONS.items():
        for key, value in document.get(section, {}).items():
            if isinstance(value, dict):
                model_of_kind = drivers.get(key)
                for inner, inner_value in value.items():
                    default = None if model_of_kind is None else _default_of(model_of_kind, inner)
                    if default != inner_value:
                        yield f"{section}.{key}.{inner}", (inner_value, default)
            elif (default := _default_of(model, key)) != value:
                yield f"{section}.{key}", (value, default)


def _default_of(model: type[BaseModel], key: str) -> Any:
    default = model.model_fields[key].get_default(call_default_factory=True, validated_data={})
    return list(default) if isinstance(default, tuple) else default


def in_words(value: Any) -> str:
    """A value as TOML would write it."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return shown(value)
