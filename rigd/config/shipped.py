"""Where what comes with rigd lies: example configs, units, docs. In a checkout, and where a wheel was installed."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

LAYOUT = "share/rigd"
"""Below it a wheel has the checkout's folders: configs, systemd, docs (pyproject.toml, data-files)."""
PROOF = "configs/demo.toml"


def shipped_folder() -> Path | None:
    """The folder with `configs`, `systemd` and `docs` in it; None where it was installed without them."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / PROOF).is_file() and (checkout / "pyproject.toml").is_file():
        return checkout
    try:
        files = importlib.metadata.files("rigd") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix().endswith(f"{LAYOUT}/{PROOF}"):
            found = Path(str(file.locate())).resolve()
            return found.parents[1] if found.is_file() else None
    return None


def shipped(name: str) -> Path:
    """`configs/demo.toml` and the like, where it lies; by its name alone where it does not."""
    folder = shipped_folder()
    return Path(name) if folder is None else folder / name
