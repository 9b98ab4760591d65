"""The page /-/alerts: targets, rules, what goes on and to whom, deliveries, mutes."""

import sqlite3
import time
from dataclasses import asdict

from datasette import Request, Response

from ingest.config.alerts import Alerts
from ingest.config.model import Config
from ingest.db.connection import dict_rows
from ingest.db.time import format_utc
from ingest.orders.numbers import whole_number
from ingest.severity import Severity, event_severity
from outbound.alerts.kinds import KNOWN_EVENTS, event_kind, words_alone
from outbound.alerts.model import DeliveryState
from outbound.alerts.outlook import OpenAlert, read_outlook
from outbound.alerts.played_events import NODES, UPSES
from outbound.alerts.quiet import held_until
from outbound.alerts.rules import rule_names, rule_sentences
from outbound.sending.health import TargetHealth, read_health
from outbound.sending_lock import is_sending
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Endpoint, Json, documented_route
from plugins.web.pages.mutes import read_mutes
from plugins.web.query import DATABASE, Row
from plugins.web.render.address import address_of
from plugins.web.responses import page, wants_page
from plugins.web.site import Site

PER_PAGE = 100
FILTERS = ("target", "state")
DELIVERIES = """select d.*, e.event as of_event from deliveries d left join events e on e.id = d.event
  where ?1 in ('', d.target) and ?2 in ('', d.state) and (?3 = 0 or d.id < ?3) order by d.id desc limit ?4"""
CHOICES = 300  # nodes that the form of mutes offers


async def alerts(datasette: Site, request: Request) -> Response:
    """GET /-/alerts, filtered by `target`, `state` and `before` (an id); as JSON for programs."""
    require(datasette, request.actor, "maintain")
    chosen = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    before = whole_number(request.args.get("before") or "", digits=15) or 0
    config = datasette.config
    context: Json = await datasette.get_database(DATABASE).read_hidden(
        lambda connection: read_alerts(connection, config, chosen, before)
    )
    context["mutes"] = await read_mutes(datasette)
    if not wants_page(request):
        return Response.json({"ok": True, **context}, headers={"cache-control": "no-store"})
    address = address_of("/-/alerts", chosen)
    more = {
        "chosen": chosen,
        "before": before,
        "address": address,
        "states": list(DeliveryState),
        "defaults": default_events(),
    }
    return await page(datasette, request, "pages/-/alerts.html", context | more)


def default_events() -> dict[str, list[str]]:
    """What is sent where there are no rules: by severity, the critical first, the words of each event."""
    found: dict[str, list[str]] = {str(severity): [] for severity in (Severity.CRITICAL, Severity.WARNING)}
    for kind in KNOWN_EVENTS.values():
        if kind.in_defaults:
            found.setdefault(str(event_severity(kind.event)), []).append(words_alone(kind.event))
    return {severity: list(dict.fromkeys(words)) for severity, words in found.items()}


def read_alerts(connection: sqlite3.Connection, config: Config, chosen: dict[str, str], before: int) -> Json:
    """Everything but the mutes, as JSON has it."""
    settings, now = config.alerts or Alerts(), time.time()
    filters = [chosen.get(name, "") for name in FILTERS]
    rows = dict_rows(connection, DELIVERIES, (*filters, before, PER_PAGE + 1))
    return {
        "configured": bool(settings.targets),
        "running": is_sending(config.database),
        "targets": [_target(one) for one in read_health(connection, config)],
        "rules": [
            {"name": name, "text": text}
            for name, text in zip(rule_names(settings), rule_sentences(settings), strict=True)
        ],
        "quiet": _quiet(settings, config.timezone, now),
        "repeat_s": settings.repeat_s,
        "heartbeat_s": settings.heartbeat.every_s if settings.heartbeat else None,
        "open": [_open(one) for one in read_outlook(connection, config, now)],
        "deliveries": rows[:PER_PAGE],
        "more": rows[PER_PAGE - 1]["id"] if len(rows) > PER_PAGE else None,
        "upses": dict_rows(connection, UPSES),
        "nodes": dict_rows(connection, f"{NODES} limit {CHOICES}"),
    }


def _target(health: TargetHealth) -> Row:
    return {**asdict(health), "verdict": health.verdict}


def _quiet(settings: Alerts, timezone: str, now: float) -> Row | None:
    quiet = settings.quiet
    if quiet is None:
        return None
    until = held_until(quiet, Severity.WARNING, now, timezone)
    return {
        "from": quiet.begin,
        "to": quiet.end,
        "except": quiet.exempt,
        "until": None if until is None else format_utc(until),
    }


def _open(alert: OpenAlert) -> Row:
    event = alert.event
    return {
        "id": event.id,
        "event": event.event,
        "words": event_kind(event.event).words,
        "severity": str(event.severity),
        "kind": event.subject_kind,
        "name": event.name,
        "label": event.label,
        "href": event.href,
        "detail": event.detail,
        "started_at": format_utc(event.started_at),
        "to": [
            {
                "target": one.target,
                "rule": one.rule,
                "text": one.text,
                "delivery": one.delivery and one.delivery.id,
                "state": one.delivery and str(one.delivery.state),
            }
            for one in alert.recipients
        ],
    }


ALERTS = documented_route(
    r"^/-/alerts$",
    alerts,
    Endpoint(
        "Alerts: targets, rules, deliveries, mutes",
        "Programs that do not ask for HTML get JSON.",
        right="maintain",
        fields={
            "target": "deliveries to this target alone",
            "state": f"deliveries in this state alone: {', '.join(DeliveryState)}",
            "before": "id of a delivery: older ones",
        },
        answer="page",
    ),
)
