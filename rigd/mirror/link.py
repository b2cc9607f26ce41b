"""The daemon's end of the link to the second volume's writer: what it says is the mirror's word. Its thread
passes facts on; any thread may send.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rigd.links.other_build import OtherBuild
from rigd.links.process_link import Upkeep
from rigd.links.writer_link import WriterLink
from rigd.model.inputs import MirrorLost, MirrorSaid


class MirrorLink(WriterLink):
    """Starts or finds the writer "mirror"."""

    def __init__(
        self,
        *,
        runtime_dir: Path,
        post: Callable[[Any], None],
        other_build: OtherBuild,
        prepare: Callable[[], None],
        upkeep: Upkeep = Upkeep.OWN,
    ) -> None:
        super().__init__(
            runtime_dir=runtime_dir,
            post=lambda fact: post(MirrorSaid(fact=fact)),
            lost=lambda reason: post(MirrorLost(reason=reason)),
            other_build=other_build,
            prepare=prepare,
            name="mirror",
            upkeep=upkeep,
        )
