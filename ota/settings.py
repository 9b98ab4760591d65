"""The section `ota:` of config.yml. The defaults fit the timeouts that the bootloaders are built with."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class RolloutSettings:
    """A rollout: `first` nodes prove the image, then `at_once` go at a time; `failures` stop it."""

    first: int = 1
    at_once: int = 1
    failures: int = 1
    settle_s: float = 30  # a confirmed node counts when it is heard so long after its confirmation, or later

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield (key, what is wrong with it)."""
        for key in ("first", "at_once", "failures"):
            if getattr(self, key) < 1:
                yield key, "has to be 1 or more"
        if self.settle_s < 0:
            yield "settle_s", "has to be 0 or more seconds"


@dataclass(frozen=True)
class OtaSettings:
    """Firmware over the air. `at_once`: transfers that a gateway carries; times are in seconds."""

    at_once: int = 1
    effect_s: float = 10  # a reboot or an offer should show by then (find parent 4 s, first request, slack)
    stall_s: float = 15  # a library node asks 6 times in 3 to 5 s, then never again
    verify_s: float = 45  # last block -> CRC, restart, copying, new configuration request
    lost_s: float = 900  # an awake node that is silent for so long is asked for its presentation ...
    lost_sleeping_s: float = 86_400  # ... and one that sleeps
    expire_s: float = 7 * 86_400  # a node that is never heard after an update was requested
    rollout: RolloutSettings = RolloutSettings()

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield (key, what is wrong with it)."""
        if self.at_once < 1:
            yield "at_once", "has to be 1 or more"
        for key in ("effect_s", "stall_s", "verify_s", "lost_s", "lost_sleeping_s", "expire_s"):
            if getattr(self, key) < 1:
                yield key, "has to be 1 or more seconds"
