"""The part of /metrics about alerts: whether they are sent, to which targets, what waits, what is muted."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.config.model import Config
from ingest.db.time import parse_utc
from outbound.alerts.mutes import active_mutes
from outbound.sending.health import LOOKED, TargetHealth, has_alerts, read_health
from outbound.sending_lock import is_sending
from plugins.web.export.metric import Metric


@dataclass(frozen=True)
class AlertFigures:
    """What is known of alerts now."""

    is_running: bool
    targets: Sequence[TargetHealth]
    mutes: int

    @classmethod
    def read(cls, connection: sqlite3.Connection, config: Config) -> "AlertFigures | None":
        """Those of a database; None where nothing is configured. Only reads."""
        if not config.sends_messages or not has_alerts(connection):
            return None
        running, targets = is_sending(config.database), read_health(connection, config)
        return cls(running, targets, len(active_mutes(connection)))


def alert_metrics(figures: AlertFigures | None) -> list[Metric]:
    """The metrics; none where alerts are not configured."""
    if figures is None:
        return []
    targets, now = figures.targets, time.time()
    return [
        Metric("alerts_up", "1 while the process that sends runs.", [({}, int(figures.is_running))]),
        Metric(
            "alerts_target_up",
            "0 while the target fails.",
            [({"target": one.name}, int(not one.failing_since)) for one in targets],
        ),
        Metric(
            "alerts_waiting",
            "Messages to the target that are not sent yet.",
            [({"target": one.name}, one.waiting) for one in targets],
        ),
        Metric(
            "alerts_success_age_seconds",
            "Time since the target took a message.",
            [({"target": one.name}, now - parse_utc(one.sent_at)) for one in targets if one.sent_at],
        ),
        Metric(
            "alerts_deliveries",
            f"Messages to the target by state, among the newest {LOOKED}.",
            [
                ({"target": one.name, "state": state}, count)
                for one in targets
                for state, count in sorted(one.counts.items())
            ],
        ),
        Metric("alerts_mutes", "Mutes that hold now.", [({}, figures.mutes)]),
    ]
