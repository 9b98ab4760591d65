"""How alerts do, for `voltkeeper status` and `check`: whether they are sent, each target, what is muted."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.time import format_utc
from outbound.alerts.mutes import Mute, active_mutes, describe_end
from outbound.sending.health import TargetHealth, has_alerts, read_health
from outbound.sending_lock import is_sending
from reporting.formatting import format_second, plural

NOT_RUNNING = "are not sent: `voltkeeper outbound` does not run; `voltkeeper up` starts it, or its unit"


def alert_lines(config: Config) -> list[str]:
    """The lines of `status`; none where nothing is to be sent. Raises sqlite3.Error."""
    if not config.sends_messages:
        return []
    running = "are sent" if is_sending(config.database) else NOT_RUNNING
    return [
        f"alerts   {running}",
        *(f"target   {one.name} ({one.address}): {describe_target(one)}" for one in _targets(config)),
        *(f"muted    {text}" for text in _mutes(config)),
    ]


def alert_notes(config: Config) -> Iterator[str]:
    """What `check` notes: that nothing sends, and what is muted. Raises sqlite3.Error."""
    if config.sends_messages and not is_sending(config.database):
        yield NOT_RUNNING
    for text in _mutes(config):
        yield f"muted: {text}"


def alert_failures(config: Config) -> Iterator[str]:
    """The targets that fail now. Raises sqlite3.Error."""
    for one in _targets(config):
        if one.failing_since:
            yield f"target {one.name} {describe_target(one)}"


def describe_target(target: TargetHealth) -> str:
    """Last success, failure and what waits, as text."""
    if target.failing_since:
        state = f"fails for {_age(target.failing_since)}: {target.failure}"
    elif target.verdict == "Warning":
        state = f"failed {_age(target.failed_at)} ago: {target.failure}"
    elif target.sent_at:
        answer = f": {target.answer}" if target.answer else ""
        state = f"took a message {_age(target.sent_at)} ago{answer}"
    else:
        state = "nothing was sent yet"
    waiting = f"; {plural(target.waiting, 'message')} waiting" if target.waiting else ""
    return f"{state}{waiting}"


def _age(at: str | None) -> str:
    seconds = (datetime.now(UTC) - datetime.fromisoformat(at or format_utc(0))).total_seconds()
    return format_duration(max(0.0, seconds))


def _targets(config: Config) -> list[TargetHealth]:
    if config.alerts is None or not config.database.exists():
        return []
    with closing(connect(config.database, readonly=True)) as connection:
        return read_health(connection, config) if has_alerts(connection) else []


def _mutes(config: Config) -> list[str]:
    """The active mutes as text."""
    if not config.database.exists():
        return []
    with closing(connect(config.database, readonly=True)) as connection:
        if not has_alerts(connection):
            return []
        return [
            f"{mute.scope} {describe_until(connection, mute, config.timezone)}"
            for mute in active_mutes(connection)
        ]


def describe_until(connection: sqlite3.Connection, mute: Mute, timezone: str) -> str:
    """When a mute ends: `until 30 Nov 2026 14:00:00`, or with what."""
    if mute.until is None:
        return describe_end(connection, mute)
    return f"until {format_second(format_utc(mute.until), timezone)}"
