"""One setting that a Follower follows: what the device said of it, and what is still to be done about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rigd.model.gain import Ability, ReadBack
from rigd.model.units import Ns, SettingName

MS = 1_000_000
CONFIRM_NS = 250 * MS
NEVER_NS = 1 << 62
_SLOWEST_RETRY_NS = 4_000 * MS


@dataclass(slots=True, kw_only=True)
class HeldSetting:
    """Of one socket, or of those that have it together."""

    sockets: tuple[int, ...]
    """In use; the first of them is asked."""
    name: SettingName
    ability: Ability
    value: float | None = None
    """What the device said last; of one that cannot say, what it was sent last."""
    fresh: bool = False
    """The device has said so since it came (back)."""
    target: float | None = None
    """What was asked for and is not yet reached."""
    step: float | None = None
    """What was sent last and is not yet confirmed."""
    refused: bool = False
    """Something else than `step` was heard since it was sent."""
    refusals: int = 0
    tries: int = 0
    read_due: bool = False
    in_doubt: bool = False
    """A push of it may have been dropped in a flood."""
    awaited: bool = False
    """It was read, and no answer has come yet."""
    reread: bool = False
    """That read was made for nothing but to see whether a push was lost."""
    spoken_ns: int = -NEVER_NS
    progress_ns: int = 0
    late: bool = False
    """Already told that it is not confirmed in time."""
    told: tuple[float, bool] | None = None
    given_up: float | None = None
    """The wish that was dropped, where that has not been told yet."""

    @property
    def is_silent(self) -> bool:
        """The device can never say what it is."""
        return self.ability.read_back is ReadBack.NEVER

    @property
    def is_idle(self) -> bool:
        """Nothing is asked for."""
        return self.step is None and self.target is None

    @property
    def settle_ns(self) -> int:
        return self.ability.settle_ms * MS

    @property
    def confirm_ns(self) -> int:
        """So long it may take until a wish is late."""
        return CONFIRM_NS + self.settle_ns

    def is_same(self, one: float, other: float) -> bool:
        """Both are the same of the preamp's own values."""
        return abs(one - other) < max(self.ability.tolerance, 1e-9)

    def is_at(self, value: float | None) -> bool:
        return self.value is not None and value is not None and self.is_same(self.value, value)

    def due(self) -> tuple[int, int]:
        """(urgency, when): 0 is most urgent."""
        retry_ns = self.spoken_ns + min(CONFIRM_NS << min(self.tries, 8), _SLOWEST_RETRY_NS)
        if self.read_due:
            return 0, self.spoken_ns + self.settle_ns
        if self.step is not None:
            return 1, max(retry_ns, self.spoken_ns + self.settle_ns)
        if self.target is not None and (self.fresh or self.is_silent):
            return 1, self.spoken_ns  # all climb together: none waits until another one is there
        if self.is_silent:
            return 3, NEVER_NS
        if not self.fresh:
            return 2 if self.target is None else 1, retry_ns
        return 3, 0 if self.in_doubt else NEVER_NS

    def asked(self, value: float, now: Ns) -> None:
        """The newest wish."""
        self.target, self.step, self.read_due = value, None, False
        self.refusals = self.tries = 0
        self.progress_ns, self.late, self.told, self.given_up = now, False, None, None

    def drop(self) -> None:
        """The wish is given up."""
        self.given_up = self.target
        self.target = self.step = None
        self.read_due = False

    def lost(self) -> None:
        """The device is away: nothing that it said holds any more."""
        self.fresh = self.read_due = self.awaited = self.reread = False
        self.step = self.told = None
