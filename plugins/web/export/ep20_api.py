"""/api/telemetry and /api/health as the EP20's own monitor serves them, for programs written against it.

A figure of a UPS that is stale is null: an old value never passes for a current one.
"""

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from datasette import Request, Response

from ingest.db.time import parse_utc
from ingest.severity import Severity
from ingest.ups.mains import PowerSource
from ingest.ups.status import status_tokens
from plugins.web.query import TOO_SLOW, Row, select
from plugins.web.responses import json_errors
from plugins.web.site import Site
from reporting.ups_state import is_old, is_on_battery

FIELDS = {  # field of that monitor -> column of ups_overview
    "input_voltage": "input_voltage",
    "output_voltage": "output_voltage",
    "battery_voltage": "battery_voltage",
    "battery_level": "battery_charge",
    "load_percent": "ups_load",
    "load_power": "watts",
    "frequency": "output_frequency",
    "input_frequency": "input_frequency",
    "temperature": "ups_temperature",
}
WHOLE = ("battery_level", "load_percent", "load_power")  # that monitor sends whole numbers
STATUSES = (("OFF", "off"), ("BYPASS", "bypass"), ("OL", "online"))  # the first that is there
NO_STORE = {"cache-control": "no-store"}
UPSES = "select * from ups_overview where configured or name = ? order by driver <> 'must', id"
OPEN_EVENTS = f"""select event, words, detail from ups_events where ups = ? and ended_at is null
  and severity <> '{Severity.OK}' and acknowledged is null order by id"""


async def telemetry(datasette: Site, request: Request) -> Response:
    """GET /api/telemetry: one UPS by `ups`, else the first EP20, else the first UPS."""
    name = request.args.get("ups")
    rows = await select(datasette, UPSES, [name])
    if rows is None:
        return json_errors(503, TOO_SLOW)
    ups = next((row for row in rows if name in (None, "", row["name"])), None)
    if ups is None:
        return json_errors(404, f"No UPS {name}" if name else "No UPS was read so far")
    figures = {} if is_old(ups) else ups
    body: dict[str, Any] = {field: figures.get(name) for field, name in FIELDS.items()}  # Any: JSON
    for field in WHOLE:
        if body[field] is not None:
            body[field] = round(body[field])
    at = ups["sampled_at"] or ups["status_at"]
    local = datetime.fromtimestamp(parse_utc(at), ZoneInfo(datasette.timezone)) if at else None
    body |= {
        "timestamp": f"{local:%Y-%m-%d %H:%M:%S}" if local else None,
        "status": status(ups),
        "uptime": uptime(datasette),
        "alarms": await alarms(datasette, ups),
    }
    return Response.json(body, headers=NO_STORE)


def status(ups: Row) -> str:
    """`online`, `battery`, `bypass`, `off`; `stale` or `no data` where the current status is not known."""
    if is_old(ups):
        return str(ups["state"]).lower()
    if is_on_battery(ups):
        return "battery"
    tokens = status_tokens(ups["status"])
    by_mains = "online" if ups["mains"] in (PowerSource.MAINS.value, PowerSource.TEST.value) else "unknown"
    return next((text for token, text in STATUSES if token in tokens), by_mains)


async def alarms(site: Site, ups: Row) -> list[str]:
    """The open events of the UPS as text, without routine and acknowledged ones."""
    rows = await select(site, OPEN_EVENTS, [ups["id"]])
    return [row["detail"] or row["words"] for row in rows or []]


def uptime(site: Site) -> str:
    """How long the site has run, `HH:MM:SS`."""
    whole = int(time.monotonic() - site.started)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


async def health(datasette: Site, request: Request) -> Response:
    """GET /api/health"""
    now = datetime.now(ZoneInfo(datasette.timezone)).replace(tzinfo=None)
    body = {"status": "running", "uptime": uptime(datasette), "timestamp": now.isoformat()}
    return Response.json(body, headers=NO_STORE)
