"""What the config says of each UPS that the UPS does not report itself: the entries of `ups:`."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.ups.commands import invalid_name_reason
from ingest.ups.corrections import VariableSettings, check_variables, invalid_record_reason
from ingest.ups.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True)
class UpsSettings:
    """One entry of `ups:`.

    W, power factor of 1. Only the commands and settings named here can be ordered. `variables` are
    corrections and names of single variables; those that `record` names are kept as series.
    """

    label: str = ""
    location: str = ""
    realpower_nominal: float | None = None
    power_factor: float | None = None
    discharging_is_outage: bool = False
    limits: Limits = DEFAULT_LIMITS
    commands: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    variables: dict[str, VariableSettings] = field(default_factory=dict)
    record: tuple[str, ...] = ()

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each value that is wrong."""
        for kind in ("commands", "settings"):
            names = getattr(self, kind)
            for name in names:
                reason = invalid_name_reason(name, kind)
                if reason:
                    yield kind, reason
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield kind, f"{name!r} is named twice"
        yield from check_variables(self.variables)
        for pattern in self.record:
            if reason := invalid_record_reason(pattern):
                yield "record", reason
        if self.realpower_nominal is not None and self.realpower_nominal <= 0:
            yield "realpower_nominal", "has to be more than 0 W"
        if self.power_factor is not None and not 0 < self.power_factor <= 1:
            yield "power_factor", "has to be more than 0 and at most 1"


NO_SETTINGS = UpsSettings()
