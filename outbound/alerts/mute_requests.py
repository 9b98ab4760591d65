"""What users ask to be muted, from page, API and command line: checked against config and database."""

import sqlite3
from dataclasses import dataclass

from ingest.config.alerts import Alerts
from ingest.errors import VoltkeeperError
from ingest.nearest import nearest
from outbound.alerts.mutes import LONGEST_S, MuteScope
from outbound.alerts.rules import rule_names

SCOPES = ("ups", "node", "rule", "everything")
UNTIL_END = "end"
NODE_NAMES = (
    "select g.name || '/' || n.node_id from nodes n join gateways g on g.id = n.gateway order by n.id"
)
OPEN_EVENTS = """select id, case kind when 'node' then ref else name end as name, event, kind from all_events
  where ended_at is null order by id desc"""


class MuteError(VoltkeeperError):
    """A mute that cannot be made; `field` is the one that is wrong."""

    def __init__(self, message: str, field: str = "", is_missing: bool = False) -> None:
        super().__init__(message)
        self.field, self.is_missing = field, is_missing


@dataclass(frozen=True)
class MuteFields:
    """A mute as a user names it, unchecked; '' for what is not given.

    One of the first four says what is muted. Its end is `for_s`, in seconds, or `until`, which is UNTIL_END.
    """

    ups: str = ""
    node: str = ""
    rule: str = ""
    everything: bool = False
    for_s: str = ""
    until: str = ""

    def named_scopes(self) -> list[str]:
        """Which of SCOPES are given."""
        return [name for name in SCOPES if getattr(self, name)]


@dataclass(frozen=True)
class MuteRequest:
    """A checked mute: for so many seconds, or until the event `event` (`events.id`) ends."""

    scope: MuteScope
    for_s: float | None
    event: int | None = None
    event_text: str = ""  # which one that is

    def __str__(self) -> str:
        until = f"until {self.event_text} ends" if self.event else f"for {self.for_s:g} s"
        return f"{self.scope} is muted {until}"


def parse_mute(connection: sqlite3.Connection, alerts: Alerts, fields: MuteFields) -> MuteRequest:
    """Check the fields of a mute. Raises MuteError."""
    scope = _parse_scope(connection, alerts, fields)
    for_s, until = fields.for_s, fields.until
    if bool(for_s) == bool(until):
        raise MuteError("Name its end: either for_s, in seconds, or until=end, the end of the event", "for_s")
    if for_s:
        return MuteRequest(scope, _seconds(for_s))
    if until != UNTIL_END:
        raise MuteError(
            f"until is {until!r}: only `end` is known, the end of the event; for_s is a time", "until"
        )
    return MuteRequest(scope, None, *_newest_event(connection, alerts, scope))


def _parse_scope(connection: sqlite3.Connection, alerts: Alerts, fields: MuteFields) -> MuteScope:
    given = fields.named_scopes()
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "none was given"
        raise MuteError(f"Name what to mute: one of {', '.join(SCOPES)}; {found}", field="".join(given[1:2]))
    rule = f"rule {fields.rule}" if fields.rule.isdigit() else fields.rule
    return MuteScope(
        ups=_known(fields.ups, "ups", "UPS", _column(connection, "select name from ups order by id")),
        node=_known(fields.node, "node", "node", _column(connection, NODE_NAMES)),
        rule=_known(rule, "rule", "rule", rule_names(alerts)),
        everything=fields.everything,
    )


def _known(text: str, field: str, kind: str, names: list[str]) -> str | None:
    if not text:
        return None
    if text not in names:
        known = nearest(text, names) if names else "there is none yet"
        raise MuteError(f"{field} is {text!r}: there is no such {kind}; {known}", field, is_missing=True)
    return text


def _column(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [row[0] for row in connection.execute(sql)]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= LONGEST_S:
        raise MuteError(f"for_s is {text!r}: a number of seconds from 1 to {LONGEST_S} is needed", "for_s")
    return seconds


def _newest_event(connection: sqlite3.Connection, alerts: Alerts, scope: MuteScope) -> tuple[int, str]:
    """The id of the open event that began last of those in the scope, and which one it is."""
    sent = {name: rule.events for name, rule in zip(rule_names(alerts), alerts.rules, strict=False)}
    for number, name, event, kind in connection.execute(OPEN_EVENTS):
        if (
            scope.everything
            or (scope.rule is not None and (scope.rule not in sent or event in sent[scope.rule]))
            or (scope.ups is not None and (kind, name) == ("UPS", scope.ups))
            or (scope.node is not None and (kind, name) == ("node", scope.node))
        ):
            return number, f"{event} of {name}"
    raise MuteError(f"There is no open event of {scope}: give for_s, a time in seconds", "until")
