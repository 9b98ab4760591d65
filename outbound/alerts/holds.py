"""What keeps a message back: rules with a digest, quiet hours; and when that is over. Pure."""

from ingest.config.alerts import Alerts
from ingest.severity import Severity
from outbound.alerts.delivery import BY_RULE, LATE, QUIET, Delivery
from outbound.alerts.quiet import digest_at, held_until
from outbound.alerts.rules import RuleChoice

# Nothing is held for longer than a day, a long one of the change to winter time: a time that is further away
# was computed by a clock that was wrong.
LONGEST_S = 26 * 3600.0

Hold = tuple[float | None, str]  # until when (unix seconds), and `held_why`
NO_HOLD: Hold = (None, "")


def find_hold(
    alerts: Alerts, choice: RuleChoice, severity: Severity, now: float, is_believed: bool, timezone: str
) -> Hold:
    """What keeps a message back from `now` (unix seconds); a suspect clock has no quiet hours."""
    until, why = (digest_at(choice.digest, timezone, now), BY_RULE) if choice.digest else NO_HOLD
    if is_believed:
        quiet = held_until(alerts.quiet, severity, now if until is None else until, timezone)
        if quiet is not None:
            until, why = quiet, why or QUIET
    return until, why


def is_released(delivery: Delivery, now: float, is_believed: bool, waited_s: float) -> bool:
    """Whether a delivery is not held back now. `waited_s`: for how long this process has seen it wait.

    While the clock is not believed, what waits for a time of day goes on waiting, but never for more than
    LONGEST_S.
    """
    if delivery.held_until is None or delivery.held_why == LATE or waited_s > LONGEST_S:
        return True
    return is_believed and not 0 < delivery.held_until - now <= LONGEST_S
