"""The section `ota:` of config.yml: how many transfers at a time, how long to wait, how a rollout goes on."""

from dataclasses import dataclass

from ota.rollout import RolloutSettings
from ota.update import Settings


@dataclass(frozen=True)
class Rollout:
    """Several nodes scheduled together: `first` prove the image, then `at_once` at a time.

    That many `failures` stop it.
    """

    first: int = 1
    at_once: int = 1
    failures: int = 1
    settle_s: float = 30

    def check(self):
        for key in ("first", "at_once", "failures"):
            if getattr(self, key) < 1:
                yield key, "has to be 1 or more"
        if self.settle_s < 0:
            yield "settle_s", "has to be 0 or more seconds"


@dataclass(frozen=True)
class Ota:
    """Firmware over the air. Times in seconds; what each bounds stands in `ota/update.py`."""

    at_once: int = 1
    effect_s: float = 10
    stall_s: float = 15
    verify_s: float = 45
    lost_s: float = 900
    lost_sleeping_s: float = 86_400
    expire_s: float = 7 * 86_400
    rollout: Rollout = Rollout()

    def check(self):
        if self.at_once < 1:
            yield "at_once", "has to be 1 or more"
        for key in ("effect_s", "stall_s", "verify_s", "lost_s", "lost_sleeping_s", "expire_s"):
            if getattr(self, key) < 1:
                yield key, "has to be 1 or more seconds"

    def settings(self):
        """The times as the state machine of an update takes them."""
        return Settings(
            effect_s=self.effect_s,
            stall_s=self.stall_s,
            verify_s=self.verify_s,
            lost_s=self.lost_s,
            lost_sleeping_s=self.lost_sleeping_s,
            expire_s=self.expire_s,
        )

    def rollout_settings(self):
        return RolloutSettings(
            self.rollout.first, self.rollout.at_once, self.rollout.failures, self.rollout.settle_s
        )
