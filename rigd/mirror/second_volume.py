"""The second volume's two parts: the link to its writer, and who makes the two volumes agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from rigd.library.keeper import LibraryKeeper
from rigd.links.other_build import OtherBuild
from rigd.links.process_link import Upkeep
from rigd.mirror.keeper import MirrorKeeper
from rigd.mirror.link import MirrorLink
from rigd.model.inputs import TwoVolumes
from rigd.model.state import RigState
from rigd.rules.mirroring import may_copy


class SecondVolume:
    """Both parts, made together; each is started by itself."""

    def __init__(self, *, link: MirrorLink, keeper: MirrorKeeper, volumes: TwoVolumes) -> None:
        self.link, self.keeper, self.volumes = link, keeper, volumes

    @classmethod
    def of(
        cls,
        *,
        library: Path,
        mirror: Path | None,
        runtime_dir: Path,
        keeper: LibraryKeeper,
        state: Callable[[], RigState],
        post: Callable[[Any], None],
        other_build: OtherBuild,
        prepare: Callable[[], None],
        upkeep: Upkeep,
    ) -> Self | None:
        """None where there is no mirror. The rest as for WriterLink and MirrorKeeper."""
        if mirror is None:
            return None
        return cls(
            link=MirrorLink(
                runtime_dir=runtime_dir,
                post=post,
                other_build=other_build,
                prepare=prepare,
                upkeep=upkeep,
            ),
            keeper=MirrorKeeper(
                library=library,
                mirror=mirror,
                keeper=keeper,
                may_copy=lambda: may_copy(state()),
                post=post,
                now=lambda: datetime.now().astimezone(),
            ),
            volumes=TwoVolumes(library=str(library.absolute()), mirror=str(mirror.absolute())),
        )
